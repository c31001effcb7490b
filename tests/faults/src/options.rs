//! What is to be run, as the command line says it.

use std::path::PathBuf;

use crate::fault::Fault;

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where every choice comes from.
    pub seed: u64,
    /// How many rounds: in each every fault is injected once, and the kills.
    pub rounds: u32,
    /// SIGKILLs of a round.
    pub kills: u32,
    /// The faults besides the kills.
    pub faults: Vec<Fault>,
    /// Every how many rounds the views are compared with a rebuild; always after the last.
    pub rebuild_every: u32,
    /// How long a lease lasts, in milliseconds.
    pub lease_ms: u32,
    /// Folder of the services' programs.
    pub programs: PathBuf,
    /// Where the report is written after each round: a run that is cut short has said what it saw.
    pub report: PathBuf,
    /// Where logs and ledger are kept if something is wrong.
    pub evidence: PathBuf,
}
