//! A call that is over stays over, whatever comes late.

use bellwire_core::{
    Call, Command, Edit, Media, MediaReport, Note, Order, Refusal, Refusing, Timestamp, UserId,
    decide,
};

use super::{
    cast::{By, Cast},
    violation::Violation,
};

/// R13: nothing changes an ended call, and everybody who asks something of it is told so, those
/// who never were in it as if it had never been.
pub(crate) fn stays_over(cast: &Cast, call: &Call, now: Timestamp) -> Result<(), Violation> {
    if !cast.is_first_of(likeness(cast, call)) {
        return Ok(());
    }
    let devices = cast.devices().map(By::device);
    for by in devices.chain(cast.users().map(By::server)) {
        for order in orders(cast, call) {
            let command = Command::User { by: cast.actor(by), order };
            let is_in = call.participant(cast.user(by.user)).is_some();
            match decide(call, &command, now) {
                Err(Refusal::NotInCall(None)) if !is_in => {}
                Err(refusal) if is_in && refusal != Refusal::NotInCall(None) => {}
                Ok(events) if is_in && events.is_empty() && is_logout(&command) => {}
                other => return Err(late(&command, &other)),
            }
        }
    }
    for user in cast.users() {
        let device = cast.devices_of(user).next().map(|device| cast.device(device).clone());
        let Some(device) = device else { continue };
        for command in servers_own(cast.user(user), device) {
            match decide(call, &command, now) {
                Ok(events) if events.is_empty() && !is_business(&command) => {}
                Err(Refusal::NotInCall(_)) if is_business(&command) => {}
                other => return Err(late(&command, &other)),
            }
        }
    }
    Ok(())
}

fn late(command: &Command, answer: &Result<Vec<bellwire_core::Event>, Refusal>) -> Violation {
    Violation::of("R13", format!("of an ended call, {command:?} is answered {answer:?}"))
}

/// What decides how an ended call answers.
fn likeness(cast: &Cast, call: &Call) -> Vec<u8> {
    let reason = call.ended.as_ref().map_or(0, |outcome| outcome.reason as u8);
    let mut bytes = vec![call.mode as u8, call.kind as u8, call.origin as u8, reason];
    for p in &call.participants {
        let user = cast.number(&p.user).map_or(u8::MAX, |user| user.0);
        let device = p.device.as_ref().and_then(|device| cast.device_number(device));
        let device = device.map_or(u8::MAX, |device| device.nth);
        bytes.extend([user, p.state as u8, device, u8::from(p.joined_at.is_some())]);
    }
    bytes
}

fn orders(cast: &Cast, call: &Call) -> Vec<Order> {
    let note = Note::default;
    let mut orders = vec![
        Order::Ringing,
        Order::Accept { media: None, claimed: None, note: note() },
        Order::Reject { how: Refusing::Rejected, only_me: false, note: note() },
        Order::Reject { how: Refusing::Busy, only_me: true, note: note() },
        Order::Cancel { to: None, note: note() },
        Order::Cancel { to: Some(vec![call.caller.clone()]), note: note() },
        Order::Hangup { note: note() },
        Order::Logout,
        Order::End { note: note() },
        Order::Invite { to: Vec::new(), note: note(), push: None },
        Order::Join { claimed: None },
        Order::Media { media: Media::Video },
        Order::MediaAnswer { accept: true },
        Order::Report(MediaReport { connected_ms: Some(1), ..MediaReport::default() }),
        Order::Acknowledge { seq: call.seq + 1 },
    ];
    orders.extend(cast.devices().map(|from| Order::Move { from: cast.device(from).clone() }));
    orders
}

fn is_logout(command: &Command) -> bool {
    matches!(command, Command::User { order: Order::Logout, .. })
}

fn servers_own(user: &UserId, device: bellwire_core::DeviceId) -> [Command; 12] {
    let note = Note::default;
    [
        Command::Reached { user: user.clone() },
        Command::Gone { user: user.clone(), device: device.clone() },
        Command::Back { user: user.clone(), device: device.clone() },
        Command::MediaUp { user: user.clone(), device: device.clone() },
        Command::MediaLost { user: user.clone(), device },
        Command::Entered { user: user.clone() },
        Command::Restarted,
        Command::Tick,
        Command::Kill { code: 9, note: note() },
        Command::Barred { user: user.clone(), code: 9 },
        Command::Edit(Edit { max_ms: Some(0), ..Edit::default() }),
        Command::Remove { user: user.clone(), note: note() },
    ]
}

/// The business server is told that the call is over; the server itself needs no answer.
fn is_business(command: &Command) -> bool {
    matches!(command, Command::Kill { .. } | Command::Edit(_) | Command::Remove { .. })
}
