//! What a stack of tests has different from the one of `make run`: something between its parts, other settings, and
//! processes that are killed, paused and doubled.

use toml::Table;

/// Whom a service connects to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    Postgres,
    Nats,
    /// Another service, for its feed or its keys.
    Service(&'static str),
}

/// Answers the loopback port `from` is to use for the peer that listens on the given one.
pub type Between<'a> = dyn Fn(&'static str, Peer, u16) -> u16 + Send + Sync + 'a;

/// How a stack differs from the one of `make run`.
pub struct StackOptions<'a> {
    /// What stands between a service and its peers.
    pub between: &'a Between<'a>,
    /// Settings every service gets beside its own; a section here is merged into the service's.
    pub settings: Table,
}

impl Default for StackOptions<'_> {
    fn default() -> Self {
        Self {
            between: &|_, _, port| port,
            settings: Table::new(),
        }
    }
}
