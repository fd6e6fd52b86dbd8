//! What a person types.

use bellwire_core::Media;

/// The list of what can be typed.
pub(super) const HELP: &str = "\
  call bob [carol …] [audio|video] [note \"…\"]   call them; several make a group call
  answer [audio]      refuse      refuse-here      busy
  cancel              hangup      end              (each may carry note \"…\")
  invite carol …      join [call] move [device]    into a running call, or over from a device
  mute    unmute      camera on|off
  audio   video       agree       decline          change what the call carries
  say TEXT            a message to everybody in the call
  msg bob TEXT        a message to bob, in a call or not
  who bob …           whether they can be called
  calls   records     help        quit
";

/// One line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    /// Nothing was typed.
    Empty,
    Call {
        to: Vec<String>,
        media: Option<Media>,
        note: Option<String>,
    },
    Answer {
        audio: bool,
        note: Option<String>,
    },
    Refuse {
        note: Option<String>,
    },
    RefuseHere,
    Busy {
        note: Option<String>,
    },
    Cancel {
        note: Option<String>,
    },
    Hangup {
        note: Option<String>,
    },
    End {
        note: Option<String>,
    },
    Invite {
        users: Vec<String>,
        note: Option<String>,
    },
    /// With the first letters of a call's id.
    Join(Option<String>),
    /// From a device.
    Move(Option<String>),
    Mute(bool),
    Camera(bool),
    Media(Media),
    MediaAnswer(bool),
    Say(String),
    Message {
        to: String,
        text: String,
    },
    Who(Vec<String>),
    Calls,
    Records,
    Help,
    Quit,
}

/// Understands a line, or says what is wrong with it.
pub(super) fn parse(line: &str) -> Result<Input, String> {
    let line = line.trim();
    let (verb, rest) = split(line);
    let text = match verb {
        "say" => return Ok(Input::Say(needed(rest, "say what? say TEXT")?.to_owned())),
        "msg" => {
            let (to, text) = split(rest);
            let text = needed(text, "say what to whom? msg bob TEXT")?;
            return Ok(Input::Message { to: to.to_owned(), text: text.to_owned() });
        }
        _ => rest,
    };
    let (words, note) = take_note(text)?;
    let takes_note =
        ["call", "answer", "refuse", "busy", "cancel", "hangup", "end", "invite"].contains(&verb);
    if note.is_some() && !takes_note {
        return Err(format!("{verb} takes no note"));
    }
    match (verb, words.as_slice()) {
        ("", _) => Ok(Input::Empty),
        ("call", words) => call(words, note),
        ("answer", []) => Ok(Input::Answer { audio: false, note }),
        ("answer", ["audio"]) => Ok(Input::Answer { audio: true, note }),
        ("refuse", []) => Ok(Input::Refuse { note }),
        ("refuse-here", []) => Ok(Input::RefuseHere),
        ("busy", []) => Ok(Input::Busy { note }),
        ("cancel", []) => Ok(Input::Cancel { note }),
        ("hangup", []) => Ok(Input::Hangup { note }),
        ("end", []) => Ok(Input::End { note }),
        ("invite", []) => Err("invite whom? invite carol".to_owned()),
        ("invite", users) => Ok(Input::Invite { users: owned(users), note }),
        ("join", []) => Ok(Input::Join(None)),
        ("join", [call]) => Ok(Input::Join(Some((*call).to_owned()))),
        ("move", []) => Ok(Input::Move(None)),
        ("move", [device]) => Ok(Input::Move(Some((*device).to_owned()))),
        ("mute", []) => Ok(Input::Mute(true)),
        ("unmute", []) => Ok(Input::Mute(false)),
        ("camera", ["on"]) => Ok(Input::Camera(true)),
        ("camera", ["off"]) => Ok(Input::Camera(false)),
        ("audio", []) => Ok(Input::Media(Media::Audio)),
        ("video", []) => Ok(Input::Media(Media::Video)),
        ("agree", []) => Ok(Input::MediaAnswer(true)),
        ("decline", []) => Ok(Input::MediaAnswer(false)),
        ("who", []) => Err("ask about whom? who bob".to_owned()),
        ("who", users) => Ok(Input::Who(owned(users))),
        ("calls", []) => Ok(Input::Calls),
        ("records", []) => Ok(Input::Records),
        ("help" | "?", _) => Ok(Input::Help),
        ("quit" | "exit", []) => Ok(Input::Quit),
        ("camera", _) => Err("camera on, or camera off".to_owned()),
        _ => Err(format!("{line:?} is nothing I know; type help")),
    }
}

