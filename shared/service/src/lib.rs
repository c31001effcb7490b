//! The runtime every service's `main.rs` hands itself to. It owns the sequence of start and end, the one door
//! through which calls come (who calls, may they, now?), how an error reads from outside, and the loops that
//! follow the service's own events and deadlines. A service brings its name, its settings and its wiring.

mod access;
mod body;
mod caller;
mod certificate;
mod command;
mod configuration;
mod consistency;
mod context;
mod database;
mod deadlines;
mod door;
mod erasure;
mod event_store;
mod in_process;
mod lifecycle;
mod messages;
mod paging;
mod parking;
mod peers;
mod problem;
mod reaction;
mod scope;
mod secret;
mod server;
mod settings;
mod start_error;
mod telemetry;
mod timeout;
pub mod tokens;
mod trace;
mod watch;
mod wiring;

use std::future::Future;

pub use caller::{Caller, Customer, Role, Staff, caller};
pub use certificate::{CertificateError, ErasureCertificate, issue_certificate, verify_certificate};
pub use command::{CommandError, command, command_once, command_scoped};
pub use configuration::{ConfigErrors, Configuration, Found, Keys, Setting};
pub use consistency::{ConsistencyToken, ConsistencyTokenError, consistency_token};
pub use context::Context;
pub use database::MIGRATOR;
pub use deadlines::Wake;
pub use erasure::DropsSubjects;
pub use in_process::{Overrides, Running, start_in_process};
pub use lifecycle::main;
pub use messages::{Catalogue, CatalogueError, Languages};
pub use paging::{Page, page};
pub use peers::{PeerChannel, PeerCredentials};
pub use problem::{problem_status, refuse, status};
pub use reaction::ReactionError;
pub use scope::Scope;
pub use secret::Secret;
pub use start_error::StartError;
pub use telemetry::{Telemetry, TelemetrySettings, install as install_telemetry};
pub use trace::traceparent;
pub use wiring::{SubscriptionHandle, Wiring};

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

    /// The services it subscribes to, so that a missing `nats.url` or `feeds.<name>` is found with all other errors.
    const LISTENS_TO: &'static [&'static str] = &[];

    /// Wires the service: gRPC services, reactions, subscriptions, deadlines. Nothing runs until it has returned.
    fn start(
        config: Self::Config,
        context: Context,
        wiring: &mut Wiring,
    ) -> impl Future<Output = Result<(), StartError>> + Send;
}
