//! Where servers are.

use crate::Error;

/// The port of addresses that begin with `wss` and name none, as everywhere.
const TLS_PORT: u16 = 443;

/// The WebSocket address for what a person writes: `wss://host`, `ws://host:port`, `host:port`, or
/// `host`.
pub(crate) fn parse(text: &str) -> Result<String, Error> {
    let wrong = || Error::Address { address: text.to_owned() };
    let (scheme, rest) = match text.trim().split_once("://") {
        Some(("ws" | "http", rest)) => ("ws", rest),
        Some(("wss" | "https", rest)) => ("wss", rest),
        Some(_) => return Err(wrong()),
        None => ("ws", text.trim()),
    };
    let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    if host.is_empty() || host.contains(char::is_whitespace) || host.contains('@') {
        return Err(wrong());
    }
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| {
        !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
    });
    let usual = if scheme == "wss" { TLS_PORT } else { bellwire_protocol::PORT };
    let port = if has_port { String::new() } else { format!(":{usual}") };
    let path = match path {
        "" => bellwire_protocol::PATH.to_owned(),
        path => format!("/{path}"),
    };
    Ok(format!("{scheme}://{host}{port}{path}"))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn addresses_are_filled_up() {
        for (given, meant) in [
            ("ws://127.0.0.1:2355", "ws://127.0.0.1:2355/v1/ws"),
            ("http://calls.example:80/", "ws://calls.example:80/v1/ws"),
            ("calls.example", "ws://calls.example:2355/v1/ws"),
            ("wss://calls.example", "wss://calls.example:443/v1/ws"),
            ("https://calls.example:2355/", "wss://calls.example:2355/v1/ws"),
            ("[::1]:9", "ws://[::1]:9/v1/ws"),
            ("[::1]", "ws://[::1]:2355/v1/ws"),
            ("ws://host:1/behind/proxy", "ws://host:1/behind/proxy"),
        ] {
            assert_eq!(parse(given).unwrap(), meant);
        }
        for wrong in ["", "ws://", "ftp://host", "two words", "ws://user@host"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
