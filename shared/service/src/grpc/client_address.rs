//! Where a call came from: the other end of the connection, or what a forwarder that we know says (ADR 0034). A header that
//! anyone can write is not believed.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use contracts::access::FORWARDERS;
use http::{HeaderMap, HeaderName, Request};
use tonic::transport::server::TcpConnectInfo;

use crate::tokens::TokenVerifier;

/// The address that a forwarder names, as text (RFC 4291, RFC 791), alone.
const ADDRESS: HeaderName = HeaderName::from_static("madoguchi-client-address");
/// The forwarder's own secret; `authorization` stays free for the caller's token.
const PEER: HeaderName = HeaderName::from_static("madoguchi-peer");

/// The operator hears of a forwarder that is not believed at most so often.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// The network a call came from, as far as callers are told apart by it: an IPv4 address, the /64 of an IPv6 address (one
/// site has that much and more), or unknown, where nobody says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientAddress(Option<IpAddr>);

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        Self(Some(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        }))
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(IpAddr::V6(network)) => write!(out, "{network}/64"),
            Some(address) => address.fmt(out),
            None => out.write_str("unknown"),
        }
    }
}

/// Where a call comes from, as far as shares are counted by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The connection, unless a forwarder's, which carries the calls of many.
    pub(crate) connection: Option<SocketAddr>,
    /// The client's network.
    pub(crate) address: Option<ClientAddress>,
}

/// Where a request came from; unknown where it did not pass admission.
pub fn client_address<T>(request: &tonic::Request<T>) -> ClientAddress {
    request.extensions().get().copied().unwrap_or_default()
}

/// Puts where the call came from into the request's extensions, before anything else is decided; says by what its share of
/// a room is counted.
pub(crate) fn note<B>(tokens: &TokenVerifier, request: &mut Request<B>) -> Origin {
    let connection = request
        .extensions()
        .get::<TcpConnectInfo>()
        .and_then(TcpConnectInfo::remote_addr);
    let named = named(tokens, request.headers()).unwrap_or_else(|why| {
        tell(why);
        None
    });
    let address = named.or_else(|| connection.map(|peer| peer.ip().into()));
    request.headers_mut().remove(PEER);
    request.extensions_mut().insert(address.unwrap_or_default());
    Origin {
        connection: connection.filter(|_| named.is_none()),
        address,
    }
}

/// What a forwarder names; `None` where nobody names anything. An error says what the operator should look at.
fn named(tokens: &TokenVerifier, headers: &HeaderMap) -> Result<Option<ClientAddress>, &'static str> {
    let mut values = headers.get_all(ADDRESS).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let secret = headers.get(PEER).ok_or(
        "send the forwarder's own secret as metadata madoguchi-peer, or strip the address of strangers",
    )?;
    let peer = secret.to_str().ok().and_then(|secret| tokens.peer(secret));
    let peer = peer.ok_or("accept the forwarder's secret: [peers.accept] web = its SHA-256")?;
    if !FORWARDERS.contains(&peer.as_str()) {
        return Err("only the peer `web` forwards calls: keep its secret under that name");
    }
    let address = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    let address: IpAddr = address.ok_or("the forwarder has to send one IP address, without port or name")?;
    if values.next().is_some() {
        return Err("the forwarder has to replace the addresses that came in, not to add its own");
    }
    Ok(Some(address.into()))
}

fn tell(why: &'static str) {
    static TOLD: Mutex<Option<Instant>> = Mutex::new(None);
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) {
        *told = Some(Instant::now());
        tracing::warn!(
            mend = why,
            "a call names a client address and is not believed; the connection's address counts"
        );
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn network(text: &str) -> String {
        ClientAddress::from(text.parse::<IpAddr>().unwrap()).to_string()
    }

    #[test]
    fn id_10_ipv6_counts_by_64_and_mapped_ipv4_is_ipv4() {
        assert_eq!(network("203.0.113.9"), "203.0.113.9");
        assert_eq!(network("::ffff:203.0.113.9"), "203.0.113.9");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(ClientAddress::default().to_string(), "unknown");
    }
}
