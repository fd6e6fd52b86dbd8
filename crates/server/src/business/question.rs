//! Questions as HTTP posts.

use std::time::Duration;

use bellwire_protocol::business::HookAnswer;
use tokio::time::Instant;

use super::absence::Absence;
use crate::post::{Failure, Message, send, whole};

/// Between two tries to connect; the time limit of the question ends them.
const RETRY: Duration = Duration::from_millis(50);

/// Asks, and until `deadline` tries again as long as there is no connection: what was sent is not
/// sent twice.
pub(super) async fn ask(message: &Message<'_>, deadline: Instant) -> Result<HookAnswer, Absence> {
    loop {
        match send(message).await {
            Ok(response) => return read(&whole(response).await?),
            Err(Failure::Unreachable) if Instant::now() + RETRY < deadline => {
                tokio::time::sleep(RETRY).await;
            }
            Err(failure) => return Err(failure.into()),
        }
    }
}

fn read(body: &[u8]) -> Result<HookAnswer, Absence> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(HookAnswer::default());
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut json).map_err(|error| Absence::Wrong(error.to_string()))
}
