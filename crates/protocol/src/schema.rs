//! The JSON Schema of the wire, from which the clients in other languages take their types.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{Availability, Record, Reply, Request, ServerEvent, business, media, reply};

/// The schema: `$defs` with every type of the wire, and which of them answers which command.
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let request = reference::<Request>(&mut generator);
    let answer = reference::<Reply>(&mut generator);
    let event = reference::<ServerEvent>(&mut generator);
    let record = reference::<Record>(&mut generator);
    let oks = oks(&mut generator);
    let definitions: Map<String, Value> = generator.take_definitions(true);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:bellwire:v1",
        "title": "bellwire.v1",
        "description": "Frames between a Bellwire server and a device.",
        "oneOf": [request.clone(), answer.clone(), event.clone()],
        "x-frames": { "request": request, "reply": answer, "event": event, "record": record },
        "x-oks": oks,
        "$defs": definitions,
    })
}

/// The schema of what server and business server say to each other.
pub fn business_schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let hook = reference::<business::HookBody>(&mut generator);
    let asking = reference::<business::Asking>(&mut generator);
    let answer = reference::<business::HookAnswer>(&mut generator);
    let hello = reference::<business::BusinessHello>(&mut generator);
    let request = reference::<business::BusinessRequest>(&mut generator);
    let reply = reference::<business::BusinessReply>(&mut generator);
    let said = reference::<business::BusinessAnswer>(&mut generator);
    let event = reference::<business::BusinessEvent>(&mut generator);
    let record = reference::<business::FullRecord>(&mut generator);
    let definitions: Map<String, Value> = generator.take_definitions(true);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:bellwire:business:v1",
        "title": "bellwire.business.v1",
        "description": "What a Bellwire server and the app's own server say to each other.",
        "oneOf": [hook.clone(), said.clone(), request.clone(), reply.clone(), event.clone()],
        "x-frames": {
            "hook": hook, "asking": asking, "answer": answer, "business_answer": said, "hello": hello,
            "request": request, "reply": reply, "event": event, "record": record,
        },
        "$defs": definitions,
    })
}

fn reference<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

/// What `ok` holds, by command; an empty object for every command not listed.
fn oks(generator: &mut SchemaGenerator) -> Value {
    let start = reference::<reply::StartOk>(generator);
    let presence = reference::<reply::PresenceOk>(generator);
    json!({
        "hello": reference::<reply::HelloOk>(generator),
        "call.start": start.clone(),
        "call.accept": start.clone(),
        "call.join": start,
        "call.invite": reference::<reply::InviteOk>(generator),
        "call.get": reference::<reply::GetOk>(generator),
        "media.offer": reference::<media::MediaOfferOk>(generator),
        "message.send": reference::<reply::Received>(generator),
        "presence.get": presence.clone(),
        "presence.watch": presence.clone(),
        "presence.unwatch": presence,
        "availability.get": reference::<Availability>(generator),
        "availability.set": reference::<Availability>(generator),
        "record.read": reference::<reply::ReadOk>(generator),
        "record.list": reference::<reply::RecordsOk>(generator),
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    /// Regenerate with `UPDATE=1 cargo test -p bellwire-protocol`.
    #[test]
    fn the_schemas_in_the_repository_are_fresh() {
        for schema in [super::schema(), super::business_schema()] {
            let title = schema["title"].as_str().unwrap();
            let file = format!("schema/{title}.json");
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            let fresh = serde_json::to_string_pretty(&schema).unwrap() + "\n";
            if std::env::var_os("UPDATE").is_some() {
                fs::write(&path, &fresh).unwrap();
            }
            let kept = fs::read_to_string(&path).unwrap_or_default();
            assert!(kept == fresh, "{} is stale: run with UPDATE=1", path.display());
        }
    }
}
