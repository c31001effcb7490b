//! Who we are to the services, and in which language we want to be refused.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use http::HeaderMap;
use http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, HeaderValue};
use tonic::Status;

/// A language errors are told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Japanese.
    Japanese,
}

/// Metadata that names the address of whom a program of ours speaks for. Believed only beside [`PEER`].
const CLIENT_ADDRESS: &str = "madoguchi-client-address";
/// Metadata with the secret of the program that names it.
const PEER: &str = "madoguchi-peer";

/// Who calls. Prints nothing of itself.
#[derive(Clone)]
pub struct Bearer {
    source: Source,
    language: Language,
    /// Address, secret and trace of a call made for somebody else.
    behalf: Vec<(&'static str, HeaderValue)>,
}

#[derive(Clone)]
enum Source {
    Nobody,
    Token(HeaderValue),
    /// Read anew for every call: long work goes on with a token that was renewed meanwhile.
    File(Arc<PathBuf>),
}

impl Bearer {
    /// Nobody.
    pub const fn nobody() -> Self {
        Self {
            source: Source::Nobody,
            language: Language::English,
            behalf: Vec::new(),
        }
    }

    /// Whoever holds this token or secret. One that cannot be sent is not sent, and the call refused.
    pub fn new(token: &str) -> Self {
        Self {
            source: authorization(token).map_or(Source::Nobody, Source::Token),
            language: Language::English,
            behalf: Vec::new(),
        }
    }

    /// Whoever holds the token in this file at the time of each call.
    pub fn of_file(path: PathBuf) -> Self {
        Self {
            source: Source::File(Arc::new(path)),
            language: Language::English,
            behalf: Vec::new(),
        }
    }

    /// The same, to be refused in another language.
    #[must_use]
    pub fn in_language(mut self, language: Language) -> Self {
        self.language = language;
        self
    }

    /// The same, calling for somebody at another address: throttling then counts there and not here. The secret proves that
    /// this program may say so; a trace (`traceparent`, W3C) is gone on with.
    #[must_use]
    pub fn on_behalf_of(
        mut self,
        address: IpAddr,
        peer_secret: Option<&str>,
        traceparent: Option<&str>,
    ) -> Self {
        let entries = [
            (CLIENT_ADDRESS, Some(address.to_string())),
            (PEER, peer_secret.map(str::to_owned)),
            ("traceparent", traceparent.map(str::to_owned)),
        ];
        self.behalf = entries
            .into_iter()
            .filter_map(|(name, value)| {
                let mut value = HeaderValue::from_str(&value?).ok()?;
                value.set_sensitive(name == PEER);
                Some((name, value))
            })
            .collect();
        self
    }

    /// Adds who calls to a call's headers.
    ///
    /// # Errors
    /// When the token's file cannot be read: the call is refused as one without a token would be.
    pub(crate) fn sign(&self, headers: &mut HeaderMap) -> Result<(), Status> {
        let language = match self.language {
            Language::English => "en",
            Language::Japanese => "ja",
        };
        headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(language));
        for (name, value) in &self.behalf {
            headers.insert(*name, value.clone());
        }
        let authorization = match &self.source {
            Source::Nobody => return Ok(()),
            Source::Token(value) => value.clone(),
            Source::File(path) => {
                let refuse =
                    |why: String| Status::unauthenticated(format!("token file {}: {why}", path.display()));
                let token =
                    std::fs::read_to_string(path.as_path()).map_err(|error| refuse(error.to_string()))?;
                authorization(token.trim()).ok_or_else(|| refuse("holds no token".to_owned()))?
            }
        };
        headers.insert(AUTHORIZATION, authorization);
        Ok(())
    }
}

fn authorization(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    (!token.is_empty()).then_some(value)
}

impl std::fmt::Debug for Bearer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Bearer(…)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn signed(bearer: &Bearer) -> Option<String> {
        let mut headers = HeaderMap::new();
        bearer.sign(&mut headers).ok()?;
        Some(headers.get(AUTHORIZATION)?.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_tokens_file_is_read_anew_for_every_call_and_its_absence_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let bearer = Bearer::of_file(path.clone());
        let refused = bearer.sign(&mut HeaderMap::new()).unwrap_err();
        assert!(refused.message().contains("token file /"), "{refused:?}");
        for token in ["one", "two"] {
            std::fs::write(&path, format!("{token}\n")).unwrap();
            assert_eq!(signed(&bearer), Some(format!("Bearer {token}")));
        }
        std::fs::write(&path, "\n").unwrap();
        assert!(bearer.sign(&mut HeaderMap::new()).is_err());
    }

    #[test]
    fn a_call_for_somebody_names_their_address_and_proves_who_says_so() {
        let address = IpAddr::from([192, 0, 2, 7]);
        let bearer = Bearer::nobody().on_behalf_of(address, Some("secret"), None);
        let mut headers = HeaderMap::new();
        bearer.sign(&mut headers).unwrap();
        assert_eq!(headers[CLIENT_ADDRESS], "192.0.2.7");
        assert_eq!(headers[PEER], "secret");
        assert!(headers[PEER].is_sensitive() && !headers.contains_key("traceparent"));
    }

    #[test]
    fn nobody_and_a_token_that_cannot_be_sent_send_none() {
        assert_eq!(signed(&Bearer::nobody()), None);
        assert_eq!(signed(&Bearer::new("a\nb")), None);
        assert_eq!(signed(&Bearer::new("a.b")), Some("Bearer a.b".to_owned()));
        assert!(!format!("{:?}", Bearer::new("a.b")).contains("a.b"));
    }
}
