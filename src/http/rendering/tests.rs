//! What is shared, by whom, for how long.

use std::{cell::Cell, rc::Rc, time::Duration};

use tokio::{task::LocalSet, time::advance};

use super::*;
use crate::http::testing::paused;

const TEXT: Format = Format::Text;

fn run(test: impl Future<Output = ()>) {
    LocalSet::new().block_on(&paused(), test);
}

fn bytes(text: impl Into<Vec<u8>>) -> Result<Arc<Vec<u8>>, String> {
    Ok(Arc::new(text.into()))
}

fn ten() -> Result<Arc<Vec<u8>>, String> {
    bytes("123456789\n")
}

/// Shares nothing that is over.
fn limits(rendered_bytes: usize) -> Limits {
    let shared = Duration::ZERO;
    Limits { shared, rendered_bytes, ..Limits::default() }
}

async fn get(
    renderings: &Renderings,
    limit: usize,
    encode: impl FnOnce() -> Result<Arc<Vec<u8>>, String>,
) -> Outcome {
    renderings.get(TEXT, View::All, &limits(limit), encode).await
}

async fn get_ten(renderings: &Renderings, limit: usize) -> Outcome {
    get(renderings, limit, ten).await
}

/// What is held counts, and not only what is sent of it.
#[test]
fn room_counts_as_bytes_do() {
    run(async {
        let renderings = Renderings::default();
        let alive = || renderings.alive.load(Ordering::Relaxed);
        let roomy = || {
            let mut page = Vec::with_capacity(1000);
            page.extend(b"123456789\n");
            Ok(Arc::new(page))
        };
        let held = get(&renderings, 500, roomy).await.unwrap();
        assert_eq!(alive(), 1000);
        assert_eq!(get_ten(&renderings, 500).await.err(), Some(Failure::Busy));
        drop(held);
        assert_eq!(alive(), 0);
    });
}

/// A text for compressors.
fn long() -> Result<Arc<Vec<u8>>, String> {
    bytes("123456789\n".repeat(1000))
}

#[test]
fn those_who_ask_together_share() {
    run(async {
        let renderings = Rc::new(Renderings::default());
        let count = Rc::new(Cell::new(0));
        let ask = || {
            let (renderings, count) = (renderings.clone(), count.clone());
            tokio::task::spawn_local(async move {
                let encode = || {
                    count.set(count.get() + 1);
                    ten()
                };
                get(&renderings, 100, encode).await
            })
        };
        let together: Vec<_> = (0..5).map(|_| ask()).collect();
        for answer in together {
            answer.await.unwrap().unwrap();
        }
        assert_eq!(count.get(), 1);
        ask().await.unwrap().unwrap();
        assert_eq!(count.get(), 2, "who asks later gets a new one");
    });
}

#[test]
fn those_who_ask_soon_after_share_and_later_ones_do_not() {
    run(async {
        let renderings = Renderings::default();
        let count = Cell::new(0);
        let limits =
            Limits { shared: Duration::from_millis(5), ..Limits::default() };
        let ask = async |format, view| {
            let encode = || {
                count.set(count.get() + 1);
                ten()
            };
            renderings.get(format, view, &limits, encode).await.unwrap();
            count.get()
        };
        assert_eq!(ask(TEXT, View::All).await, 1);
        assert_eq!(ask(TEXT, View::All).await, 1);
        // what differs has its own
        assert_eq!(ask(TEXT, View::Public).await, 2);
        assert_eq!(ask(Format::OpenMetrics, View::All).await, 3);
        assert_eq!(ask(Format::OpenMetrics, View::Public).await, 4);
        assert_eq!(ask(TEXT, View::Public).await, 4);
        advance(Duration::from_millis(4)).await;
        assert_eq!(ask(TEXT, View::All).await, 4);
        advance(Duration::from_millis(1)).await;
        assert_eq!(ask(TEXT, View::All).await, 5, "it is 5 ms old");
    });
}

