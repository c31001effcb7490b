//! Where a service listens, as people write it.

use std::fmt;

use contracts::names::{CLAIM_IMAGES, ENDORSEMENT, IDENTITY, PHONE_VERIFICATION, VIEWS};
use tonic::transport::{Channel, Endpoint};

/// The services that can be called.
pub const SERVICES: [&str; 5] = [IDENTITY, ENDORSEMENT, PHONE_VERIFICATION, CLAIM_IMAGES, VIEWS];

/// An address that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is no such service.
    #[error(
        "there is no service {0}: they are identity, endorsement, phone-verification, claim-images and views"
    )]
    Service(String),
    /// Not a URL of a host.
    #[error("{address:?} is no address of {service}: write http://host:port")]
    Malformed {
        /// The service.
        service: &'static str,
        /// As it was given.
        address: String,
    },
    /// These clients speak no TLS.
    #[error(
        "{address:?} of {service} asks for TLS, which is left to the proxy beside the service: write its http:// address"
    )]
    Tls {
        /// The service.
        service: &'static str,
        /// As it was given.
        address: String,
    },
}

/// The address of one service: `http://host:port`.
#[derive(Clone)]
pub struct Address {
    service: &'static str,
    endpoint: Endpoint,
}

impl Address {
    /// Reads `http://host:port` or `host:port`.
    pub fn parse(service: &str, address: &str) -> Result<Self, AddressError> {
        let service = SERVICES
            .into_iter()
            .find(|known| *known == service)
            .ok_or_else(|| AddressError::Service(service.to_owned()))?;
        let malformed = || AddressError::Malformed {
            service,
            address: address.to_owned(),
        };
        let url = match address.split_once("://") {
            None => format!("http://{address}"),
            Some(("http", _)) => address.to_owned(),
            Some(("https", _)) => {
                return Err(AddressError::Tls {
                    service,
                    address: address.to_owned(),
                });
            }
            Some(_) => return Err(malformed()),
        };
        let endpoint = Endpoint::from_shared(url).map_err(|_| malformed())?;
        let uri = endpoint.uri();
        // A path would be passed over in silence.
        if uri.host().is_none_or(str::is_empty) || uri.path() != "/" {
            return Err(malformed());
        }
        Ok(Self { service, endpoint })
    }

    /// Whose address it is.
    pub const fn service(&self) -> &'static str {
        self.service
    }

    /// A channel that connects when it is first used, and again whenever it has to.
    pub(crate) fn connect(&self) -> Channel {
        self.endpoint.connect_lazy()
    }
}

/// As it is told; an endpoint's own form hides where it leads.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = self.endpoint.uri();
        match uri.authority() {
            Some(authority) => write!(f, "http://{authority}"),
            None => write!(f, "{uri}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn an_address_is_a_url_or_host_and_port_and_is_shown_as_url() {
        for text in ["10.0.0.1:7000", "http://10.0.0.1:7000", "http://10.0.0.1:7000/"] {
            let address = Address::parse("views", text).unwrap();
            assert_eq!(
                (address.service(), address.to_string().as_str()),
                ("views", "http://10.0.0.1:7000")
            );
        }
    }

    #[test]
    fn what_cannot_be_called_is_refused_with_the_reason() {
        assert!(matches!(
            Address::parse("billing", "a:1"),
            Err(AddressError::Service(_))
        ));
        assert!(matches!(
            Address::parse("views", "https://a:1"),
            Err(AddressError::Tls { .. })
        ));
        for text in ["", "http://", "ftp://a:1", "http://a:1/path", "a b"] {
            let refused = Address::parse("views", text);
            assert!(
                matches!(refused, Err(AddressError::Malformed { .. })),
                "{text:?}: {refused:?}"
            );
        }
    }
}
