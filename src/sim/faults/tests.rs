//! When faults happen, how often, and that the seed decides it.

use futures_util::poll;

use super::*;

fn checksums(skip: u32, times: u32, rate: f64) -> FaultRule {
    FaultRule {
        skip,
        rate,
        ..FaultRule::new(Fault::Checksum("BTC/USD".to_owned()), times)
    }
}

fn occasions(handle: &FaultHandle, count: usize) -> Vec<bool> {
    (0..count).map(|_| handle.corrupts("BTC/USD")).collect()
}

#[test]
fn a_fault_happens_after_its_skips_and_as_often_as_armed() {
    let handle = FaultHandle::seeded(vec![checksums(2, 2, 1.0)], 1);
    assert!(!handle.corrupts("ETH/USD"));
    let seen = occasions(&handle, 6);
    assert_eq!(seen, [false, false, true, true, false, false]);
    assert_eq!(handle.armed(), 0);
}

#[test]
fn the_seed_decides_when_a_fault_at_a_rate_happens_whatever_else_is_armed() {
    let seen = |seed: u64, noise: bool| {
        let handle = FaultHandle::seeded(vec![checksums(0, u32::MAX, 0.3)], seed);
        if noise {
            handle.arm(Fault::Silence("book".to_owned()), 100);
        }
        (0..300)
            .map(|_| {
                handle.silences("book");
                handle.corrupts("BTC/USD")
            })
            .collect::<Vec<bool>>()
    };
    let first = seen(7, false);
    assert_eq!(first, seen(7, true));
    assert_ne!(first, seen(8, false));
    let happened = first.iter().filter(|happened| **happened).count();
    assert!((60..=120).contains(&happened), "{happened} of 300 at 0.3");
}

#[test]
fn a_delay_is_drawn_between_its_ends_and_again_the_same_with_the_same_seed() {
    let delay = Delay {
        least: Duration::from_millis(100),
        most: Duration::from_millis(900),
    };
    let drawn = |seed| {
        let handle = FaultHandle::seeded(Vec::new(), seed);
        handle.arm_rest("Balance", RestFault::Delay(delay), 20);
        let lucks = std::iter::from_fn(|| handle.rest("Balance"));
        lucks.map(|(_, luck)| delay.drawn(luck)).collect::<Vec<_>>()
    };
    let all = drawn(3);
    assert_eq!(all, drawn(3));
    assert_ne!(all, drawn(4));
    assert!(
        all.iter()
            .all(|one| (delay.least..=delay.most).contains(one))
    );
    assert_ne!(all[0], all[1]);
    let exactly = Delay::from(Duration::from_secs(3));
    assert_eq!(exactly.drawn(u64::MAX), Duration::from_secs(3));
}

#[test]
fn faults_apply_only_where_they_were_armed() {
    let handle = FaultHandle::none();
    handle.arm(
        Fault::Request("add_order".to_owned(), RequestFault::NoAnswer),
        1,
    );
    handle.arm_rest("AddOrder", RestFault::Status(520, "<html>".to_owned()), 1);
    assert!(handle.request("amend_order").is_none());
    let taken = handle.request("add_order").map(first);
    assert_eq!(taken, Some(RequestFault::NoAnswer));
    assert!(handle.request("add_order").is_none());
    assert!(handle.rest("OpenOrders").is_none());
    assert!(handle.rest("AddOrder").is_some());
    handle.arm(Fault::Socket(Role::Public, SocketFault::Drop), 1);
    assert_eq!(handle.socket(Role::Private), None);
    handle.disarm();
    assert_eq!(handle.socket(Role::Public), None);
}

#[test]
fn a_star_means_any() {
    let handle = FaultHandle::none();
    handle.arm(Fault::Request("*".to_owned(), RequestFault::Ignore), 2);
    assert!(handle.request("ping").is_some());
    assert!(handle.request("add_order").is_some());
}

#[test]
fn one_fault_is_taken_back_by_its_number() {
    let handle = FaultHandle::none();
    let first = handle.arm_rule(checksums(0, 1, 1.0));
    let second = handle.arm_rule(FaultRule::new(
        Fault::Socket(Role::Public, SocketFault::Drop),
        3,
    ));
    assert_eq!(handle.rules().len(), 2);
    assert!(handle.disarm_one(first) && !handle.disarm_one(first));
    assert!(!handle.corrupts("BTC/USD"));
    assert_eq!(handle.rules()[0].0, second);
    assert_eq!(handle.disarm(), 1);
    assert_eq!(handle.armed(), 0);
}

#[test]
fn one_word_is_enough_for_all_faults_that_were_armed() {
    let handle = FaultHandle::none();
    let mut changes = handle.changes();
    for _ in 0..3 {
        handle.arm(Fault::Silence("book".to_owned()), 1);
    }
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    assert!(!changes.has_changed().unwrap());
    handle.arm(Fault::Silence("book".to_owned()), 1);
    assert!(changes.has_changed().unwrap(), "the next one is a new word");
}

#[tokio::test(start_paused = true)]
async fn one_call_or_many_let_the_call_go_on_that_waits_to_be_overtaken() {
    let handle = FaultHandle::none();
    let long = Duration::from_secs(60);
    for calls in [1, 3] {
        let mut waiting = Box::pin(handle.overtaken(long));
        assert!(poll!(&mut waiting).is_pending());
        for _ in 0..calls {
            handle.note_decided();
        }
        assert!(poll!(&mut waiting).is_ready(), "after {calls}");
    }
    let mut waiting = Box::pin(handle.overtaken(long));
    assert!(poll!(&mut waiting).is_pending(), "what was before is over");
}
