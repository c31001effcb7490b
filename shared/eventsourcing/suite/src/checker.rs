//! What a reader saw against what the store holds: none skipped, none doubled, each stream in its order.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use eventsourcing::StreamName;
use kernel::ids::EventId;

/// An event as far as the checker cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its id.
    pub id: EventId,
    /// Its stream.
    pub stream: StreamName,
    /// Its place in the stream.
    pub revision: u64,
}

/// What a reader got wrong, by the names of events.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Never seen.
    pub skipped: Vec<String>,
    /// Seen twice or more.
    pub doubled: Vec<String>,
    /// Seen after a later one of their stream.
    pub disordered: Vec<String>,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, names) in [
            ("skipped", &self.skipped),
            ("doubled", &self.doubled),
            ("out of its stream's order", &self.disordered),
        ] {
            if !names.is_empty() {
                writeln!(f, "{} {what}: {}", names.len(), names.join(", "))?;
            }
        }
        Ok(())
    }
}

/// Compares; `truth` is in any order, `seen` in the order of reading.
pub fn check(truth: &[Seen], seen: &[Seen]) -> Result<(), Faults> {
    let name = |event: &Seen| format!("{} revision {}", event.stream, event.revision);
    let mut faults = Faults::default();
    let mut times: HashMap<EventId, u32> = HashMap::new();
    let mut last: BTreeMap<&StreamName, u64> = BTreeMap::new();
    for event in seen {
        let times = times.entry(event.id).or_default();
        *times += 1;
        if *times == 2 {
            faults.doubled.push(name(event));
        }
        if last
            .insert(&event.stream, event.revision)
            .is_some_and(|before| before >= event.revision)
        {
            faults.disordered.push(name(event));
        }
    }
    faults.skipped = truth
        .iter()
        .filter(|event| !times.contains_key(&event.id))
        .map(name)
        .collect();
    if faults == Faults::default() {
        Ok(())
    } else {
        Err(faults)
    }
}