#[test]
fn formats_are_not_shared_but_their_budget_is() {
    run(async {
        let renderings = Renderings::default();
        let enough = limits(100);
        let other = || bytes("# EOF\n");
        let a = get_ten(&renderings, 100);
        let b = renderings.get(Format::OpenMetrics, View::All, &enough, other);
        let (mut a, mut b) = (Box::pin(a), Box::pin(b));
        std::future::poll_fn(|cx| {
            // both are waiting for their turn
            assert!(a.as_mut().poll(cx).is_pending());
            assert!(b.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        let (a, b) = (a.await.unwrap(), b.await.unwrap());
        assert_eq!(
            (&a.plain[..], &b.plain[..]),
            (&b"123456789\n"[..], &b"# EOF\n"[..])
        );
        drop(a);
        let busy = get_ten(&renderings, 15).await;
        // b is what one turned away has to wait for
        assert_eq!(busy.err(), Some(Failure::Busy));
        drop(b);
    });
}

#[test]
fn who_leaves_does_not_hold_up_the_rest() {
    run(async {
        let renderings = Renderings::default();
        {
            let mut gone = Box::pin(get_ten(&renderings, 100));
            std::future::poll_fn(|cx| {
                assert!(gone.as_mut().poll(cx).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
        }
        assert_eq!(get_ten(&renderings, 100).await.unwrap().plain.len(), 10);
    });
}

#[test]
fn the_budget_counts_what_is_held() {
    run(async {
        let renderings = Renderings::default();
        let (_, first) = {
            let rendering = get_ten(&renderings, 15).await.unwrap();
            rendering.coded(Coding::Identity)
        };
        let busy = get_ten(&renderings, 15).await;
        assert_eq!(busy.err(), Some(Failure::Busy));
        drop(first);
        let again = get_ten(&renderings, 15).await;
        assert!(again.is_ok());
        drop(again);
        // larger than all of it, but alone
        assert!(get_ten(&renderings, 1).await.is_ok());
        // what is kept for others to share gives way to those who want it
        let public = renderings.get(TEXT, View::Public, &limits(15), ten).await;
        assert!(public.is_ok());
        drop(public);
        renderings.rows.iter().for_each(|row| *lock(&row.last) = None);
        assert_eq!(renderings.alive.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_large_one_is_not_kept() {
    run(async {
        let renderings = Renderings::default();
        for (size, kept) in [(KEPT, true), (KEPT + 1, false)] {
            let encode = || bytes(vec![b'x'; size]);
            drop(get(&renderings, usize::MAX, encode).await.unwrap());
            let alive = renderings.alive.load(Ordering::Relaxed);
            assert_eq!(alive, if kept { size } else { 0 });
        }
    });
}

#[test]
fn compressed_once_and_counted() {
    run(async {
        let renderings = Renderings::default();
        let rendering = get(&renderings, 1 << 20, long).await.unwrap();
        let plain = renderings.alive.load(Ordering::Relaxed);
        let (coding, first) = rendering.coded(Coding::Gzip);
        assert_eq!(coding, Coding::Gzip);
        assert!(first.len() < plain / 10, "{}", first.len());
        let alive = renderings.alive.load(Ordering::Relaxed);
        assert_eq!(alive, plain + first.len());
        let (_, second) = rendering.coded(Coding::Gzip);
        assert_eq!(first.as_ptr(), second.as_ptr());
        let (coding, third) = rendering.coded(Coding::Zstd);
        assert_eq!(coding, Coding::Zstd);
        assert_ne!(first, third);
    });
}

#[test]
fn what_is_small_is_not_compressed() {
    run(async {
        let renderings = Renderings::default();
        let rendering = get_ten(&renderings, 100).await.unwrap();
        for coding in [Coding::Identity, Coding::Gzip, Coding::Zstd] {
            let plain = Bytes::from("123456789\n");
            assert_eq!(rendering.coded(coding), (Coding::Identity, plain));
        }
    });
}

#[test]
fn a_panic_is_a_failure() {
    run(async {
        let renderings = Renderings::default();
        let failure = get(&renderings, 100, || panic!("expected")).await;
        let text = "a collector panicked".to_string();
        assert_eq!(failure.err(), Some(Failure::Broken(text)));
        assert!(get_ten(&renderings, 100).await.is_ok());
    });
}
