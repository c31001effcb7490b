//! What identity decides, without I/O: accounts with their logins and sessions, entitlements of contracts, reservations
//! of user IDs, subjects with their erasure, families of refresh tokens, attempts on a credential, lives of signing keys. Time,
//! ids, hashes and the rulebook's words come inside the commands.

pub mod account;
pub mod attempts;
pub mod code;
pub mod entitlement;
pub mod hashes;
pub mod password;
pub mod refresh_family;
pub mod reservation;
pub mod signing_key;
pub mod subject;

pub use account::{Account, AccountCommand, AccountEvent, AccountRejection, REFRESH_LIFE};
pub use code::CodeVerifier;
pub use entitlement::{Entitlement, EntitlementCommand, EntitlementEvent, EntitlementRejection};
pub use hashes::{KeyedHash, SlowHash, TokenHash};
pub use password::PasswordHash;
pub use reservation::{
    Reservation, ReservationCommand, ReservationEvent, ReservationId, ReservationRejection,
};
pub use subject::{Subject, SubjectCommand, SubjectEvent, SubjectRejection};
