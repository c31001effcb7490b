//! Every event of every store, as far as the verdict looks at it.

use std::collections::BTreeMap;

use sqlx::{FromRow, PgPool};
use uuid::Uuid;

/// One stored event, without its sealed content.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Event {
    pub(super) epoch: i64,
    pub(super) xid: i64,
    pub(super) position: i64,
    pub(super) stream: String,
    pub(super) revision: i64,
    #[sqlx(rename = "event_id")]
    pub(super) id: Uuid,
    pub(super) request_key: Uuid,
    #[sqlx(rename = "type")]
    pub(super) kind: String,
    pub(super) causation: Option<Uuid>,
    pub(super) login: Option<String>,
    pub(super) endorsement: Option<String>,
    pub(super) is_due: Option<bool>,
    pub(super) role: Option<String>,
    pub(super) challenge: Option<String>,
}

/// Instants of a scheduled request are due a little before this is asked: a worker needs its time.
const LOAD: &str =
    "SELECT epoch, xid::text::bigint AS xid, position, stream, revision, event_id, request_key, type,
        (metadata ->> 'causation_id')::uuid AS causation,
        data ->> 'login_id' AS login,
        data -> 'request' ->> 'endorsement_id' AS endorsement,
        (data -> 'request' ->> 'effective_at')::timestamptz < now() - interval '10 s' AS is_due,
        data ->> 'role' AS role,
        data ->> 'challenge_id' AS challenge
   FROM store.event ORDER BY epoch, store.event.xid, position";

/// All events by service, each in its store's order.
#[derive(Debug, Default)]
pub(super) struct Truth {
    events: BTreeMap<&'static str, Vec<Event>>,
}

impl Truth {
    pub(super) async fn load(&mut self, service: &'static str, pool: &PgPool) -> Result<(), sqlx::Error> {
        self.events
            .insert(service, sqlx::query_as(LOAD).fetch_all(pool).await?);
        Ok(())
    }

    pub(super) fn of(&self, service: &str) -> &[Event] {
        self.events.get(service).map_or(&[], Vec::as_slice)
    }

    pub(super) fn services(&self) -> impl Iterator<Item = (&'static str, &[Event])> {
        self.events
            .iter()
            .map(|(service, events)| (*service, events.as_slice()))
    }

    #[cfg(test)]
    pub(super) fn with(service: &'static str, events: Vec<Event>) -> Self {
        Self {
            events: BTreeMap::from([(service, events)]),
        }
    }
}

#[cfg(test)]
pub(super) fn event(stream: &str, revision: i64, event_type: &str, key: u128) -> Event {
    Event {
        epoch: 1,
        xid: revision,
        position: revision,
        stream: stream.to_owned(),
        revision,
        id: Uuid::from_u128(key << 32 | u128::from(revision.unsigned_abs())),
        request_key: Uuid::from_u128(key),
        kind: event_type.to_owned(),
        causation: None,
        login: None,
        endorsement: None,
        is_due: None,
        role: None,
        challenge: None,
    }
}
