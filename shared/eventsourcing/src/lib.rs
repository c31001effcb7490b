//! Event sourcing: the repository that runs deciders, and the event store they rest on.
//! Everything a service knows happened is an event here; nothing else is history (docs/adr/0001, 0002).
#![warn(missing_docs)]

mod bounded;
mod classify;
mod codec;
mod cursor;
mod envelope;
pub mod postgres;
mod repository;
mod request;
mod store;
mod stream;
mod unreadable;

pub use bounded::{BoundedStore, stored_bytes};
pub use codec::{CodecError, OpenError, decode_sealed, open, open_all};
pub use cursor::{Cursor, CursorError, Position};
pub use envelope::{Actor, Metadata, NewEvent, RecordedEvent};
pub use postgres::{MIGRATOR, PostgresStore, outside_transactions};
pub use repository::{Committed, ExecuteError, Executed, LoadError, Loaded, Repository};
pub use request::{Cause, Request, RequestKey, Trigger};
pub use store::{AppendError, Appended, EventStore, Expected, Followed, StoreError, TooLarge};
pub use stream::{StreamName, StreamNameError};
pub use unreadable::{Entry, Unreadable, entry_position};
