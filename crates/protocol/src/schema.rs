//! The JSON Schema of the wire, from which the clients in other languages take their types.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{Record, Reply, Request, ServerEvent, media, reply};

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
        "record.list": reference::<reply::RecordsOk>(generator),
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    /// Regenerate with `UPDATE=1 cargo test -p bellwire-protocol`.
    #[test]
    fn the_schema_in_the_repository_is_fresh() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/bellwire.v1.json");
        let fresh = serde_json::to_string_pretty(&super::schema()).unwrap() + "\n";
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &fresh).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == fresh, "{} is stale: run with UPDATE=1", path.display());
    }
}
