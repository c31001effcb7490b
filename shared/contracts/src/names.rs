//! Every NATS name. **Format**: consumers of other releases rely on them (docs/adr/0003).
//!
//! `prefix` is empty in production and sets deployments that share a NATS server apart. Names hold no personal value.

/// The services, as they appear in stream names, subjects, error domains and consistency tokens.
pub const SERVICES: [&str; 4] = [IDENTITY, ENDORSEMENT, CLAIM_IMAGES, PHONE_VERIFICATION];
/// Registration and login.
pub const IDENTITY: &str = "identity";
/// Contracts and their changes.
pub const ENDORSEMENT: &str = "endorsement";
/// Accidents and their pictures.
pub const CLAIM_IMAGES: &str = "claim-images";
/// The phone call as second factor.
pub const PHONE_VERIFICATION: &str = "phone-verification";
/// The read models; publishes nothing.
pub const VIEWS: &str = "views";

fn prefixed(prefix: &str, separator: char, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}{separator}{name}")
    }
}

/// The JetStream stream of a service: `MADOGUCHI_ENDORSEMENT`.
pub fn stream(prefix: &str, service: &str) -> String {
    prefixed(
        prefix,
        '_',
        &format!("MADOGUCHI_{}", service.replace('-', "_").to_uppercase()),
    )
}

/// A subject without the deployment's prefix, as feeds carry it: `madoguchi.endorsement.contract.party_field_changed`.
pub fn bare_subject(service: &str, entity_kind: &str, event_name: &str) -> String {
    format!("madoguchi.{service}.{entity_kind}.{event_name}")
}

/// The subject without the deployment's prefix, as the feed carries it and as it is signed.
pub fn without_prefix<'a>(prefix: &str, subject: &'a str) -> &'a str {
    subject
        .strip_prefix(prefix)
        .map_or(subject, |rest| rest.strip_prefix('.').unwrap_or(rest))
}

/// The subject an integration event is published under.
pub fn subject(prefix: &str, service: &str, entity_kind: &str, event_name: &str) -> String {
    prefixed(prefix, '.', &bare_subject(service, entity_kind, event_name))
}

/// All subjects of a service, the binding of its stream.
pub fn stream_subjects(prefix: &str, service: &str) -> String {
    prefixed(prefix, '.', &format!("madoguchi.{service}.*.*"))
}

/// The subject of a service's heartbeats: plain NATS, outside every stream.
pub fn heartbeat(prefix: &str, service: &str) -> String {
    prefixed(prefix, '.', &format!("madoguchi-heartbeat.{service}"))
}

/// In a subject, instead of what happened: an event that its source cannot publish. Feeds alone carry it; nothing is sent.
pub const SET_ASIDE: &str = "set_aside";

/// Header: the event's place in its owner's order, lower-case hex.
pub const CURSOR_HEADER: &str = "Madoguchi-Cursor";
/// Header: the place of the published event before it; absent for the first.
pub const PREVIOUS_CURSOR_HEADER: &str = "Madoguchi-Previous-Cursor";
/// Header: the event's id.
pub const EVENT_ID_HEADER: &str = "Madoguchi-Event-Id";
/// Header: which of its source's keys signed the message (UUID).
pub const KEY_ID_HEADER: &str = "Madoguchi-Key-Id";
/// Header: the source's Ed25519 signature over subject, headers and payload, lower-case hex.
pub const SIGNATURE_HEADER: &str = "Madoguchi-Signature";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_of_a_deployment_is_taken_off() {
        let bare = "madoguchi.identity.account.registered";
        assert_eq!(
            without_prefix("t1", "t1.madoguchi.identity.account.registered"),
            bare
        );
        assert_eq!(without_prefix("", bare), bare);
    }

    #[test]
    fn a_heartbeat_is_never_captured_by_the_stream() {
        assert_eq!(stream_subjects("", ENDORSEMENT), "madoguchi.endorsement.*.*");
        assert_eq!(heartbeat("t1", ENDORSEMENT), "t1.madoguchi-heartbeat.endorsement");
        assert_eq!(heartbeat("t1", ENDORSEMENT).split('.').count(), 3);
        assert_eq!(stream_subjects("t1", ENDORSEMENT).split('.').count(), 5);
    }

    #[test]
    fn a_stream_name_has_only_characters_nats_allows() {
        assert_eq!(stream("t1", CLAIM_IMAGES), "t1_MADOGUCHI_CLAIM_IMAGES");
    }
}
