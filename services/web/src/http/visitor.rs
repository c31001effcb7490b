//! Who asks, as far as a request says: language, address, place. Put into the request by the frame.

use std::net::{IpAddr, SocketAddr};

use axum::extract::FromRequestParts;
use client::Language;
use http::header::{ACCEPT_LANGUAGE, COOKIE};
use http::request::Parts;
use http::{HeaderMap, Uri};

use crate::backend::Behalf;
use crate::problem::Problem;
use crate::texts::Texts;

/// The cookie that holds the chosen language.
pub(crate) const LANGUAGE_COOKIE: &str = "language";

/// The address a connection comes from, put in by the listener.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) texts: Texts,
    pub(crate) address: IpAddr,
    /// Path and query, to come back to.
    pub(crate) place: String,
    /// Names this request in the log.
    pub(crate) reference: String,
}

impl Visitor {
    pub(crate) fn behalf(&self) -> Behalf {
        Behalf {
            language: self.texts.language(),
            address: self.address,
        }
    }

    /// The path alone.
    pub(crate) fn path(&self) -> &str {
        self.place.split('?').next().unwrap_or_default()
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let visitor = parts.extensions.get::<Self>().cloned();
        visitor.ok_or_else(|| Problem::internal("the frame is missing"))
    }
}

/// The value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(found, value)| (found == name).then_some(value))
}

/// As chosen before, else as the browser asks, else Japanese.
pub(crate) fn language(headers: &HeaderMap) -> Language {
    if let Some(chosen) = cookie(headers, LANGUAGE_COOKIE).and_then(tagged) {
        return chosen;
    }
    let accepted = headers.get(ACCEPT_LANGUAGE);
    accepted
        .and_then(|accepted| accepted.to_str().ok())
        .and_then(preferred)
        .unwrap_or(Language::Japanese)
}

/// The language a tag begins with.
pub(crate) fn tagged(tag: &str) -> Option<Language> {
    match tag.split('-').next()?.to_ascii_lowercase().as_str() {
        "ja" => Some(Language::Japanese),
        "en" => Some(Language::English),
        _ => None,
    }
}

/// Of the languages we speak the one with the greatest weight, the first of equals (RFC 9110, 12.5.4).
fn preferred(accepted: &str) -> Option<Language> {
    let mut best: Option<(Language, f32)> = None;
    for item in accepted.split(',').take(16) {
        let mut parts = item.split(';').map(str::trim);
        let Some(language) = parts.next().and_then(tagged) else {
            continue;
        };
        let weight = parts
            .find_map(|part| part.strip_prefix("q=")?.parse().ok())
            .unwrap_or(1.0_f32);
        if weight > best.map_or(0.0, |(_, weight)| weight) {
            best = Some((language, weight));
        }
    }
    best.map(|(language, _)| language)
}

/// The browser's address: the connection's, or what the outermost of our own proxies saw.
pub(crate) fn address(headers: &HeaderMap, peer: IpAddr, proxies: u8) -> IpAddr {
    if proxies == 0 {
        return peer;
    }
    let seen: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(','))
        .map(str::trim)
        .collect();
    let outermost = seen.len().checked_sub(usize::from(proxies));
    outermost
        .and_then(|index| seen.get(index)?.parse().ok())
        .unwrap_or(peer)
}

/// A place to go back to after a login: one of our own pages, or none. A browser reads `//host` and `/\host` as another site,
/// and drops tabs and line ends before it reads.
pub(crate) fn own_place(text: &str) -> Option<String> {
    let own = text.starts_with('/')
        && !text.starts_with("//")
        && text.len() <= 512
        && text.bytes().all(|byte| {
            byte.is_ascii_graphic() && byte != b'\\' && byte != b'"' && byte != b'<' && byte != b'>'
        })
        && text.parse::<Uri>().is_ok_and(|uri| uri.authority().is_none());
    own.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn the_chosen_language_comes_before_the_browsers_and_japanese_is_the_default() {
        assert_eq!(language(&headers(&[])), Language::Japanese);
        assert_eq!(
            language(&headers(&[("accept-language", "fr,en;q=0.5,ja;q=0.7")])),
            Language::Japanese
        );
        assert_eq!(
            language(&headers(&[("accept-language", "en-GB, ja;q=0.9")])),
            Language::English
        );
        assert_eq!(
            language(&headers(&[("accept-language", "ja;q=0, en;q=0.1")])),
            Language::English
        );
        let chosen = headers(&[("accept-language", "ja"), ("cookie", "a=b; language=en")]);
        assert_eq!(language(&chosen), Language::English);
    }

    #[test]
    fn only_our_own_proxies_are_believed() {
        let peer = IpAddr::from([10, 0, 0, 1]);
        let forwarded = headers(&[("x-forwarded-for", "203.0.113.9, 198.51.100.7")]);
        assert_eq!(address(&forwarded, peer, 0), peer);
        assert_eq!(address(&forwarded, peer, 1), IpAddr::from([198, 51, 100, 7]));
        assert_eq!(
            address(&forwarded, peer, 3),
            peer,
            "fewer than there are proxies: not ours"
        );
        assert_eq!(address(&headers(&[]), peer, 1), peer);
    }

    #[test]
    fn nobody_is_sent_to_another_site_after_the_login() {
        for own in ["/", "/home", "/contracts/7c0d?page=2"] {
            assert_eq!(own_place(own).as_deref(), Some(own));
        }
        for other in [
            "",
            "home",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            "/a\r\nset-cookie: b",
            "\\/evil.example",
            "/日本",
        ] {
            assert_eq!(own_place(other), None, "{other:?}");
        }
    }
}
