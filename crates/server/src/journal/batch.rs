//! The stored form of a group commit: its rows, one after the other, in the order of the tables.
//!
//! A row is a byte that says which table it is for, and its fields. A number is LEB128, a text
//! its length in bytes and the bytes, a call its 16 bytes, a truth one byte; what may be missing
//! is preceded by whether it is there. Bodies are stored as they are given back, so that JSON is
//! made once and read by nobody on the way.

use bellwire_core::{AppKey, DeviceId, NameError, SessionId, Timestamp, Uid, UserId};

use super::{
    error::JournalError,
    row::{AnswerRow, Bucket, KeyValueRow, SessionRow, UserRow},
    tables::{LegText, LogText, RecordText, Tables},
};

// What a row is, in its first byte.
const LOG: u8 = 1;
const ANSWER: u8 = 2;
const SESSION: u8 = 3;
const GONE: u8 = 4;
const USER: u8 = 5;
const RECORD: u8 = 6;
const LEG: u8 = 7;
/// As [`LOG`], and where it stands in the feed.
const LOG_IN_FEED: u8 = 8;
/// Version 3 had a table of webhooks alone.
const WEBHOOK: u8 = 9;
const KEY_VALUE: u8 = 10;

/// In place of the last batch of a generation: this and what came before is in the tables.
pub(super) const FOLDED: &[u8] = &[0];
/// About the bytes of a row beside its bodies; only saves growing the buffer often.
const ROW_BYTES: usize = 64;

/// The batch as it is stored.
pub(super) fn encode(tables: &Tables) -> Vec<u8> {
    let rows = tables.len() + tables.legs.len();
    let mut out = Out(Vec::with_capacity(tables.body_bytes() + rows * ROW_BYTES));
    tables.logs.iter().for_each(|row| out.log(row));
    tables.answers.iter().for_each(|row| out.answer(row));
    tables.sessions.iter().for_each(|row| out.session(row));
    for id in &tables.gone {
        out.kind(GONE).text(id);
    }
    tables.users.iter().for_each(|row| out.user(row));
    tables.records.iter().for_each(|row| out.record(row));
    tables.legs.iter().for_each(|row| out.leg(row));
    for KeyValueRow { app, bucket, key, value } in &tables.key_values {
        out.kind(KEY_VALUE).text(app).text(bucket.as_str()).text(key).maybe(value.as_deref());
    }
    out.0
}

/// Reads a stored batch.
pub(super) fn decode(stored: &[u8]) -> Result<Tables, JournalError> {
    let mut tables = Tables::default();
    let mut from = In(stored);
    while !from.0.is_empty() {
        from.row(&mut tables).map_err(|Broken(detail)| JournalError::Row {
            table: "batch",
            detail: format!("{detail}, {} bytes before its end", from.0.len()),
        })?;
    }
    Ok(tables)
}

struct Out(Vec<u8>);

impl Out {
    fn kind(&mut self, kind: u8) -> &mut Self {
        self.0.push(kind);
        self
    }

