//! From a service's store to the others: the relay sends published events to JetStream, subscriptions apply them in
//! the consumer's own transactions, and the feed serves what JetStream lost. JetStream is transport, never truth:
//! wiping it at any moment loses nothing and doubles nothing.
#![warn(missing_docs)]

mod backoff;
mod checkpoint;
mod delivery;
mod exclusive;
mod fault;
mod feed;
pub mod gauges;
mod headers;
mod heading;
mod heartbeat;
mod jetstream;
mod lease;
pub mod malformed;
mod outgoing;
mod parking;
mod publisher;
mod relay;
mod repair;
mod sealed;
pub mod set_aside;
mod signing;
mod signing_keys;
mod size;
mod sqlstate;
mod subscription;
mod tls;
mod trace;
mod transaction;

pub use backoff::Backoff;
pub use checkpoint::relay_position;
pub use delivery::{
    Delivery, Divergence, Handler, HandlerError, OnDiverged, PreparedBatch, Via, is_waited_for,
};
pub use exclusive::exclusively;
pub use fault::chain;
pub use feed::client::{FeedClient, FeedError, PeerSecretError, feed_pages};
pub use feed::server::Feed;
pub use jetstream::{ConnectError, JetStreamConfig, StreamMismatch, connect};
pub use malformed::Malformed;
pub use outgoing::{Envelope, Outgoing, Publish, outgoing};
pub use parking::{
    Decision, Filter, Outcome, ParkedDetails, ParkedEntity, ParkedMessage, Parking, ParkingError,
    PastDecision, Place, is_parked, parked_entities, parked_message, parked_messages,
};
pub use publisher::{Publisher, Reason, Withheld};
pub use relay::{Relay, RelayError, RelaySettings};
pub use sealed::{Unsealed, sealed_from_wire, sealed_to_wire};
pub use size::{MessageSize, PayloadLimit, largest_payload_of};
pub use subscription::position::position_of;
pub use subscription::refill::{RefillError, Refilled, Until};
pub use subscription::rejected::{RejectedMessage, last_rejected};
pub use subscription::rewind::rewind;
pub use subscription::status::SubscriptionStatus;
pub use subscription::takeover::{forget, hold, take_over};
pub use subscription::{Subscription, SubscriptionError, SubscriptionSettings};
pub use trace::{join_trace, traceparent_of};

/// Creates schema `messaging`; versions 2000 to 2999. Tolerates the other migrators of the same database.
pub static MIGRATOR: sqlx::migrate::Migrator = {
    let mut migrator = sqlx::migrate!("./migrations");
    migrator.ignore_missing = true;
    migrator
};
