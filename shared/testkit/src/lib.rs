//! Private PostgreSQL and NATS servers for tests and for the runner of `make run`, and waiting that ends. Nothing started here outlives its owner, not even an owner that was killed. A dev-dependency everywhere
//! but in `services/dev`.
#![warn(missing_docs)]

mod certificates;
pub mod customer_issuer;
pub mod damaged_csv;
mod environment;
mod error;
mod flood;
mod guarded;
mod lookup;
mod nats;
mod occupancy;
mod otlp;
mod pen;
pub mod photos;
mod postgres;
mod private;
pub mod quarters;
mod script;
pub mod search;
mod shared;
mod signer;
pub mod staff_issuer;
mod temporary;
mod wait;
pub mod walk;

pub use certificates::Certificates;
pub use environment::{NATS_URL_VARIABLE, POSTGRES_URL_VARIABLE, length_of_run};
pub use error::ServerError;
pub use flood::{Manner, RawConnection, silent};
pub use guarded::{GuardedCommand, GuardedProcess};
pub use nats::{NatsUser, PrivateNats, connect_to_nats};
pub use otlp::{OtlpReceiver, ReceivedSpan};
pub use pen::{Pen, Signed};
pub use postgres::{PostgresOptions, PrivatePostgres};
pub use script::program;
pub use shared::{TestDatabase, TestNats, TestPostgres, database, nats, postgres};
pub use wait::{Observation, poll, wait_for};