fn call(words: &[&str], note: Option<String>) -> Result<Input, String> {
    let (to, media) = match words {
        [to @ .., "audio"] => (to, Some(Media::Audio)),
        [to @ .., "video"] => (to, Some(Media::Video)),
        to => (to, None),
    };
    if to.is_empty() {
        return Err("call whom? call bob".to_owned());
    }
    Ok(Input::Call { to: owned(to), media, note })
}

/// The words before `note "…"`, and the note.
fn take_note(text: &str) -> Result<(Vec<&str>, Option<String>), String> {
    let Some(at) = text.find('"') else {
        return Ok((text.split_whitespace().collect(), None));
    };
    let wrong = || "write a note last and in quotes: note \"hello\"".to_owned();
    let before = text[..at].trim_end().strip_suffix("note").ok_or_else(wrong)?;
    let note = text[at + 1..].trim_end().strip_suffix('"').ok_or_else(wrong)?;
    Ok((before.split_whitespace().collect(), Some(note.to_owned())))
}

fn split(line: &str) -> (&str, &str) {
    line.split_once(char::is_whitespace).map_or((line, ""), |(word, rest)| (word, rest.trim()))
}

fn needed<'a>(text: &'a str, otherwise: &str) -> Result<&'a str, String> {
    if text.is_empty() { Err(otherwise.to_owned()) } else { Ok(text) }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_names_people_media_and_a_note() {
        let to = |names: &[&str]| owned(names);
        assert_eq!(
            parse("call bob"),
            Ok(Input::Call { to: to(&["bob"]), media: None, note: None })
        );
        assert_eq!(
            parse("  call bob carol audio note \"see you, \"soon\"\" "),
            Ok(Input::Call {
                to: to(&["bob", "carol"]),
                media: Some(Media::Audio),
                note: Some("see you, \"soon\"".to_owned()),
            })
        );
        assert_eq!(
            parse("answer audio note \"\""),
            Ok(Input::Answer { audio: true, note: Some(String::new()) })
        );
    }

    #[test]
    fn text_is_kept_as_typed() {
        assert_eq!(parse("say a  \"b\" note"), Ok(Input::Say("a  \"b\" note".to_owned())));
        let message = Input::Message { to: "bob".to_owned(), text: "hi there".to_owned() };
        assert_eq!(parse("msg bob   hi there"), Ok(message));
    }

    #[test]
    fn every_word_of_the_help_is_known() {
        let lines = [
            "answer",
            "refuse",
            "refuse-here",
            "busy",
            "cancel",
            "hangup",
            "end",
            "invite carol",
            "join",
            "join 0198",
            "move",
            "move d1",
            "mute",
            "unmute",
            "camera on",
            "camera off",
            "audio",
            "video",
            "agree",
            "decline",
            "who bob",
            "calls",
            "records",
            "help",
            "quit",
        ];
        for line in lines {
            assert!(parse(line).is_ok(), "{line}");
            assert!(HELP.contains(split(line).0), "{line}");
        }
        assert_eq!(parse("   "), Ok(Input::Empty));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, says) in [
            ("call", "call whom"),
            ("call audio", "call whom"),
            ("say", "say what"),
            ("msg bob", "say what to whom"),
            ("camera", "camera on"),
            ("hangup note hello\"", "quotes"),
            ("hangup \"hello\"", "quotes"),
            ("mute note \"x\"", "no note"),
            ("dance", "type help"),
            ("hangup now", "type help"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(says), "{line}: {error}");
        }
    }
}
