//! The log: records in one order, each at a position of its own, with the rules by which the real server takes an append.
//! In memory, and in a file where one is given, so that it outlives the process as far as a killed process goes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// What a record takes in the log beside its bytes: positions are no numbers in a row.
const OVERHEAD: u64 = 88;
/// One in so many records is the server's own.
const OWN_EVERY: usize = 5;

/// An event on its way into the log.
#[derive(Debug, Clone)]
pub(super) struct Proposed {
    pub(super) id: u128,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) custom_metadata: Vec<u8>,
    pub(super) data: Vec<u8>,
}

/// An event in the log.
#[derive(Debug)]
pub(super) struct Record {
    /// Commit and prepare alike, as the real server has it for what was not written in a transaction of the old kind.
    pub(super) position: u64,
    pub(super) stream: String,
    pub(super) revision: u64,
    /// When it was written, in ticks of 100 ns since 1970.
    pub(super) created: u64,
    pub(super) event: Proposed,
}

/// What became of an append.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The stream's last revision of these events, and its position. Also where an append with these ids at this
    /// revision was taken before, whatever its content was.
    Written { last: u64, position: u64 },
    /// The stream stands elsewhere.
    WrongRevision { current: Option<u64> },
}

#[derive(Debug, Default)]
pub(super) struct Log {
    records: Vec<Arc<Record>>,
    streams: HashMap<String, Vec<usize>>,
    /// Streams whose first events are not shown any more.
    cut_off: HashMap<String, u64>,
    /// Places of records that are there no more, although their positions are.
    scavenged: HashSet<usize>,
    end: u64,
    file: Option<File>,
}

impl Log {
    /// An empty log, or what an earlier server left in the file.
    pub(super) fn open(path: Option<&Path>) -> io::Result<Self> {
        let mut log = Self::default();
        if let Some(path) = path {
            if path.exists() {
                for line in BufReader::new(File::open(path)?).lines() {
                    // A line the process was killed in was never answered for.
                    let Ok(batch) = serde_json::from_str::<Vec<Value>>(&line?) else {
                        break;
                    };
                    for record in &batch {
                        log.place(parse(record).ok_or_else(|| io::Error::other("no record of this log"))?);
                    }
                }
            }
            log.file = Some(OpenOptions::new().create(true).append(true).open(path)?);
        }
        if log.records.is_empty() {
            log.write_own()?;
        }
        Ok(log)
    }

    /// As the real server decides: at the expected revision it writes, whatever it holds already; behind it, it looks
    /// whether these very ids stand there.
    pub(super) fn append(&mut self, stream: &str, expected: i64, events: &[Proposed]) -> io::Result<Outcome> {
        let places = self.streams.get(stream).map_or(&[][..], Vec::as_slice);
        let current = places.len() as u64;
        let current_revision = current.checked_sub(1);
        let wrong = Ok(Outcome::WrongRevision {
            current: current_revision,
        });
        let Ok(next) = u64::try_from(expected.saturating_add(1)) else {
            return wrong;
        };
        if next > current {
            return wrong;
        }
        if next < current {
            let stands = |(event, revision): (&Proposed, u64)| {
                let place = usize::try_from(revision)
                    .ok()
                    .and_then(|revision| places.get(revision));
                place.is_some_and(|place| self.records[*place].event.id == event.id)
            };
            if events.is_empty() || !events.iter().zip(next..).all(stands) {
                return wrong;
            }
        } else {
            self.write(stream, next, events)?;
        }
        let last = next + events.len() as u64 - 1;
        let position = usize::try_from(last)
            .ok()
            .and_then(|last| self.streams.get(stream)?.get(last))
            .map_or(0, |place| self.records[*place].position);
        Ok(Outcome::Written { last, position })
    }

    fn write(&mut self, stream: &str, first: u64, events: &[Proposed]) -> io::Result<()> {
        let created = now();
        let mut position = self.end;
        let records: Vec<Record> = events
            .iter()
            .zip(first..)
            .map(|(event, revision)| {
                let record = Record {
                    position,
                    stream: stream.to_owned(),
                    revision,
                    created,
                    event: event.clone(),
                };
                position = end_of(&record);
                record
            })
            .collect();
        if let Some(file) = &mut self.file {
            let line = Value::Array(records.iter().map(render).collect());
            file.write_all(format!("{line}\n").as_bytes())?;
        }
        for record in records {
            self.place(record);
        }
        if self.records.len().is_multiple_of(OWN_EVERY) {
            self.write_own()?;
        }
        Ok(())
    }

    /// A record of the server's own, which readers have to step over.
    fn write_own(&mut self) -> io::Result<()> {
        let event = Proposed {
            id: 0xffff_0000_u128 + self.records.len() as u128,
            metadata: BTreeMap::from([("type".to_owned(), "$stats".to_owned())]),
            custom_metadata: Vec::new(),
            data: b"not even JSON".to_vec(),
        };
        let next = self.streams.get("$stats").map_or(0, Vec::len) as u64;
        self.write("$stats", next, &[event])
    }

    fn place(&mut self, record: Record) {
        self.end = end_of(&record);
        self.streams
            .entry(record.stream.clone())
            .or_default()
            .push(self.records.len());
        self.records.push(Arc::new(record));
    }

    /// The records of one stream from a revision on; none where there is no such stream.
    pub(super) fn stream(&self, stream: &str, from: u64, count: u64) -> Option<Vec<Arc<Record>>> {
        let places = self.streams.get(stream)?;
        let from = from.max(self.cut_off.get(stream).copied().unwrap_or_default());
        let skipped = usize::try_from(from).unwrap_or(usize::MAX);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let places = places.iter().skip(skipped).take(count);
        Some(places.map(|place| Arc::clone(&self.records[*place])).collect())
    }

