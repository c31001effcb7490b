//! What the journey found: steps made of checks, printed as a table and written as JSON.

use std::fmt::Display;
use std::time::Instant;

use serde::Serialize;
use tonic::{Code, Response, Status};

use crate::say;
use client::Refusal;

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    pub what: String,
    pub passed: bool,
    pub detail: String,
    /// Milliseconds since the check before.
    pub milliseconds: u64,
}

/// One step of the journey.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    pub name: &'static str,
    /// What was looked at.
    pub checks: Vec<Check>,
    /// Whether every check passed.
    pub passed: bool,
    /// How long it took.
    pub milliseconds: u64,
}

/// The step cannot go on; why is in its last check.
#[derive(Debug)]
pub(super) struct Halt;

/// Collects a step's checks.
pub(super) struct Checks {
    name: &'static str,
    made: Vec<Check>,
    started: Instant,
    last: Instant,
}

impl Checks {
    pub(super) fn start(name: &'static str) -> Self {
        say!("\n{name}");
        let now = Instant::now();
        Self {
            name,
            made: Vec::new(),
            started: now,
            last: now,
        }
    }

    /// Something that must hold; `detail` is what was seen.
    pub(super) fn check(&mut self, what: &str, passed: bool, detail: impl Display) {
        let now = Instant::now();
        let detail = detail.to_string();
        let milliseconds = millis(now - self.last);
        say!(
            "  {} {what}{}",
            if passed { "ok    " } else { "FAILED" },
            if passed {
                String::new()
            } else {
                format!(": {detail}")
            }
        );
        self.made.push(Check {
            what: what.to_owned(),
            passed,
            detail,
            milliseconds,
        });
        self.last = now;
    }

    /// Two things that must be equal.
    pub(super) fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, seen: &T, expected: &T) {
        if seen == expected {
            self.check(what, true, format_args!("{seen:?}"));
        } else {
            self.check(what, false, format_args!("{seen:?}, expected {expected:?}"));
        }
    }

    /// A call that must succeed: its answer, or the end of the step.
    pub(super) fn answer<T>(&mut self, what: &str, call: Result<Response<T>, Status>) -> Result<T, Halt> {
        self.done(what, call.map(Response::into_inner).map_err(Refusal::from))
    }

    /// Something that must succeed: its value, or the end of the step.
    pub(super) fn done<T, E: Display>(&mut self, what: &str, outcome: Result<T, E>) -> Result<T, Halt> {
        match outcome {
            Ok(value) => Ok(value),
            Err(error) => {
                self.check(what, false, error);
                Err(Halt)
            }
        }
    }

    /// A call that must be refused for this reason, with words for people. The refusal, if it is that one.
    pub(super) fn refused<T>(
        &mut self,
        what: &str,
        call: Result<T, Status>,
        reason: &str,
    ) -> Option<Refusal> {
        match call.map_err(Refusal::from) {
            Ok(_) => {
                self.check(what, false, format_args!("was accepted, {reason} was expected"));
                None
            }
            Err(refusal) => {
                let as_expected = refusal.reason == reason && !refusal.message.is_empty();
                let unexpected = if as_expected {
                    ""
                } else {
                    "(another reason was expected) "
                };
                self.check(what, as_expected, format_args!("{unexpected}{refusal}"));
                as_expected.then_some(refusal)
            }
        }
    }

    /// A call that must answer that there is no such thing.
    pub(super) fn not_found<T>(&mut self, what: &str, call: Result<T, Status>) -> Option<Refusal> {
        match call.map_err(Refusal::from) {
            Ok(_) => {
                self.check(what, false, "was accepted");
                None
            }
            Err(refusal) => {
                self.check(what, refusal.code == Code::NotFound, &refusal);
                Some(refusal)
            }
        }
    }

    pub(super) fn finish(self) -> Step {
        let passed = !self.made.is_empty() && self.made.iter().all(|check| check.passed);
        Step {
            name: self.name,
            checks: self.made,
            passed,
            milliseconds: millis(self.started.elapsed()),
        }
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Step {
    /// A step that could not be taken because an earlier one halted.
    pub(super) fn not_taken(name: &'static str) -> Self {
        let check = Check {
            what: "the steps before it went through".to_owned(),
            passed: false,
            detail: "not taken".to_owned(),
            milliseconds: 0,
        };
        Self {
            name,
            checks: vec![check],
            passed: false,
            milliseconds: 0,
        }
    }
}

/// Prints the table: step, what was checked, result, milliseconds.
pub fn print_table(steps: &[Step]) {
    let width = |text: &str| {
        text.chars()
            .map(|c| if c.is_ascii() { 1 } else { 2 })
            .sum::<usize>()
    };
    let column = steps
        .iter()
        .flat_map(|step| &step.checks)
        .map(|check| width(&check.what))
        .max()
        .unwrap_or(0)
        .clamp(20, 100);
    say!(
        "\n{:<6}{:<column$}  {:<7}{:>8}",
        "step",
        "what was checked",
        "result",
        "ms"
    );
    for (step, number) in steps.iter().zip(1..) {
        say!("{}", "-".repeat(column + 23));
        let result = |passed| if passed { "ok" } else { "FAILED" };
        say!(
            "{number:<6}{:<column$}  {:<7}{:>8}",
            step.name,
            result(step.passed),
            step.milliseconds
        );
        for check in &step.checks {
            let padding = " ".repeat(column.saturating_sub(width(&check.what)));
            say!(
                "      {}{padding}  {:<7}{:>8}",
                check.what,
                result(check.passed),
                check.milliseconds
            );
            if !check.passed {
                say!("        {}", check.detail.replace('\n', "\n        "));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_passes_only_if_every_check_did_and_there_was_one() {
        let mut checks = Checks::start("test");
        checks.equal("same", &1, &1);
        assert!(checks.finish().passed);
        let mut checks = Checks::start("test");
        checks.equal("same", &1, &1);
        checks.equal("other", &1, &2);
        assert!(!checks.finish().passed);
        assert!(!Checks::start("test").finish().passed);
        assert!(!Step::not_taken("test").passed);
    }

    #[test]
    fn a_call_that_is_accepted_or_refused_for_another_reason_fails_the_check() {
        let mut checks = Checks::start("test");
        assert!(checks.refused("accepted", Ok(()), "X").is_none());
        assert!(
            checks
                .refused::<()>("other", Err(Status::not_found("gone")), "X")
                .is_none()
        );
        assert!(
            checks
                .not_found::<()>("gone", Err(Status::not_found("gone")))
                .is_some()
        );
        let passed: Vec<_> = checks.finish().checks.iter().map(|check| check.passed).collect();
        assert_eq!(passed, [false, false, true]);
    }
}
