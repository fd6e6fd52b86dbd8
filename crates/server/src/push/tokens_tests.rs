//! Tokens: whose they are, what they serve for, when they are forgotten.

use super::*;

fn app() -> AppKey {
    AppKey::parse("shop").unwrap()
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn device(name: &str) -> DeviceId {
    DeviceId::parse(name).unwrap()
}

fn token(text: &str, at: u64) -> Token {
    Token { set_at: Timestamp(at), address: Address::Token { token: text.into() } }
}

fn set(tokens: &Tokens, who: &str, on: &str, slot: Slot, text: &str) -> usize {
    tokens.set(&app(), &user(who), &device(on), (slot, token(text, 1)), 16).len()
}

fn slots(tokens: &Tokens, who: &str, ring: RingMode) -> Vec<Slot> {
    tokens.ways(&app(), &user(who), ring).iter().map(|way| way.slot).collect()
}

#[test]
fn a_device_has_one_token_to_a_slot() {
    let tokens = Tokens::default();
    assert!(tokens.is_empty());
    assert_eq!(set(&tokens, "bob", "d1", Slot::Fcm, "one"), 1);
    assert_eq!(set(&tokens, "bob", "d1", Slot::Fcm, "two"), 2);
    let ways = tokens.ways(&app(), &user("bob"), RingMode::Ring);
    assert_eq!(ways.len(), 1);
    assert_eq!(ways[0].token.address.name(), "two");
    let other = AppKey::parse("other").unwrap();
    assert!(tokens.ways(&other, &user("bob"), RingMode::Ring).is_empty());
}

#[test]
fn a_phone_that_changes_hands_takes_its_token_along() {
    let tokens = Tokens::default();
    set(&tokens, "bob", "d1", Slot::Fcm, "phone");
    assert_eq!(set(&tokens, "carol", "d9", Slot::Fcm, "phone"), 2);
    assert!(slots(&tokens, "bob", RingMode::Ring).is_empty());
    assert_eq!(slots(&tokens, "carol", RingMode::Ring), [Slot::Fcm]);
}

#[test]
fn a_call_rings_by_the_token_for_calls_and_a_notice_never_does() {
    let tokens = Tokens::default();
    set(&tokens, "bob", "d1", Slot::ApnsVoip, "aa");
    assert!(slots(&tokens, "bob", RingMode::Notify).is_empty());
    set(&tokens, "bob", "d1", Slot::ApnsAlert, "bb");
    assert_eq!(slots(&tokens, "bob", RingMode::Ring), [Slot::ApnsVoip]);
    assert_eq!(slots(&tokens, "bob", RingMode::Notify), [Slot::ApnsAlert]);
    assert!(slots(&tokens, "bob", RingMode::Silent).is_empty());
    set(&tokens, "bob", "d2", Slot::ApnsAlert, "cc");
    assert_eq!(slots(&tokens, "bob", RingMode::Ring), [Slot::ApnsVoip, Slot::ApnsAlert]);
}

#[test]
fn what_is_cleared_dead_or_one_device_too_many_is_forgotten() {
    let tokens = Tokens::default();
    set(&tokens, "bob", "d1", Slot::ApnsVoip, "aa");
    set(&tokens, "bob", "d1", Slot::ApnsAlert, "bb");
    let which = PushClear { provider: Some(PushProvider::Apns), kind: Some(PushKind::Voip) };
    assert_eq!(tokens.clear(&app(), &user("bob"), Some(&device("d1")), &which).len(), 1);
    assert_eq!(slots(&tokens, "bob", RingMode::Ring), [Slot::ApnsAlert]);
    let dead = tokens.ways(&app(), &user("bob"), RingMode::Ring).remove(0);
    set(&tokens, "bob", "d1", Slot::ApnsAlert, "newer");
    assert!(tokens.forget(&app(), &user("bob"), &dead).is_empty());
    let all = PushClear::default();
    assert_eq!(tokens.clear(&app(), &user("bob"), None, &all).len(), 1);
    assert!(tokens.is_empty());
    for (n, name) in (0..).zip(["d1", "d2", "d3"]) {
        let new = (Slot::Fcm, token(name, n));
        tokens.set(&app(), &user("bob"), &device(name), new, 2);
    }
    let left = tokens.ways(&app(), &user("bob"), RingMode::Ring);
    assert_eq!(left.iter().map(|way| way.device.as_str()).collect::<Vec<_>>(), ["d2", "d3"]);
}

#[test]
fn what_is_kept_reads_back_and_is_not_printed() {
    let tokens = Tokens::default();
    let new = (Slot::Fcm, token("hunter2", 7));
    let rows = tokens.set(&app(), &user("bob"), &device("d1"), new, 16);
    assert!(!format!("{rows:?}").contains("hunter2"));
    let again = Tokens::default();
    for row in rows {
        let Row::KeyValue(row) = row else { panic!("{row:?}") };
        again.restore(&row.app, &row.key, &row.value.unwrap()).unwrap();
    }
    let ways = again.ways(&app(), &user("bob"), RingMode::Ring);
    assert_eq!(*ways[0].token, token("hunter2", 7));
    assert!(!format!("{ways:?}").contains("hunter2"));
}
