//! What was sent and what was acknowledged, in a file: written before a command is first sent and when it ends. The verdict
//! reads this file and the stores, and nothing else.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::failure::Failure;

/// An event a command is to leave, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Effect {
    pub(crate) service: String,
    pub(crate) event_type: String,
    /// In which stream; any if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stream: Option<String>,
    /// Under which request key; any if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<Uuid>,
    /// Of which login; any if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) login: Option<String>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    Acknowledged,
    /// Answered with a refusal that another try does not change.
    Refused(String),
    /// The client asked no more, after a try whose outcome it does not know.
    GivenUp,
    /// Never answered although everything was well again.
    Stuck,
    /// A query that was given an acknowledged command's consistency token and answered without its effect.
    Stale,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Sent {
        number: u64,
        service: String,
        what: String,
        effects: Vec<Effect>,
    },
    Ended {
        number: u64,
        end: End,
        /// Effects that only the answer could name.
        effects: Vec<Effect>,
    },
}

/// A command as the file tells of it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    pub(crate) what: String,
    pub(crate) effects: Vec<Effect>,
    /// None while it is unknown, which counts as given up.
    pub(crate) end: Option<End>,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    next: u64,
    in_flight: BTreeMap<u64, &'static str>,
    acknowledged: u64,
}

impl Ledger {
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let inner = Inner {
            file: File::create(path)?,
            next: 0,
            in_flight: BTreeMap::new(),
            acknowledged: 0,
        };
        Ok(Self {
            path: path.to_owned(),
            inner: Mutex::new(inner),
        })
    }

    /// Notes a command that is about to be sent for the first time; its number.
    pub(crate) fn sent(&self, service: &'static str, what: &str, effects: &[Effect]) -> Result<u64, Failure> {
        let mut inner = self.inner()?;
        let number = inner.next;
        inner.next += 1;
        inner.write(&Line::Sent {
            number,
            service: service.to_owned(),
            what: what.to_owned(),
            effects: effects.to_vec(),
        })?;
        inner.in_flight.insert(number, service);
        Ok(number)
    }

    /// Notes a command's end.
    pub(crate) fn ended(&self, number: u64, end: End, effects: &[Effect]) -> Result<(), Failure> {
        let mut inner = self.inner()?;
        inner.in_flight.remove(&number);
        inner.acknowledged += u64::from(end == End::Acknowledged);
        inner.write(&Line::Ended {
            number,
            end,
            effects: effects.to_vec(),
        })
    }

    /// Commands that were sent to one of these services and are not answered yet.
    pub(crate) fn in_flight(&self, services: &[&str]) -> usize {
        self.inner().map_or(0, |inner| {
            inner
                .in_flight
                .values()
                .filter(|service| services.contains(*service))
                .count()
        })
    }

    /// Commands acknowledged so far.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.inner().map_or(0, |inner| inner.acknowledged)
    }

    /// Reads the whole file again.
    pub(crate) fn read(&self) -> Result<Vec<Entry>, Failure> {
        let mut entries: Vec<Entry> = Vec::new();
        for line in BufReader::new(File::open(&self.path)?).lines() {
            match serde_json::from_str(&line?)? {
                Line::Sent {
                    number,
                    what,
                    effects,
                    ..
                } => entries.push(Entry {
                    number,
                    what,
                    effects,
                    end: None,
                }),
                Line::Ended { number, end, effects } => {
                    let entry = usize::try_from(number)
                        .ok()
                        .and_then(|place| entries.get_mut(place))
                        .ok_or("the ledger ends a command it has not begun")?;
                    entry.end = Some(end);
                    entry.effects.extend(effects);
                }
            }
        }
        Ok(entries)
    }

    fn inner(&self) -> Result<std::sync::MutexGuard<'_, Inner>, Failure> {
        self.inner
            .lock()
            .map_err(|_| "the ledger's lock is poisoned".into())
    }
}

impl Inner {
    fn write(&mut self, line: &Line) -> Result<(), Failure> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        // One write a line: a suite that is killed leaves whole lines.
        Ok(self.file.write_all(text.as_bytes())?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn effect(event_type: &str) -> Effect {
        Effect {
            service: "identity".to_owned(),
            event_type: event_type.to_owned(),
            stream: None,
            key: Some(Uuid::from_u128(1)),
            login: None,
        }
    }

    #[test]
    fn what_was_written_is_read_and_what_has_no_end_is_in_flight() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::create(&folder.path().join("ledger")).unwrap();
        let first = ledger.sent("identity", "register", &[effect("a")]).unwrap();
        let second = ledger.sent("endorsement", "submit", &[]).unwrap();
        assert_eq!(ledger.in_flight(&["identity", "endorsement"]), 2);
        ledger.ended(first, End::Acknowledged, &[effect("b")]).unwrap();
        assert_eq!(ledger.in_flight(&["identity"]), 0);
        assert_eq!(ledger.acknowledged(), 1);
        let entries = ledger.read().unwrap();
        assert_eq!(entries[0].end, Some(End::Acknowledged));
        assert_eq!(entries[0].effects, [effect("a"), effect("b")]);
        assert_eq!((entries[1].number, entries[1].end.clone()), (second, None));
    }
}