    /// Shows a stream only from a revision on, as a limit in its metadata does.
    pub(super) fn cut_off(&mut self, stream: &str, before: u64) {
        self.cut_off.insert(stream.to_owned(), before);
    }

    /// Removes an event from the log, whose place then is nobody's.
    pub(super) fn scavenge(&mut self, stream: &str, revision: usize) {
        let place = self.streams.get(stream).and_then(|places| places.get(revision));
        self.scavenged.extend(place);
    }

    /// Whether a reader of the log is shown a record.
    pub(super) fn shows(&self, place: usize) -> bool {
        !self.scavenged.contains(&place)
    }

    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// The `place`-th record.
    pub(super) fn get(&self, place: usize) -> Option<Arc<Record>> {
        self.records.get(place).cloned()
    }

    /// The place of the first record at a position or after it, and whether it is at it.
    pub(super) fn find(&self, position: u64) -> (usize, bool) {
        match self
            .records
            .binary_search_by_key(&position, |record| record.position)
        {
            Ok(place) => (place, true),
            Err(place) => (place, false),
        }
    }

    /// Forgets everything after the first `count` records, as a restore of an older copy does.
    pub(super) fn truncate(&mut self, count: usize) {
        let kept: Vec<_> = self.records.drain(..).take(count).collect();
        *self = Self {
            file: self.file.take(),
            ..Self::default()
        };
        for record in kept {
            if let Ok(record) = Arc::try_unwrap(record) {
                self.place(record);
            }
        }
    }
}

fn end_of(record: &Record) -> u64 {
    let bytes = record.stream.len() + record.event.data.len() + record.event.custom_metadata.len();
    record.position + OVERHEAD + bytes as u64
}

#[allow(clippy::disallowed_methods, reason = "a server's own clock")]
fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos() / 100).unwrap_or_default()
}

fn render(record: &Record) -> Value {
    json!({
        "position": record.position, "stream": record.stream, "revision": record.revision, "created": record.created,
        "id": record.event.id.to_string(), "metadata": record.event.metadata,
        "custom_metadata": STANDARD.encode(&record.event.custom_metadata), "data": STANDARD.encode(&record.event.data),
    })
}

fn parse(record: &Value) -> Option<Record> {
    let metadata = record["metadata"].as_object()?.iter();
    Some(Record {
        position: record["position"].as_u64()?,
        stream: record["stream"].as_str()?.to_owned(),
        revision: record["revision"].as_u64()?,
        created: record["created"].as_u64()?,
        event: Proposed {
            id: record["id"].as_str()?.parse().ok()?,
            metadata: metadata
                .map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect::<Option<_>>()?,
            custom_metadata: STANDARD.decode(record["custom_metadata"].as_str()?).ok()?,
            data: STANDARD.decode(record["data"].as_str()?).ok()?,
        },
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn event(id: u128, data: &str) -> Proposed {
        Proposed {
            id,
            metadata: BTreeMap::new(),
            custom_metadata: Vec::new(),
            data: data.as_bytes().to_vec(),
        }
    }

    fn written(outcome: &Outcome) -> Option<u64> {
        match outcome {
            Outcome::Written { last, .. } => Some(*last),
            Outcome::WrongRevision { .. } => None,
        }
    }

    /// `IndexWriter.CheckCommit` of the real server, read in its source.
    #[test]
    fn an_append_is_taken_repeated_or_refused_as_the_real_server_does() {
        let mut log = Log::open(None).unwrap();
        let pair = [event(1, "a"), event(2, "b")];
        assert_eq!(written(&log.append("s", -1, &pair).unwrap()), Some(1));
        // The same ids at the same revision are a success that writes nothing, whatever is in them.
        let other = [event(1, "x"), event(2, "y")];
        assert_eq!(written(&log.append("s", -1, &other).unwrap()), Some(1));
        assert_eq!(written(&log.append("s", -1, &pair[..1]).unwrap()), Some(0));
        for (expected, events) in [
            (-1, vec![event(3, "c")]),
            (-1, vec![event(1, "a"), event(3, "c")]),
            (-1, vec![event(1, "a"), event(2, "b"), event(3, "c")]),
            (0, vec![event(3, "c")]),
            (2, vec![event(3, "c")]),
            (i64::MAX, vec![event(3, "c")]),
        ] {
            let outcome = log.append("s", expected, &events).unwrap();
            assert_eq!(outcome, Outcome::WrongRevision { current: Some(1) }, "{expected}");
        }
        // At the revision it stands at, the server looks at no id: it writes the same events again.
        assert_eq!(written(&log.append("s", 1, &pair).unwrap()), Some(3));
        assert_eq!(log.stream("s", 0, u64::MAX).unwrap().len(), 4);
    }

    #[test]
    fn a_log_in_a_file_is_the_same_again_without_the_line_it_was_killed_in() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        let mut log = Log::open(Some(&file)).unwrap();
        log.append("s", -1, &[event(1, "a"), event(2, "b")]).unwrap();
        let before: Vec<_> = (0..log.len()).filter_map(|place| log.get(place)).collect();
        drop(log);
        let mut cut = OpenOptions::new().append(true).open(&file).unwrap();
        cut.write_all(b"[{\"position\": 17, \"str").unwrap();
        let again = Log::open(Some(&file)).unwrap();
        assert_eq!(again.len(), before.len());
        for (place, record) in before.iter().enumerate() {
            let kept = again.get(place).unwrap();
            assert_eq!(
                (
                    kept.position,
                    &kept.stream,
                    kept.revision,
                    kept.event.id,
                    &kept.event.data
                ),
                (
                    record.position,
                    &record.stream,
                    record.revision,
                    record.event.id,
                    &record.event.data
                )
            );
        }
    }
}
