//! Takes an erased user out of an answer that is kept for a repetition.

use bellwire_core::Alias;
use serde_json::{Map, Value, json};

/// Fields that name a user, or a list of them.
const NAMES: [&str; 8] = ["user", "caller", "by", "ended_by", "users", "skipped", "block", "allow"];
/// Fields with what a user wrote, beside their name as `caller` or `by`.
const WORDS: [(&str, bool); 4] =
    [("content", true), ("param", false), ("app_code", false), ("app_flags", false)];

/// Erases a user from the JSON of an answer, wherever a field names them.
///
/// Kept answers are those of every command, and nobody reads them before they are given again. So
/// users are known by the names of the fields they stand in, rather than by a type.
pub fn erase_from_answer(answer: &mut Value, alias: &Alias) {
    match answer {
        Value::Array(all) => all.iter_mut().for_each(|one| erase_from_answer(one, alias)),
        Value::Object(fields) => erase_from_fields(fields, alias),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn erase_from_fields(fields: &mut Map<String, Value>, alias: &Alias) {
    let names = |field: &str, fields: &Map<String, Value>| {
        fields.get(field).is_some_and(|value| *value == *alias.of.as_str())
    };
    if names("user", fields) {
        fields.remove("uid");
        fields.remove("device");
    }
    if names("caller", fields) || names("by", fields) {
        for (field, is_text) in WORDS {
            if let Some(word) = fields.get_mut(field) {
                *word = if is_text { json!("") } else { json!(0) };
            }
        }
    }
    if names("ended_by", fields) {
        fields.remove("end_note");
    }
    let name = |value: &mut Value| {
        if *value == *alias.of.as_str() {
            *value = json!(alias.name);
        }
    };
    for field in NAMES {
        match fields.get_mut(field) {
            Some(Value::Array(all)) => all.iter_mut().for_each(name),
            Some(value) => name(value),
            None => {}
        }
    }
    for value in fields.values_mut() {
        erase_from_answer(value, alias);
    }
}

#[cfg(test)]
mod tests {
    use bellwire_core::UserId;

    use super::*;

    #[test]
    fn fields_that_name_the_user_change_and_others_that_read_alike_do_not() {
        let user = |name: &str| UserId::parse(name).unwrap();
        let alias = Alias { of: user("video"), name: user("erased-1") };
        let mut answer = json!({"id": 3, "ok": {
            "media": "video", "caller": "video", "content": "my words", "param": 7,
            "participants": [
                {"user": "video", "uid": 4, "device": "d", "state": "left"},
                {"user": "bob", "uid": 5, "device": "d", "state": "joined"},
            ],
            "ended": {"by": "bob", "content": "video"},
            "skipped": ["bob", "video"],
            "records": [{"ended_by": "video", "end_note": {"content": "bye"}}],
        }});
        erase_from_answer(&mut answer, &alias);
        let expected = json!({"id": 3, "ok": {
            "media": "video", "caller": "erased-1", "content": "", "param": 0,
            "participants": [
                {"user": "erased-1", "state": "left"},
                {"user": "bob", "uid": 5, "device": "d", "state": "joined"},
            ],
            "ended": {"by": "bob", "content": "video"},
            "skipped": ["bob", "erased-1"],
            "records": [{"ended_by": "erased-1"}],
        }});
        assert_eq!(answer, expected);
    }
}
