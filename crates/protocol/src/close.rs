//! Why the server closes a connection.

/// A close code of the WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// The frame is no request, or too large.
    BadFrame,
    /// The hello was refused, or the session was logged out.
    Unauthorized,
    /// No hello in time.
    HelloTimeout,
    /// The same device logged in again.
    Replaced,
    /// The device reads too slowly.
    SlowReader,
    /// Too many requests.
    TooFast,
    /// The server is going away.
    Draining,
}

impl CloseCode {
    /// Every code: number, and what it means to the device.
    pub const TABLE: [(Self, u16, &'static str); 7] = [
        (
            Self::BadFrame,
            4400,
            "a frame was no request or too large; mend the client before connecting again",
        ),
        (Self::Unauthorized, 4401, "not authorised; get a new token before connecting again"),
        (Self::HelloTimeout, 4408, "hello came too late; connect again and say hello first"),
        (Self::Replaced, 4409, "the same device logged in again; do not reconnect"),
        (Self::SlowReader, 4413, "the device reads too slowly; reconnect and resume"),
        (Self::TooFast, 4429, "too many requests; wait, reconnect and resume"),
        (Self::Draining, 4503, "the server is going away; reconnect elsewhere and resume"),
    ];

    /// The number on the wire.
    pub fn number(self) -> u16 {
        match self {
            Self::BadFrame => 4400,
            Self::Unauthorized => 4401,
            Self::HelloTimeout => 4408,
            Self::Replaced => 4409,
            Self::SlowReader => 4413,
            Self::TooFast => 4429,
            Self::Draining => 4503,
        }
    }

    /// The code with this number, if it is one of ours.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::TABLE.iter().find(|row| row.1 == number).map(|row| row.0)
    }

    /// Whether a device may come back at once with the same session and token.
    pub fn may_resume(self) -> bool {
        match self {
            Self::HelloTimeout | Self::SlowReader | Self::TooFast | Self::Draining => true,
            Self::BadFrame | Self::Unauthorized | Self::Replaced => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CloseCode;

    #[test]
    fn the_table_and_the_numbers_agree() {
        for (code, number, meaning) in CloseCode::TABLE {
            assert_eq!(code.number(), number);
            assert_eq!(CloseCode::from_number(number), Some(code));
            // A close frame has 123 bytes for its reason.
            assert!(meaning.len() <= 123, "{meaning}");
        }
        assert_eq!(CloseCode::from_number(1000), None);
    }
}
