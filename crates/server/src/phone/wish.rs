//! What a typed line makes the SDK do.

use std::{future::Future, pin::Pin};

use bellwire_client::{Action, Call, Client, Error, protocol::CallInfo};
use bellwire_core::{CallId, DeviceId, Media};

use super::{
    calls::{Calls, Known, Part},
    display,
    input::Input,
};

/// What came of it.
pub(super) enum Done {
    /// It is done; the events tell the rest.
    Quietly,
    /// It is done, and this is the answer.
    Said(Vec<String>),
    /// A call was started, answered or joined.
    Entered(Call, Box<CallInfo>),
    /// A call was moved here.
    Moved(Known),
    /// It could not be done, in that call.
    Failed(Option<CallId>, Error),
}

type Begun = Result<Option<Pin<Box<dyn Future<Output = Done> + Send>>>, &'static str>;

/// Begins what `input` asks for. Says what is wrong where no call fits.
pub(super) fn begin(client: &Client, calls: &mut Calls, input: Input) -> Begun {
    match input {
        Input::Empty | Input::Help | Input::Quit => Ok(None),
        Input::Call { to, media, note } => start(client, &to, media, note),
        Input::Answer { audio, note } => answer(calls, audio, note),
        Input::Refuse { note } => act(rings(calls)?, Call::reject, note),
        Input::RefuseHere => act(rings(calls)?, Call::reject_here, None),
        Input::Busy { note } => act(rings(calls)?, Call::busy, note),
        Input::Cancel { note } => {
            let call = calls.newest(|part| matches!(part, Part::Calls | Part::Talks));
            act(call.ok_or("you call nobody")?.call.clone(), Call::cancel, note)
        }
        Input::Hangup { note } => act(here(calls)?, Call::hangup, note),
        Input::End { note } => act(here(calls)?, Call::end, note),
        Input::Invite { users, note } => invite(here(calls)?, &users, note),
        Input::Join(letters) => join(client, calls, letters.as_deref()),
        Input::Move(device) => move_here(calls, device),
        Input::Mute(muted) => {
            let known = talking(calls)?;
            known.audio = !muted;
            quietly(known.call.clone(), move |call| async move { call.mute(muted).await })
        }
        Input::Camera(on) => {
            let known = talking(calls)?;
            known.video = on;
            quietly(known.call.clone(), move |call| async move { call.camera(on).await })
        }
        Input::Media(media) => {
            let call = talking(calls)?.call.clone();
            quietly(call, move |call| async move { call.change_media(media).await })
        }
        Input::MediaAnswer(accept) => {
            let call = talking(calls)?.call.clone();
            quietly(call, move |call| async move { call.answer_media(accept).await })
        }
        Input::Say(text) => {
            let call = here(calls)?;
            quietly(call, move |call| async move { call.send(&text).await })
        }
        Input::Message { to, text } => message(client, to, text),
        Input::Who(users) => who(client, users),
        Input::Calls => list(calls),
        Input::Records => records(client),
    }
}

/// Tells the others what this phone publishes; with media of the app's own this is also how the
/// server learns that the phone's media is connected.
pub(super) fn publish(known: Known) {
    tokio::spawn(async move {
        // A call that is over by now needs no telling.
        let _ = known.call.publish(Some(known.audio), Some(known.video), Some(false)).await;
    });
}

fn rings(calls: &Calls) -> Result<Call, &'static str> {
    let known = calls.newest(|part| *part == Part::Rings).ok_or("nobody calls you")?;
    Ok(known.call.clone())
}

/// The call this phone talks in, or calls with, or is rung by.
fn here(calls: &Calls) -> Result<Call, &'static str> {
    let known = calls
        .newest(|part| matches!(part, Part::Talks | Part::Calls))
        .or_else(|| calls.newest(|part| *part == Part::Rings));
    Ok(known.ok_or("you are in no call on this phone")?.call.clone())
}

fn talking(calls: &mut Calls) -> Result<&mut Known, &'static str> {
    calls.newest_mut(|part| *part == Part::Talks).ok_or("you talk to nobody on this phone")
}

fn start(client: &Client, to: &[String], media: Option<Media>, note: Option<String>) -> Begun {
    let [first, more @ ..] = to else { return Err("call whom?") };
    let mut start = client.call(first);
    for user in more {
        start = start.and(user);
    }
    start = match media {
        Some(Media::Audio) => start.audio(),
        Some(Media::Video) => start.video(),
        None => start,
    };
    if let Some(note) = note {
        start = start.content(note);
    }
    begun(async move {
        match start.start_with_info().await {
            Ok((call, info)) => Done::Entered(call, info),
            Err(error) => Done::Failed(None, error),
        }
    })
}

