//! Under which addresses clients reach this machine.

use std::net::{IpAddr, SocketAddr};

/// The candidates for a socket bound to `bound`: those announced, or else the bound address, or
/// else the machine's own.
pub(crate) fn reachable(bound: SocketAddr, announce: &[IpAddr]) -> Vec<SocketAddr> {
    let with_port = |ip: IpAddr| SocketAddr::new(ip, bound.port());
    if !announce.is_empty() {
        return announce.iter().copied().map(with_port).collect();
    }
    if !bound.ip().is_unspecified() {
        return vec![bound];
    }
    let mut own: Vec<IpAddr> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .map(|interface| interface.ip())
        .filter(|ip| is_of_use(*ip) && (bound.is_ipv6() || ip.is_ipv4()))
        .collect();
    own.sort_unstable();
    own.dedup();
    if own.is_empty() {
        // A machine without a network still serves its own programs.
        own.push(IpAddr::from([127, 0, 0, 1]));
    }
    own.into_iter().map(with_port).collect()
}

/// Link-local addresses need a zone that a candidate cannot carry.
fn is_of_use(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_announced_bound_or_own_addresses() {
        let bound: SocketAddr = "127.0.0.1:2355".parse().unwrap();
        assert_eq!(reachable(bound, &[]), [bound]);
        let announced = reachable(bound, &["192.0.2.7".parse().unwrap()]);
        assert_eq!(announced, ["192.0.2.7:2355".parse().unwrap()]);
        let own = reachable("0.0.0.0:7".parse().unwrap(), &[]);
        assert!(!own.is_empty());
        assert!(own.iter().all(|addr| addr.is_ipv4() && addr.port() == 7));
    }
}
