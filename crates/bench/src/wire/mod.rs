//! The least of WebSocket and JSON that a load generator needs, made to be cheap.

pub(crate) mod frame;
pub(crate) mod handshake;
pub(crate) mod mask;
pub(crate) mod said;
