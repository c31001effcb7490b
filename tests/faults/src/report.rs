//! What was injected, what was acknowledged, how long it was felt, what is wrong.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use dev::say;
use serde::Serialize;

use crate::failure::Failure;
use crate::fault::Fault;
use crate::ledger::{End, Entry};
use crate::observer::Phase;
use crate::options::Options;
use crate::plan::Component;
use crate::recovery::Recovery;

/// Counts while the rounds go on.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    kills: BTreeMap<&'static str, BTreeMap<Phase, u64>>,
    uncounted: u64,
    started_again: u64,
    faults: BTreeMap<Fault, u64>,
    not_run: BTreeMap<Fault, String>,
}

impl Tally {
    /// A SIGKILL that hit a component with commands in flight.
    pub(crate) fn kill(&mut self, component: Component, phase: Phase) {
        *self
            .kills
            .entry(component.name())
            .or_default()
            .entry(phase)
            .or_default() += 1;
    }

    /// A SIGKILL that hit a component that owed nobody an answer.
    pub(crate) fn idle_kill(&mut self) {
        self.uncounted += 1;
    }

    /// A service ended while it started and was started again.
    pub(crate) fn start_again(&mut self) {
        self.started_again += 1;
    }

    /// Another fault was injected.
    pub(crate) fn fault(&mut self, fault: Fault) {
        *self.faults.entry(fault).or_default() += 1;
    }

    /// Another fault cannot be injected here.
    pub(crate) fn cannot(&mut self, fault: Fault, why: &str) {
        self.not_run.insert(fault, why.to_owned());
    }

    pub(crate) fn kills(&self) -> u64 {
        self.kills.values().flat_map(BTreeMap::values).sum()
    }
}

/// The report, printed and written to `target/faults.json`.
#[derive(Debug, Serialize)]
pub struct Report {
    pub seed: u64,
    /// Rounds that were played to their end and judged.
    pub rounds: u32,
    /// The lease of relays and subscriptions.
    pub lease_ms: u32,
    /// Commands by how they ended.
    pub commands: Commands,
    /// SIGKILLs with commands in flight.
    pub kills: u64,
    /// The same by component and phase.
    pub kills_by_component: BTreeMap<&'static str, BTreeMap<Phase, u64>>,
    /// SIGKILLs of a component that owed no answer; counted nowhere else.
    pub kills_without_commands: u64,
    /// Starts of a service that ended before it served, because something it needs was down meanwhile.
    pub starts_again: u64,
    /// Every other fault, by how often it was injected.
    pub faults: BTreeMap<Fault, u64>,
    /// Faults that this machine does not allow, and why.
    pub not_run: BTreeMap<Fault, String>,
    /// From a fault until a command tried after it is acknowledged and the views hold its event.
    pub recovery: Felt,
    pub problems: Vec<String>,
}

/// Commands by how they ended.
#[derive(Debug, Default, Serialize)]
pub struct Commands {
    pub acknowledged: u64,
    pub refused: u64,
    /// Not asked again after a try whose outcome is unknown.
    pub given_up: u64,
    pub stuck: u64,
}

/// How long faults were felt.
#[derive(Debug, Serialize)]
pub struct Felt {
    /// Faults whose end was seen.
    pub count: usize,
    /// Half of them at most so long.
    pub p50_ms: u128,
    /// All but one of a hundred at most so long.
    pub p99_ms: u128,
    pub max_ms: u128,
}

impl Felt {
    fn of(durations: &[Duration]) -> Self {
        let at = |percent: usize| {
            let place = (durations.len() * percent).div_ceil(100).saturating_sub(1);
            durations.get(place).map_or(0, Duration::as_millis)
        };
        Self {
            count: durations.len(),
            p50_ms: at(50),
            p99_ms: at(99),
            max_ms: at(100),
        }
    }
}

impl Report {
    pub(crate) fn of(
        options: &Options,
        rounds: u32,
        tally: &Tally,
        entries: &[Entry],
        recovery: &Recovery,
        problems: Vec<String>,
    ) -> Self {
        let mut commands = Commands::default();
        for entry in entries {
            match entry.end {
                Some(End::Acknowledged) => commands.acknowledged += 1,
                Some(End::Refused(_)) => commands.refused += 1,
                Some(End::GivenUp) | None => commands.given_up += 1,
                Some(End::Stuck) => commands.stuck += 1,
                // A query; it stands among the problems.
                Some(End::Stale) => {}
            }
        }
        Self {
            seed: options.seed,
            rounds,
            lease_ms: options.lease_ms,
            commands,
            kills: tally.kills(),
            kills_by_component: tally.kills.clone(),
            kills_without_commands: tally.uncounted,
            starts_again: tally.started_again,
            faults: tally.faults.clone(),
            not_run: tally.not_run.clone(),
            recovery: Felt::of(&recovery.durations()),
            problems,
        }
    }

    /// Writes it as JSON, over what stands there.
    pub(crate) fn write(&self, file: &Path) -> Result<(), Failure> {
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        Ok(std::fs::write(file, serde_json::to_vec_pretty(self)?)?)
    }

    /// Prints it for people.
    pub fn print(&self) {
        let commands = &self.commands;
        say!(
            "\nseed {}, {} rounds, leases of {} ms",
            self.seed,
            self.rounds,
            self.lease_ms
        );
        say!(
            "commands: {} acknowledged, {} refused, {} given up, {} stuck",
            commands.acknowledged,
            commands.refused,
            commands.given_up,
            commands.stuck
        );
        say!(
            "SIGKILLs with commands in flight: {} (and {} without)",
            self.kills,
            self.kills_without_commands
        );
        for (component, phases) in &self.kills_by_component {
            let phases: Vec<String> = phases
                .iter()
                .map(|(phase, count)| format!("{phase:?} {count}").to_lowercase())
                .collect();
            say!("  {component:<20}{}", phases.join(", "));
        }
        for (fault, count) in &self.faults {
            say!("{fault:?}: {count}");
        }
        for (fault, why) in &self.not_run {
            say!("{fault:?}: not run, {why}");
        }
        say!(
            "recovery: {} seen, p50 {} ms, p99 {} ms, max {} ms",
            self.recovery.count,
            self.recovery.p50_ms,
            self.recovery.p99_ms,
            self.recovery.max_ms
        );
        for problem in &self.problems {
            say!("WRONG: {problem}");
        }
        if self.problems.is_empty() {
            say!("nothing lost, nothing doubled");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_seen() {
        let durations: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        let felt = Felt::of(&durations);
        assert_eq!((felt.p50_ms, felt.p99_ms, felt.max_ms), (100, 198, 200));
        assert_eq!(Felt::of(&[]).max_ms, 0);
    }
}
