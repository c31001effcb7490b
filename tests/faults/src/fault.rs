//! The faults there are, besides a SIGKILL.

use serde::Serialize;

/// A fault besides SIGKILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// SIGSTOP for longer than a lease, then SIGCONT.
    Paused,
    /// The connections of a pair of peers are closed.
    ConnectionCut,
    /// What a pair says to each other comes late.
    ConnectionDelayed,
    /// One side of a pair hears that nothing more comes.
    ConnectionHalfClosed,
    /// What a service answers is lost, and it has done what it was asked.
    AnswersLost,
    /// JetStream's folder is emptied.
    JetstreamWiped,
    /// JetStream's folder is replaced by an older copy.
    JetstreamRolledBack,
    /// A file system has no room.
    DiskFull,
    /// A lease changes hands while its holder goes on.
    TwoRelays,
    /// A transaction in another database takes long.
    SlowTransaction,
    /// Many transactions in another database are taken back.
    AbortedTransactions,
    /// A transaction in another database is left open.
    IdleTransaction,
    /// One service's clock is off.
    ClockOff,
    /// A newer relay tells of what the readers do not know.
    NewerVersion,
    /// Somebody writes to the bus what no source has signed, or writes again what one has.
    ForgedMessages,
}

impl Fault {
    pub const ALL: [Self; 15] = [
        Self::Paused,
        Self::ConnectionCut,
        Self::ConnectionDelayed,
        Self::ConnectionHalfClosed,
        Self::AnswersLost,
        Self::JetstreamWiped,
        Self::JetstreamRolledBack,
        Self::DiskFull,
        Self::TwoRelays,
        Self::SlowTransaction,
        Self::AbortedTransactions,
        Self::IdleTransaction,
        Self::ClockOff,
        Self::NewerVersion,
        Self::ForgedMessages,
    ];
}
