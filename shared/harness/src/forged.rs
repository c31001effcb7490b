//! What somebody writes to the bus who is no service: the message that would be the next one of its source, signed by nobody.

use async_nats::HeaderMap;
use contracts::names;
use eventsourcing::{Cursor, Position};
use kernel::EventId;
use prost::Message;
use service::Service;

use crate::world::World;

impl<S: Service> World<S> {
    /// Publishes it as the event that `consumer` waits for next from `source`.
    pub async fn forge(
        &self,
        (consumer, source): (&str, &str),
        (entity_kind, event_name): (&str, &str),
        event: EventId,
        message: &impl Message,
    ) {
        let mine = messaging::position_of(&self.database.pool, consumer, source)
            .await
            .unwrap();
        let cursor = mine.map_or(Cursor::postgres(1, 1, 1), |Position { cursor, .. }| {
            let mut bytes = cursor.to_bytes();
            let last = bytes.last_mut().unwrap();
            *last = last.wrapping_add(1);
            Cursor::from_bytes(&bytes).unwrap()
        });
        let mut headers = HeaderMap::new();
        headers.insert(names::CURSOR_HEADER, cursor.to_string());
        headers.insert(names::EVENT_ID_HEADER, event.to_string());
        if let Some(mine) = mine {
            headers.insert(names::PREVIOUS_CURSOR_HEADER, mine.cursor.to_string());
        }
        let client = async_nats::connect(&self.nats.url).await.unwrap();
        let subject = names::subject(&self.nats.prefix, source, entity_kind, event_name);
        let context = async_nats::jetstream::new(client);
        let sent = context.publish_with_headers(subject, headers, message.encode_to_vec().into());
        sent.await.unwrap().await.unwrap();
    }

    /// Why each message was set aside that its source did not send.
    pub async fn set_aside_of_the_bus(&self) -> Vec<String> {
        sqlx::query_scalar(
            "SELECT reason FROM messaging.rejected WHERE stream_sequence IS NOT NULL ORDER BY rejected_id",
        )
        .fetch_all(&self.database.pool)
        .await
        .unwrap()
    }
}
