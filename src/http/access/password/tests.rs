use super::*;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap()
}

fn users() -> Users {
    let hash = bcrypt::hash("secret", 4).unwrap();
    Users::new(&[("prom".to_owned(), hash)].into()).unwrap()
}

fn peer(ip: &str) -> Peer {
    Peer::at(ip.parse().unwrap())
}

#[test]
fn hashes() {
    let rest = "QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";
    let hash = |cost| format!("$2y${cost}${rest}");
    for good in ["04", "10", "14"] {
        assert_eq!(check_hash(&hash(good)), Ok(()), "{good}");
    }
    let error = check_hash(&hash("15")).unwrap_err();
    assert!(error.starts_with("a bcrypt hash of cost 15; "), "{error}");
    for bad in ["", "secret", "$1$salt$hash", "$2y$10$short"] {
        let error = check_hash(bad).unwrap_err();
        assert!(error.starts_with("not a bcrypt hash"), "{bad}");
    }
    assert!(Users::new(&BTreeMap::new()).is_none());
}

#[test]
fn right_and_wrong() {
    let users = users();
    runtime().block_on(async {
        let check = async |name, password: &str| {
            users.check(name, password.as_bytes(), Peer::Unix).await
        };
        for _ in 0..2 {
            // the second time without bcrypt
            assert_eq!(check("prom", "secret").await, Verdict::Right);
            assert_eq!(check("prom", "wrong").await, Verdict::Wrong);
            assert_eq!(check("other", "secret").await, Verdict::Wrong);
        }
        assert_eq!(users.remembered().len(), 1);
    });
}

/// Were they all checked at the cost of one user, those who take longer
/// would be there.
#[test]
fn strangers_are_like_each_of_the_users() {
    let rest = "QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";
    let hash = |cost| format!("$2y${cost}${rest}");
    let hashes = [("a", "04"), ("b", "10"), ("c", "14")]
        .map(|(name, cost)| (name.to_owned(), hash(cost)));
    let users = Users::new(&hashes.into()).unwrap();
    let all = || (0..1000).map(|n| users.stranger(&format!("x{n}")));
    let seen: HashSet<_> = all().collect();
    assert_eq!(seen.len(), 3);
    // nor does asking twice tell
    assert!(all().eq(all()));
    // nor what another server says
    let others = Users::new(&users.hashes).unwrap();
    let theirs = (0..1000).map(|n| others.stranger(&format!("x{n}")));
    assert!(!all().eq(theirs));
}

#[test]
fn checks_are_bounded_and_what_is_known_needs_none() {
    let users = users();
    runtime().block_on(async {
        let check = async |password: &str, ip: &str| {
            users.check("prom", password.as_bytes(), peer(ip)).await
        };
        assert_eq!(check("secret", "10.0.0.1").await, Verdict::Right);
        let held: Vec<_> = (1..=MAX_WAITING)
            .map(|n| users.checks.begin(peer(&format!("10.0.1.{n}"))))
            .collect();
        assert!(held.iter().all(Option::is_some));
        assert_eq!(check("wrong", "10.0.0.2").await, Verdict::Busy);
        assert_eq!(check("secret", "10.0.0.2").await, Verdict::Right);
        drop(held);
        let one = users.checks.begin(peer("10.0.0.2"));
        assert!(one.is_some());
        assert_eq!(check("wrong", "10.0.0.2").await, Verdict::Busy);
        assert_eq!(check("wrong", "10.0.0.3").await, Verdict::Wrong);
    });
}

/// It would tell who is there if there were none for those who are not.
#[test]
fn a_name_that_is_not_there_is_checked_as_well() {
    let users = users();
    runtime().block_on(async {
        let gate = Arc::new(std::sync::Barrier::new(2));
        let wait = gate.clone();
        // occupies the only thread
        let busy = tokio::task::spawn_blocking(move || wait.wait());
        let mut other = Box::pin(users.check("other", b"secret", Peer::Unix));
        let first = std::future::poll_fn(|cx| {
            std::task::Poll::Ready(other.as_mut().poll(cx))
        })
        .await;
        // before anything can fail: the thread is waited for
        gate.wait();
        busy.await.unwrap();
        assert!(first.is_pending());
        assert_eq!(other.await, Verdict::Wrong);
    });
}

#[test]
fn a_check_counts_until_it_is_done_even_if_nobody_waits() {
    let users = users();
    runtime().block_on(async {
        let gate = Arc::new(std::sync::Barrier::new(2));
        let wait = gate.clone();
        // occupies the only thread
        let busy = tokio::task::spawn_blocking(move || wait.wait());
        {
            let mut gone =
                Box::pin(users.check("prom", b"x", peer("10.0.0.1")));
            std::future::poll_fn(|cx| {
                assert!(gone.as_mut().poll(cx).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
        }
        assert_eq!(users.checks.all().len(), 1);
        gate.wait();
        busy.await.unwrap();
        // the thread takes one after the other
        tokio::task::spawn_blocking(|| ()).await.unwrap();
        assert_eq!(users.checks.all().len(), 0);
    });
}
