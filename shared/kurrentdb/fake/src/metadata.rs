//! The metadata of a stream, which stand in a stream beside it: which of its events are shown to who reads the stream. The
//! log as a whole shows all of them, as the real server does until a scavenge. What is not applied here is refused.

use serde_json::{Map, Value};

/// Streams of metadata begin with this, and go on with the name of the stream they are about.
const PREFIX: &str = "$$";
/// Ticks of 100 ns in a second.
const TICKS: u64 = 10_000_000;
/// The server's sign for a deleted stream.
const DELETED: u64 = i64::MAX.unsigned_abs();

/// Metadata that are not applied here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No JSON object, or a limit that is none.
    Malformed,
    /// The real server gives this a meaning.
    Unsupported(String),
}

/// Which events of a stream are shown.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The first revision.
    before: u64,
    /// The last so many.
    count: Option<u64>,
    /// Those written within so many ticks.
    age: Option<u64>,
}

impl Limits {
    /// Of a stream of metadata itself: the last ones count.
    pub(crate) const LATEST: Self = Self {
        before: 0,
        count: Some(1),
        age: None,
    };

    /// Reads an event's data.
    pub(crate) fn parse(data: &[u8]) -> Result<Self, Refused> {
        let fields: Map<String, Value> = serde_json::from_slice(data).map_err(|_| Refused::Malformed)?;
        let mut limits = Self::default();
        for (name, value) in &fields {
            let number = || value.as_u64().ok_or(Refused::Malformed);
            match name.as_str() {
                // A soft deletion, after which the stream may be begun anew.
                "$tb" if number()? >= DELETED => return Err(Refused::Unsupported("a deletion".to_owned())),
                "$tb" => limits.before = number()?,
                "$maxCount" => limits.count = Some(number()?),
                "$maxAge" => limits.age = Some(number()?.saturating_mul(TICKS)),
                own if own.starts_with('$') => return Err(Refused::Unsupported(own.to_owned())),
                _ => {}
            }
        }
        Ok(limits)
    }

    /// The first revision shown of a stream that has so many events, as far as age does not matter.
    pub(crate) fn first(&self, events: u64) -> u64 {
        let of_the_last = self.count.map_or(0, |count| events.saturating_sub(count));
        self.before.max(of_the_last)
    }

    /// Whether an event written then is shown now, both in ticks.
    pub(crate) fn is_young(&self, created: u64, now: u64) -> bool {
        self.age.is_none_or(|age| created.saturating_add(age) > now)
    }
}

/// The stream that a stream of metadata is about.
pub(crate) fn described(stream: &str) -> Option<&str> {
    stream.strip_prefix(PREFIX)
}

/// The stream of a stream's metadata.
pub(crate) fn describing(stream: &str) -> String {
    format!("{PREFIX}{stream}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn limits_cut_off_the_first_the_most_and_the_old_and_own_words_are_let_through() {
        let parse = |text: &str| Limits::parse(text.as_bytes()).unwrap();
        assert_eq!(parse("{}").first(10), 0);
        assert_eq!(parse(r#"{"$tb": 4, "note": "ours"}"#).first(10), 4);
        assert_eq!(parse(r#"{"$maxCount": 3}"#).first(10), 7);
        assert_eq!(parse(r#"{"$maxCount": 3}"#).first(2), 0);
        assert_eq!(parse(r#"{"$maxCount": 3, "$tb": 9}"#).first(10), 9);
        let aged = parse(r#"{"$maxAge": 1}"#);
        assert!(aged.is_young(TICKS, 2 * TICKS - 1));
        assert!(!aged.is_young(TICKS, 2 * TICKS));
        assert!(parse("{}").is_young(0, u64::MAX));
    }

    #[test]
    fn what_would_not_be_applied_is_refused() {
        for (text, refused) in [
            ("", Refused::Malformed),
            ("[]", Refused::Malformed),
            (r#"{"$maxCount": -1}"#, Refused::Malformed),
            (
                r#"{"$acl": {"$r": "nobody"}}"#,
                Refused::Unsupported("$acl".to_owned()),
            ),
            (
                r#"{"$cacheControl": 10}"#,
                Refused::Unsupported("$cacheControl".to_owned()),
            ),
            (
                r#"{"$tb": 9223372036854775807}"#,
                Refused::Unsupported("a deletion".to_owned()),
            ),
        ] {
            assert_eq!(Limits::parse(text.as_bytes()), Err(refused), "{text}");
        }
    }
}
