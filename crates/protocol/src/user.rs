//! Users as commands name them.

use std::{borrow::Cow, fmt};

use bellwire_core::{RingMode, Uid, UserId};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Error as _, value::MapAccessDeserializer},
    ser::SerializeMap,
};

use crate::limits;

/// The largest uid.
const UID_MAX: u32 = i32::MAX as u32;

/// A user, by id or by number: `"bob"` or `{"uid":18}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UserRef {
    /// By the app's id.
    Id(UserId),
    /// By our number.
    Uid(Uid),
}

impl From<UserId> for UserRef {
    fn from(user: UserId) -> Self {
        Self::Id(user)
    }
}

impl fmt::Display for UserRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(user) => user.fmt(f),
            Self::Uid(uid) => write!(f, "uid {}", uid.0),
        }
    }
}

impl Serialize for UserRef {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Id(user) => user.serialize(to),
            Self::Uid(uid) => {
                let mut map = to.serialize_map(Some(1))?;
                map.serialize_entry("uid", uid)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for UserRef {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let target = from.deserialize_any(TargetVisitor)?;
        if target.ring.is_some() || target.ring_time.is_some() {
            return Err(D::Error::custom("give a user id or {\"uid\":…}, no ring settings"));
        }
        Ok(target.user)
    }
}

impl JsonSchema for UserRef {
    fn schema_name() -> Cow<'static, str> {
        "UserRef".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A user, by id or by number: `\"bob\"` or `{\"uid\":18}`.",
            "anyOf": [generator.subschema_for::<UserId>(), {
                "type": "object",
                "properties": { "uid": { "type": "integer", "minimum": 1, "maximum": UID_MAX } },
                "required": ["uid"],
            }],
        })
    }
}

/// A callee as asked for: a user, with how and how long to ring where it differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Who.
    pub user: UserRef,
    /// How to tell them; rings where none.
    pub ring: Option<RingMode>,
    /// How long to ring them, in seconds; the call's ring time where none.
    pub ring_time: Option<u64>,
}

impl From<UserRef> for Target {
    fn from(user: UserRef) -> Self {
        Self { user, ring: None, ring_time: None }
    }
}

impl From<UserId> for Target {
    fn from(user: UserId) -> Self {
        UserRef::Id(user).into()
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.ring.is_none() && self.ring_time.is_none() {
            return self.user.serialize(to);
        }
        let mut map = to.serialize_map(None)?;
        match &self.user {
            UserRef::Id(user) => map.serialize_entry("user", user)?,
            UserRef::Uid(uid) => map.serialize_entry("uid", uid)?,
        }
        if let Some(ring) = self.ring {
            map.serialize_entry("ring", &ring)?;
        }
        if let Some(ring_time) = self.ring_time {
            map.serialize_entry("ring_time", &ring_time)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TargetVisitor)
    }
}

impl JsonSchema for Target {
    fn schema_name() -> Cow<'static, str> {
        "Target".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A callee: a user as in UserRef, or an object that also says how and how long to ring \
                them: `{\"user\":\"bob\",\"ring\":\"notify\",\"ring_time\":30}`. `ring` is a word of \
                RingMode, `ring_time` 5 to 600 seconds.",
            "anyOf": [generator.subschema_for::<UserRef>(), {
                "type": "object",
                "properties": {
                    "user": generator.subschema_for::<UserRef>(),
                    "uid": { "type": "integer", "minimum": 1, "maximum": UID_MAX },
                    "ring": generator.subschema_for::<Option<RingMode>>(),
                    "ring_time": {
                        "description": "Seconds.",
                        "type": ["integer", "null"],
                        "minimum": bellwire_core::RING_TIME_S.start(),
                        "maximum": bellwire_core::RING_TIME_S.end(),
                    },
                },
            }],
        })
    }
}

/// Reads both forms by hand: serde's untagged enums would lose the path to a wrong field.
struct TargetVisitor;

#[derive(Deserialize)]
struct TargetFields {
    user: Option<UserRef>,
    uid: Option<u32>,
    ring: Option<RingMode>,
    ring_time: Option<u64>,
}

impl<'de> de::Visitor<'de> for TargetVisitor {
    type Value = Target;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a user id or an object with `user` or `uid`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Target, E> {
        UserId::parse(text).map(Target::from).map_err(E::custom)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Target, A::Error> {
        let fields = TargetFields::deserialize(MapAccessDeserializer::new(map))?;
        let user = match (fields.user, fields.uid) {
            (Some(user), None) => user,
            (None, Some(uid)) if (1..=UID_MAX).contains(&uid) => UserRef::Uid(Uid(uid)),
            (None, Some(_)) => return Err(A::Error::custom("a uid is 1 to 2147483647")),
            (None, None) | (Some(_), Some(_)) => {
                return Err(A::Error::custom("name the user by either `user` or `uid`"));
            }
        };
        Ok(Target { user, ring: fields.ring, ring_time: fields.ring_time })
    }
}

/// Whom a message inside a call is for: read from one user or a list, written as a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Recipients(pub Vec<UserRef>);

impl<'de> Deserialize<'de> for Recipients {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> de::Visitor<'de> for OneOrMany {
            type Value = Recipients;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a user or a list of users")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Recipients, E> {
                TargetVisitor.visit_str(text).map(|target| Recipients(vec![target.user]))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Recipients, A::Error> {
                UserRef::deserialize(MapAccessDeserializer::new(map)).map(|u| Recipients(vec![u]))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Recipients, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(seq)).map(Recipients)
            }
        }
        from.deserialize_any(OneOrMany)
    }
}

impl JsonSchema for Recipients {
    fn schema_name() -> Cow<'static, str> {
        "Recipients".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A user or a list of users, each as in UserRef.",
            "anyOf": [
                generator.subschema_for::<UserRef>(),
                generator.subschema_for::<Vec<UserRef>>(),
            ],
        })
    }
}

/// `presence.get`, `presence.watch`, `presence.unwatch`: about whom.
///
/// Where the app's `presence` allows it; `forbidden` otherwise. `presence.watch` answers with what
/// is and tells of changes as the event `presence`, for at most 256 users at once. Watch again
/// after each hello: a new session begins without, and so does a restarted server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PresenceOf {
    /// The users.
    #[schemars(length(max = limits::PRESENCE_USERS))]
    pub users: Vec<UserRef>,
}
