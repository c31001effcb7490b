//! The runtime every service's `main.rs` hands itself to. It owns the sequence of start and end, the one way through which
//! calls come in (who calls, may they, now?), how an error reads from outside, and the loops that follow the service's own
//! events and deadlines. A service brings its name, its settings and its wiring.
#![warn(missing_docs)]

pub mod config;
mod follow;
mod grpc;
pub mod import;
pub mod limits;
mod start;
pub mod tokens;
mod watch;

pub use config::keys::{ConfigErrors, Configuration, Found, Keys, Setting};
pub use config::secret::Secret;
pub use config::start_error::StartError;
pub use follow::deadlines::{PUT_OFF, Wake, put_off};
pub use follow::erasure::DropsSubjects;
pub use follow::reaction::ReactionError;
pub use follow::wiring::Wiring;
pub use grpc::client_address::{ClientAddress, client_address};
pub use grpc::command::{CommandError, command, command_once, command_scoped};
pub use grpc::consistency::{ConsistencyToken, ConsistencyTokenError, consistency_token};
pub use grpc::context::Context;
pub use grpc::messages::{Catalogue, CatalogueError, Languages};
pub use grpc::paging::{Page, page};
pub use grpc::peers::{PeerChannel, PeerCredentials};
pub use grpc::problem::{reason_text, refuse, status};
pub use grpc::scope::Scope;
pub use grpc::served::Served;
pub use grpc::shown::{product_name, shown_phone, shown_route};
pub use grpc::status::problem_status;
pub use grpc::trace::traceparent;
pub use start::database::{MIGRATOR, connect as connect_database, migrate as migrate_database};
pub use start::in_process::{Overrides, Running, start_in_process};
pub use start::keyring::keyring_use;
pub use start::lifecycle::main;
pub use start::program::{private_files, program};
pub use start::service::Service;
pub use start::settings::{own_secret, rulebook};
pub use start::telemetry::{Telemetry, TelemetrySettings, install as install_telemetry};
pub use tokens::caller::{Caller, Customer, Role, Staff, caller};
pub use tokens::certificate::{CertificateError, ErasureCertificate, issue_certificate, verify_certificate};
pub use watch::SubscriptionHandle;
