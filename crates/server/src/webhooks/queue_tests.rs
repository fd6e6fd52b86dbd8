//! The queue's rules, with time as a number.

use std::collections::BTreeSet;

use bellwire_core::{CallId, Timestamp};
use uuid::Uuid;

use super::{AT_ONCE, DOWN, GIVE_UP_MS, Item, Kept, OPEN_MAX, PARK, PAUSES_MS, Queue, pause};

const NOW: Timestamp = Timestamp(1_000_000_000);

fn call(number: u128) -> CallId {
    CallId(Uuid::from_u128(number))
}

fn item(position: u64, of: u128) -> Item {
    Item { position, call: call(of), seq: position, at: NOW, body: "{}".into() }
}

fn queue(items: &[(u64, u128)]) -> Queue {
    let mut queue = Queue::new(&Kept::default());
    for (position, of) in items {
        queue.offer(item(*position, *of));
    }
    queue
}

fn take_all(queue: &mut Queue, now: Timestamp) -> Vec<u64> {
    std::iter::from_fn(|| queue.take(now)).map(|item| item.position).collect()
}

#[test]
fn events_of_a_call_go_one_after_the_other_and_calls_beside_each_other() {
    let mut queue = queue(&[(1, 1), (2, 1), (3, 2), (4, 1)]);
    assert_eq!(take_all(&mut queue, NOW), [1, 3]);
    queue.settle(call(2), Ok(()), NOW);
    assert_eq!((take_all(&mut queue, NOW), queue.kept().cursor), (vec![], 0));
    queue.settle(call(1), Ok(()), NOW);
    assert_eq!((take_all(&mut queue, NOW), queue.kept().cursor), (vec![2], 1));
    queue.settle(call(1), Ok(()), NOW);
    assert_eq!((take_all(&mut queue, NOW), queue.kept().cursor), (vec![4], 3));
    queue.settle(call(1), Ok(()), NOW);
    assert_eq!((queue.kept().cursor, queue.due()), (4, None));
}

#[test]
fn what_fails_holds_up_its_call_and_later_only_that() {
    let mut queue = queue(&[(1, 1), (2, 1), (3, 2)]);
    let mut now = NOW;
    for tries in 1..=PARK {
        assert_eq!(queue.take(now).unwrap().position, 1, "the first is tried again");
        queue.settle(call(1), Err("no".into()), now);
        assert_eq!(queue.kept().cursor, if tries < PARK { 0 } else { 3 });
        if let Some(other) = queue.take(now) {
            queue.settle(other.call, Ok(()), now);
        }
        now = queue.due().unwrap();
    }
    let kept = queue.kept();
    let parked: Vec<_> = kept.parked.iter().map(|p| (p.position, p.tries)).collect();
    assert_eq!(parked, [(1, PARK), (2, 0)]);
    // What comes of this call waits with it; a new start takes it up where it was.
    queue.offer(item(4, 1));
    assert_eq!(queue.kept().cursor, 4);
    let mut again = Queue::new(&queue.kept());
    for parked in queue.kept().parked {
        again.put_back(item(parked.position, 1), parked.tries);
    }
    for position in [1, 2, 4] {
        assert_eq!(again.take(now).unwrap().position, position);
        again.settle(call(1), Ok(()), now);
    }
    assert_eq!(again.kept(), Kept { cursor: 4, ..Kept::default() });
}

#[test]
fn a_receiver_that_is_down_is_tried_with_one_and_nothing_is_parked_or_read_beyond_a_bound() {
    let mut queue = Queue::new(&Kept::default());
    for position in 1..=OPEN_MAX as u64 {
        queue.offer(item(position, position.into()));
    }
    assert_eq!(queue.room(), 0);
    let first = take_all(&mut queue, NOW);
    assert_eq!(first.len(), AT_ONCE);
    for position in first {
        queue.settle(call(position.into()), Err("no".into()), NOW);
    }
    let mut now = NOW;
    for _ in 0..20 {
        assert!(queue.failures() >= DOWN);
        assert_eq!(queue.take(now), None, "it rests");
        now = queue.due().expect("a time");
        let tried = take_all(&mut queue, now);
        assert_eq!(tried.len(), 1, "one at a time");
        queue.settle(call(tried[0].into()), Err("no".into()), now);
    }
    assert_eq!((queue.kept().cursor, queue.kept().parked.len()), (0, 0));
    // It is back: all of it goes out.
    let mut delivered = 0;
    while queue.kept().cursor < OPEN_MAX as u64 {
        let Some(item) = queue.take(now) else {
            now = queue.due().expect("a time");
            continue;
        };
        queue.settle(item.call, Ok(()), now);
        delivered += 1;
    }
    assert_eq!(delivered, OPEN_MAX);
}

#[test]
fn what_fails_for_a_day_is_dead_and_the_rest_of_its_call_goes_on() {
    let mut queue = queue(&[(1, 1), (2, 1)]);
    let mut now = NOW;
    while queue.dead().is_empty() {
        let item = queue.take(now).unwrap();
        assert_eq!(item.position, 1);
        queue.settle(item.call, Err("status 500".into()), now);
        now = queue.due().unwrap_or(now);
        assert!(now.since_ms(NOW) <= GIVE_UP_MS + 2 * 3_600_000);
    }
    assert_eq!((queue.dead()[0].position, &*queue.dead()[0].why), (1, "status 500"));
    now = queue.due().unwrap_or(now);
    let next = queue.take(now).unwrap();
    assert_eq!(next.position, 2);
    queue.settle(next.call, Ok(()), now);
    assert_eq!(queue.kept().cursor, 2);
    // Asked for, it is tried once more.
    queue.put_back(item(1, 1), 0);
    assert!(queue.dead().is_empty());
    assert_eq!(queue.take(now).unwrap().position, 1);
}

#[test]
fn what_fails_together_is_not_tried_again_together() {
    let pauses: BTreeSet<u64> = (1..=100).map(|position| pause(2, position)).collect();
    let usual = PAUSES_MS[2];
    assert!(pauses.iter().all(|pause| (usual..=usual + usual / 5).contains(pause)), "{pauses:?}");
    assert!(pauses.len() > 90, "{pauses:?}");
    assert_eq!(pause(100, 7), pause(100, 7));
    assert!(pause(100, 7) >= 3_600_000);
}