    fn number(&mut self, mut number: u64) -> &mut Self {
        while number >= 0x80 {
            // The lowest seven bits, and that more follow.
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn call(&mut self, call: [u8; 16]) -> &mut Self {
        self.0.extend_from_slice(&call);
        self
    }

    fn truth(&mut self, truth: bool) -> &mut Self {
        self.0.push(truth.into());
        self
    }

    fn maybe(&mut self, text: Option<&str>) -> &mut Self {
        self.truth(text.is_some());
        if let Some(text) = text {
            self.text(text);
        }
        self
    }

    fn log(&mut self, row: &LogText) {
        self.kind(LOG_IN_FEED).call(row.call).number(row.first_seq).text(&row.app).number(row.at);
        self.truth(row.ended).number(row.position).number(row.count).text(&row.body);
    }

    fn answer(&mut self, row: &AnswerRow) {
        self.kind(ANSWER).text(&row.session).number(row.request).text(&row.body);
    }

    fn session(&mut self, row: &SessionRow) {
        self.kind(SESSION).text(&row.id).text(&row.app).text(&row.user).text(&row.device);
        self.maybe(row.name.as_deref()).maybe(row.platform.as_deref()).number(row.at.0);
    }

    fn user(&mut self, row: &UserRow) {
        self.kind(USER).text(&row.app).text(&row.user).number(row.uid.0.into());
        self.maybe(row.name.as_deref()).number(row.at.0);
    }

    fn record(&mut self, row: &RecordText) {
        self.kind(RECORD).text(&row.app).number(row.serial).call(row.call);
        self.number(row.created_at).number(row.ended_at);
        self.text(&row.reason).text(&row.users).text(&row.body);
    }

    fn leg(&mut self, row: &LegText) {
        self.kind(LEG).text(&row.app).text(&row.user).number(row.serial);
        self.text(&row.outcome).truth(row.missed);
    }
}

/// What is left to read.
struct In<'a>(&'a [u8]);

/// What is wrong with a stored batch. Quotes nothing of it: it may be a note.
struct Broken(&'static str);

impl In<'_> {
    fn row(&mut self, tables: &mut Tables) -> Result<(), Broken> {
        match self.byte()? {
            LOG => tables.logs.push(self.log(false)?),
            LOG_IN_FEED => tables.logs.push(self.log(true)?),
            ANSWER => tables.answers.push(self.answer()?),
            SESSION => tables.sessions.push(self.session()?),
            GONE => tables.gone.push(self.name(SessionId::parse)?),
            USER => tables.users.push(self.user()?),
            RECORD => tables.records.push(self.record()?),
            LEG => tables.legs.push(self.leg()?),
            WEBHOOK => tables.key_values.push(self.webhook()?),
            KEY_VALUE => tables.key_values.push(self.key_value()?),
            _ => return Err(Broken("a row of no known table")),
        }
        Ok(())
    }

    fn log(&mut self, is_in_feed: bool) -> Result<LogText, Broken> {
        Ok(LogText {
            call: self.call()?,
            first_seq: self.number()?,
            app: self.name(AppKey::parse)?,
            at: self.number()?,
            ended: self.truth()?,
            position: if is_in_feed { self.number()? } else { 0 },
            count: if is_in_feed { self.number()? } else { 0 },
            body: self.text()?.into(),
        })
    }

    fn answer(&mut self) -> Result<AnswerRow, Broken> {
        Ok(AnswerRow {
            session: self.name(SessionId::parse)?,
            request: self.number()?,
            body: self.text()?.into(),
        })
    }

    fn session(&mut self) -> Result<SessionRow, Broken> {
        Ok(SessionRow {
            id: self.name(SessionId::parse)?,
            app: self.name(AppKey::parse)?,
            user: self.name(UserId::parse)?,
            device: self.name(DeviceId::parse)?,
            name: self.maybe()?,
            platform: self.maybe()?,
            at: Timestamp(self.number()?),
        })
    }

    fn user(&mut self) -> Result<UserRow, Broken> {
        Ok(UserRow {
            app: self.name(AppKey::parse)?,
            user: self.name(UserId::parse)?,
            uid: Uid(u32::try_from(self.number()?).map_err(|_| Broken("too large a uid"))?),
            name: self.maybe()?,
            at: Timestamp(self.number()?),
        })
    }

    fn record(&mut self) -> Result<RecordText, Broken> {
        Ok(RecordText {
            app: self.name(AppKey::parse)?,
            serial: self.number()?,
            call: self.call()?,
            created_at: self.number()?,
            ended_at: self.number()?,
            reason: self.text()?.into(),
            users: self.text()?.into(),
            body: self.text()?.into(),
        })
    }

    fn leg(&mut self) -> Result<LegText, Broken> {
        Ok(LegText {
            app: self.name(AppKey::parse)?,
            user: self.name(UserId::parse)?,
            serial: self.number()?,
            outcome: self.text()?.into(),
            missed: self.truth()?,
        })
    }

    fn webhook(&mut self) -> Result<KeyValueRow, Broken> {
        Ok(KeyValueRow {
            app: self.name(AppKey::parse)?,
            bucket: Bucket::Webhook,
            key: self.text()?.to_owned(),
            value: Some(self.text()?.into()),
        })
    }

    fn key_value(&mut self) -> Result<KeyValueRow, Broken> {
        Ok(KeyValueRow {
            app: self.name(AppKey::parse)?,
            bucket: Bucket::named(self.text()?).ok_or(Broken("a value of no known bucket"))?,
            key: self.text()?.to_owned(),
            value: self.maybe()?.map(Into::into),
        })
    }

    fn bytes(&mut self, count: usize) -> Result<&[u8], Broken> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Broken("a row is cut off"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Broken> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    fn number(&mut self) -> Result<u64, Broken> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Broken("a number is too long"))
    }

    fn truth(&mut self) -> Result<bool, Broken> {
        Ok(self.byte()? != 0)
    }

    fn text(&mut self) -> Result<&str, Broken> {
        let length = usize::try_from(self.number()?).map_err(|_| Broken("too long a text"))?;
        std::str::from_utf8(self.bytes(length)?).map_err(|_| Broken("a text is not UTF-8"))
    }

    fn maybe(&mut self) -> Result<Option<String>, Broken> {
        if self.truth()? { Ok(Some(self.text()?.to_owned())) } else { Ok(None) }
    }

    fn call(&mut self) -> Result<[u8; 16], Broken> {
        let mut call = [0; 16];
        call.copy_from_slice(self.bytes(16)?);
        Ok(call)
    }

    fn name<T>(&mut self, parse: impl Fn(&str) -> Result<T, NameError>) -> Result<T, Broken> {
        parse(self.text()?).map_err(|_| Broken("a name is none"))
    }
}