fn answer(calls: &Calls, audio: bool, note: Option<String>) -> Begun {
    let call = rings(calls)?;
    let mut action = noted(call.accept(), note);
    if audio {
        action = action.audio();
    }
    begun(async move {
        match action.await {
            Ok(info) => Done::Entered(call, info),
            Err(error) => Done::Failed(Some(call.id()), error),
        }
    })
}

fn act(call: Call, action: fn(&Call) -> Action<()>, note: Option<String>) -> Begun {
    let action = noted(action(&call), note);
    quietly(call, |_| async { action.await })
}

fn invite(call: Call, users: &[String], note: Option<String>) -> Begun {
    let action = noted(call.invite(users), note);
    begun(async move {
        match action.await {
            Ok(skipped) if skipped.is_empty() => Done::Quietly,
            Ok(skipped) => {
                Done::Said(skipped.iter().map(|user| format!("{user} is in it already")).collect())
            }
            Err(error) => Done::Failed(Some(call.id()), error),
        }
    })
}

fn join(client: &Client, calls: &Calls, letters: Option<&str>) -> Begun {
    let open = |part: &Part| *part == Part::Open;
    let known = match letters {
        Some(letters) => calls.ending(letters),
        None => calls.newest(open),
    };
    let call = match (known, letters.map(str::parse)) {
        (Some(known), _) => known.call.clone(),
        (None, Some(Ok(id))) => client.handle(id),
        (None, Some(Err(_))) => {
            return Err("I know no such call; type calls, or give its whole id");
        }
        (None, None) => return Err("I know no call to join; give its id"),
    };
    begun(async move {
        match call.join().await {
            Ok(info) => Done::Entered(call, info),
            Err(error) => Done::Failed(Some(call.id()), error),
        }
    })
}

fn move_here(calls: &Calls, device: Option<String>) -> Begun {
    let known = calls.newest(|part| matches!(part, Part::Elsewhere(_)));
    let known = known.ok_or("no other device of yours is in a call I know of")?.clone();
    let on = match &known.part {
        Part::Elsewhere(on) => on.as_ref().map(DeviceId::to_string),
        Part::Rings | Part::Calls | Part::Talks | Part::Open => None,
    };
    let from = device.or(on).ok_or("from which device? move DEVICE")?;
    begun(async move {
        match known.call.move_here(&from).await {
            Ok(()) => Done::Moved(known),
            Err(error) => Done::Failed(Some(known.call.id()), error),
        }
    })
}

fn message(client: &Client, to: String, text: String) -> Begun {
    let client = client.clone();
    begun(async move {
        match client.send(&to, &text).await {
            Ok(true) => Done::Said(vec![format!("{to} has it")]),
            Ok(false) => Done::Said(vec![format!("{to} is not connected; it is not kept")]),
            Err(error) => Done::Failed(None, error),
        }
    })
}

fn who(client: &Client, users: Vec<String>) -> Begun {
    let client = client.clone();
    begun(async move {
        match client.presence(&users).await {
            Ok(found) => {
                Done::Said(found.iter().map(|(user, is)| display::presence(user, is)).collect())
            }
            Err(error) => Done::Failed(None, error),
        }
    })
}

fn list(calls: &Calls) -> Begun {
    let known: Vec<Call> = calls.all().map(|known| known.call.clone()).collect();
    begun(async move {
        let mut lines = Vec::new();
        for call in known {
            match call.get().await {
                Ok(got) => lines.push(display::listed(&got.info)),
                Err(error) => return Done::Failed(Some(call.id()), error),
            }
        }
        if lines.is_empty() {
            lines.push("no calls".to_owned());
        }
        Done::Said(lines)
    })
}

fn records(client: &Client) -> Begun {
    let client = client.clone();
    begun(async move {
        match client.records().limit(10).await {
            Ok(records) if records.is_empty() => Done::Said(vec!["no calls yet".to_owned()]),
            Ok(records) => {
                let line = |record| display::record(record, client.user());
                Done::Said(records.iter().map(line).collect())
            }
            Err(error) => Done::Failed(None, error),
        }
    })
}

fn noted<T>(action: Action<T>, note: Option<String>) -> Action<T> {
    match note {
        Some(note) => action.content(note),
        None => action,
    }
}

fn quietly<F>(call: Call, act: impl FnOnce(Call) -> F) -> Begun
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let id = call.id();
    let acting = act(call);
    begun(async move {
        match acting.await {
            Ok(()) => Done::Quietly,
            Err(error) => Done::Failed(Some(id), error),
        }
    })
}

// Wrapped here once, so that every kind of wish reads alike.
#[allow(clippy::unnecessary_wraps)]
fn begun(wish: impl Future<Output = Done> + Send + 'static) -> Begun {
    Ok(Some(Box::pin(wish)))
}
