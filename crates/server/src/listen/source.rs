//! Where a connection comes from, as limits see it, and whom a proxy says it speaks for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header::FORWARDED};
use ipnet::IpNet;

use crate::config::ProxyHeader;

/// An IPv4 address, or the /64 of an IPv6 address: whoever has one address of it has them all. It
/// cannot be printed, as no address may reach a log.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Source {
    V4(Ipv4Addr),
    V6(u64),
}

impl Source {
    /// Where `address` belongs.
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                let bits = [a, b, c, d].into_iter().fold(0, |bits, s| bits << 16 | u64::from(s));
                Self::V6(bits)
            }
        }
    }
}

/// The proxies in front of the server.
#[derive(Debug, Clone)]
pub(super) struct Proxies {
    trusted: Vec<IpNet>,
    header: ProxyHeader,
}

impl Proxies {
    /// Proxies in these networks, which write this header.
    pub(super) fn new(trusted: Vec<IpNet>, header: ProxyHeader) -> Self {
        Self { trusted, header }
    }

    /// Whether `address` is a proxy's.
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// The address a trusted proxy speaks for. Each proxy adds the one it was asked by at the
    /// end, so the last that is no proxy's is the farthest that can be believed.
    pub(super) fn client(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let name = match self.header {
            ProxyHeader::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            ProxyHeader::Forwarded => FORWARDED,
        };
        let mut client = None;
        for value in headers.get_all(name).iter().rev() {
            for hop in value.to_str().ok()?.rsplit(',') {
                let address = match self.header {
                    ProxyHeader::XForwardedFor => address(hop),
                    ProxyHeader::Forwarded => forwarded_for(hop).and_then(address),
                };
                // One that cannot be read hides those before it.
                let Some(address) = address else { return client };
                client = Some(address);
                if !self.trusts(address) {
                    return client;
                }
            }
        }
        client
    }
}

/// The `for` of one element of a `Forwarded` header.
fn forwarded_for(hop: &str) -> Option<&str> {
    hop.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value)
    })
}

/// An address as proxies write it: bare, with a port, in brackets, in quotes.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse().map(|a: SocketAddr| a.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(header: ProxyHeader, values: &[(&'static str, &str)]) -> Option<String> {
        let proxies = Proxies::new(vec!["10.0.0.0/8".parse().expect("a network")], header);
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            headers.append(*name, value.parse().expect("a value"));
        }
        proxies.client(&headers).map(|address| address.to_string())
    }

    #[test]
    fn the_last_that_is_no_proxy_is_believed() {
        for (value, meant) in [
            ("192.0.2.1", Some("192.0.2.1")),
            ("192.0.2.9, 192.0.2.1", Some("192.0.2.1")),
            ("192.0.2.9, 192.0.2.1, 10.1.2.3", Some("192.0.2.1")),
            ("192.0.2.1:4711", Some("192.0.2.1")),
            ("[2001:db8::1]:4711", Some("2001:db8::1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("nonsense", None),
            ("192.0.2.1, nonsense", None),
            ("192.0.2.1, nonsense, 10.0.0.1", Some("10.0.0.1")),
            ("", None),
        ] {
            let found = client(ProxyHeader::XForwardedFor, &[("x-forwarded-for", value)]);
            assert_eq!(found.as_deref(), meant, "{value}");
        }
        let two = [("x-forwarded-for", "192.0.2.9"), ("x-forwarded-for", "192.0.2.1, 10.0.0.1")];
        assert_eq!(client(ProxyHeader::XForwardedFor, &two).as_deref(), Some("192.0.2.1"));
    }

    #[test]
    fn only_the_header_that_was_chosen_is_read() {
        let both = [
            ("x-forwarded-for", "192.0.2.9"),
            ("forwarded", "for=192.0.2.7;proto=https, For=\"[2001:db8::1]:80\""),
        ];
        assert_eq!(client(ProxyHeader::Forwarded, &both).as_deref(), Some("2001:db8::1"));
        assert_eq!(client(ProxyHeader::XForwardedFor, &both).as_deref(), Some("192.0.2.9"));
        let hidden = [("forwarded", "for=192.0.2.7, for=_hidden")];
        assert_eq!(client(ProxyHeader::Forwarded, &hidden), None);
    }

    #[test]
    fn a_home_of_ipv6_is_one_source() {
        let of = |text: &str| Source::of(text.parse().expect("an address"));
        assert!(of("2001:db8:0:1::1") == of("2001:db8:0:1:ffff::2"));
        assert!(of("2001:db8:0:1::1") != of("2001:db8:0:2::1"));
        assert!(of("192.0.2.1") == of("::ffff:192.0.2.1"));
        assert!(of("192.0.2.1") != of("192.0.2.2"));
    }
}
