use std::{future::poll_fn, io::Read, net, pin::Pin, thread};

use tokio::{io::AsyncWrite, net::TcpListener, runtime::Builder};

use super::*;
use crate::{
    exposition::Format,
    http::{Limits, View, rendering::Renderings, stream::Stream},
};

async fn render(renderings: &Renderings, bytes: usize) -> Arc<Rendering> {
    // no part is like another
    let number = |n: usize| u8::try_from(n * n / 7 % 251).unwrap();
    let page: Vec<u8> = (0..bytes).map(number).collect();
    let encode = || Ok(Arc::new(page));
    let limits = Limits::default();
    let all = View::All;
    renderings.get(Format::Text, all, &limits, encode).await.unwrap()
}

fn run(test: impl Future<Output = ()>) {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build().unwrap().block_on(test);
}

#[test]
fn it_is_the_page_that_was_asked_for_often_and_no_copy() {
    run(async {
        let renderings = Renderings::default();
        let page = render(&renderings, LEAST).await;
        let filed = Filed::default();
        for _ in 1..OFTEN {
            filed.asked_for(&page);
            assert!(filed.state().find(page.plain()).is_none());
        }
        filed.asked_for(&page);
        let at = |bytes: &[u8]| filed.state().find(bytes).map(|(_, at)| at);
        assert_eq!(at(page.plain()), Some(0));
        assert_eq!(at(&page.plain()[7..9]), Some(7));
        let copy = page.plain().to_vec();
        assert_eq!(at(&copy), None);
        // nor once it has gone
        let bytes = page.coded(crate::http::coding::Coding::Identity).1;
        drop((renderings, page));
        assert_eq!(at(&bytes), None);

        for (bytes, is_filed) in
            [(LEAST - 1, false), (MOST, true), (MOST + 1, false)]
        {
            let page = render(&Renderings::default(), bytes).await;
            (0..OFTEN).for_each(|_| filed.asked_for(&page));
            assert_eq!(filed.state().find(page.plain()).is_some(), is_filed);
        }
    });
}

#[test]
fn a_file_that_cannot_be_sent_is_given_up() {
    run(async {
        let renderings = Renderings::default();
        let page = render(&renderings, LEAST).await;
        let filed = Filed::default();
        (0..OFTEN).for_each(|_| filed.asked_for(&page));
        let unreadable = File::options().write(true).open("/dev/null");
        filed.state().file = Some(unreadable.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let bufs = [IoSlice::new(page.plain())];
        poll_fn(|cx| {
            assert!(filed.poll_send(cx, &stream, &bufs).is_none());
            Poll::Ready(())
        })
        .await;
        assert!(filed.state().file.is_none());
    });
}

#[test]
fn who_reads_a_file_gets_the_same_bytes() {
    run(async {
        let renderings = Renderings::default();
        let page = render(&renderings, MOST).await;
        let filed = Filed::default();
        (0..OFTEN).for_each(|_| filed.asked_for(&page));
        assert!(filed.state().find(page.plain()).is_some());

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = thread::spawn(move || {
            let mut got = Vec::new();
            let mut stream = net::TcpStream::connect(address).unwrap();
            stream.read_to_end(&mut got).unwrap();
            got
        });
        let (stream, _) = listener.accept().await.unwrap();
        let head = b"head".as_slice();
        let wanted = [head, page.plain()].concat();
        let mut stream = Stream::Tcp(stream, filed.clone());
        let mut sent = 0;
        while sent < wanted.len() {
            let (head, page) = (&head[sent.min(4)..], page.plain());
            let page = &page[sent.saturating_sub(4)..];
            let both = [IoSlice::new(head), IoSlice::new(page)];
            let bufs = &both[usize::from(head.is_empty())..];
            let write = poll_fn(|cx| {
                Pin::new(&mut stream).poll_write_vectored(cx, bufs)
            });
            sent += write.await.unwrap();
        }
        drop(stream);
        assert!(client.join().unwrap() == wanted, "other bytes");
    });
}
