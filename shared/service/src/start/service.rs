//! What a service is to the runtime: its name, its texts, its settings and its wiring.

use std::future::Future;

use crate::config::keys::Configuration;
use crate::config::start_error::StartError;
use crate::follow::wiring::Wiring;
use crate::grpc::context::Context;

/// What a service is to the runtime. `main.rs` is `service::main::<Identity>()`.
pub trait Service: 'static {
    /// Short name: stream and subject prefix, error domain `madoguchi.<NAME>`.
    const NAME: &'static str;
    /// The service's `messages.toml` (`include_str!`): one table per reason with `ja` and `en`.
    const MESSAGES: &'static str;
    /// The service's own settings, section `[service]`; see [`configuration!`](crate::configuration).
    type Config: Configuration + Send;

    /// The service's own migrations (versions from 10000). Those of the shared crates are added by the runtime.
    fn migrations() -> Vec<&'static sqlx::migrate::Migrator>;

    /// How domain events become integration events; `None` for a service that publishes nothing (views).
    fn publish() -> Option<messaging::Publish> {
        None
    }

    /// The categories of whose streams `publish` tells nothing, whatever happens there. Of an event that cannot be read no more
    /// is known than its category: one of these concerns nobody else, any other leaves a gap with those who listen.
    const PRIVATE: &'static [&'static str] = &[];

    /// The services it subscribes to, so that a missing `nats.url` or `feeds.<name>` is found with all other errors.
    const LISTENS_TO: &'static [&'static str] = &[];

    /// Wires the service: gRPC services, reactions, subscriptions, deadlines. Nothing runs until it has returned.
    fn start(
        config: Self::Config,
        context: Context,
        wiring: &mut Wiring,
    ) -> impl Future<Output = Result<(), StartError>> + Send;
}
