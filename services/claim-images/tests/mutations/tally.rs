//! How many files ended how.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::time::Duration;

use claim_images::domain::ContentType;

use crate::mutants::Mutant;

/// How one file ended.
pub(crate) struct Outcome {
    pub(crate) number: u64,
    pub(crate) ended: String,
    /// What may not be.
    pub(crate) wrong: Option<String>,
    /// In the child.
    pub(crate) took: Duration,
    kind: ContentType,
    lacks_rows: bool,
    name: String,
}

impl Outcome {
    pub(crate) fn of(number: u64, mutant: &Mutant) -> Self {
        Self {
            number,
            ended: String::new(),
            wrong: None,
            took: Duration::ZERO,
            kind: mutant.kind,
            lacks_rows: mutant.lacks_rows,
            name: format!("file {number} ({})", mutant.made),
        }
    }
}

#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) files: u64,
    pub(crate) wrong: Vec<String>,
    lacking: u64,
    longest: (Duration, String),
    ended: BTreeMap<(&'static str, String), u64>,
}

impl Tally {
    pub(crate) fn add(&mut self, outcome: Outcome) {
        self.files += 1;
        self.lacking += u64::from(outcome.lacks_rows);
        if let Some(wrong) = outcome.wrong {
            self.wrong.push(format!("{}: {wrong}", outcome.name));
        }
        if outcome.took > self.longest.0 {
            self.longest = (outcome.took, outcome.name);
        }
        let key = (outcome.kind.as_str(), outcome.ended);
        *self.ended.entry(key).or_default() += 1;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((kind, ended), count) in &self.ended {
            writeln!(formatter, "  {count:>7} {kind} {ended}")?;
        }
        let (longest, name) = &self.longest;
        writeln!(formatter, "  {:>7} lacked rows for certain", self.lacking)?;
        writeln!(formatter, "  the longest: {} ms, {name}", longest.as_millis())
    }
}

/// Also where the test passes, whose print macros are kept to itself.
pub(crate) fn print(words: &str) {
    // A run that cannot be told about is judged all the same.
    let _ = std::io::stderr().write_all(words.as_bytes());
}
