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

use crate::expectation::{Decision, Expectation};
use crate::metadata::{Limits, described};

/// What a record takes in the log beside its bytes: positions are no numbers in a row.
const OVERHEAD: u64 = 88;
/// One in so many records is the server's own.
const OWN_EVERY: usize = 5;

/// An event on its way into the log.
#[derive(Debug, Clone)]
pub(crate) struct Proposed {
    pub(crate) id: u128,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) custom_metadata: Vec<u8>,
    pub(crate) data: Vec<u8>,
}

/// An event in the log.
#[derive(Debug)]
pub(crate) struct Record {
    /// Commit and prepare alike, as the real server has it for what was not written in a transaction of the old kind.
    pub(crate) position: u64,
    pub(crate) stream: String,
    pub(crate) revision: u64,
    /// When it was written, in ticks of 100 ns since 1970.
    pub(crate) created: u64,
    pub(crate) event: Proposed,
}

/// What became of an append.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The last revision of these events, and its position; of no events, where the stream ends. Also where an append
    /// with these ids at this revision was taken before, whatever its content was.
    Written { last: Option<u64>, position: u64 },
    /// The stream stands elsewhere.
    WrongRevision { current: Option<u64> },
}

/// What of a stream is shown.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) records: Vec<Arc<Record>>,
    /// The first revision that any reader is shown.
    pub(crate) first: u64,
    pub(crate) last: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    records: Vec<Arc<Record>>,
    streams: HashMap<String, Vec<usize>>,
    /// Streams that are not shown whole.
    limits: HashMap<String, Limits>,
    /// Places of records that are there no more, although their positions are.
    scavenged: HashSet<usize>,
    end: u64,
    file: Option<File>,
}

impl Log {
    /// An empty log, or what an earlier server left in the file.
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        let mut log = Self::default();
        if let Some(path) = path {
            if path.exists() {
                for line in BufReader::new(File::open(path)?).lines() {
                    // A line the process was killed in was never answered for.
                    let Ok(batch) = serde_json::from_str::<Vec<Value>>(&line?) else {
                        break;
                    };
                    for record in &batch {
                        let record =
                            parse(record).ok_or_else(|| io::Error::other("no record of this log"))?;
                        log.place(Arc::new(record));
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

    /// Takes an append as the real server does.
    pub(crate) fn append(
        &mut self,
        stream: &str,
        expectation: Expectation,
        events: &[Proposed],
    ) -> io::Result<Outcome> {
        let places = self.streams.get(stream).map_or(&[][..], Vec::as_slice);
        let ids: Vec<u128> = places.iter().map(|place| self.records[*place].event.id).collect();
        let proposed: Vec<u128> = events.iter().map(|event| event.id).collect();
        match expectation.decide(&ids, &proposed) {
            Decision::Refuse => Ok(Outcome::WrongRevision {
                current: (ids.len() as u64).checked_sub(1),
            }),
            Decision::Repeated(last) => Ok(self.written(stream, Some(last))),
            Decision::Write => {
                let first = ids.len() as u64;
                self.write(stream, first, events)?;
                let last = (first + events.len() as u64).checked_sub(1);
                Ok(self.written(stream, last))
            }
        }
    }

    fn written(&self, stream: &str, last: Option<u64>) -> Outcome {
        let place = last
            .and_then(|last| usize::try_from(last).ok())
            .and_then(|last| self.streams.get(stream)?.get(last));
        Outcome::Written {
            last,
            position: place.map_or(self.end, |place| self.records[*place].position),
        }
    }

    fn write(&mut self, stream: &str, first: u64, events: &[Proposed]) -> io::Result<()> {
        if events.is_empty() {
            // A record that holds no event: nobody is shown it, and it takes its place.
            self.end += OVERHEAD;
            return Ok(());
        }
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
            self.place(Arc::new(record));
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

    fn place(&mut self, record: Arc<Record>) {
        self.end = end_of(&record);
        // Who proposed them was told when they are no limits.
        if let (Some(stream), Ok(limits)) = (described(&record.stream), Limits::parse(&record.event.data)) {
            self.limits.insert(stream.to_owned(), limits);
        }
        self.streams
            .entry(record.stream.clone())
            .or_default()
            .push(self.records.len());
        self.records.push(record);
    }

    /// What is shown of one stream from a revision on; nothing where there is no such stream.
    pub(crate) fn stream(&self, stream: &str, from: u64, count: u64) -> Option<Shown> {
        let places = self.streams.get(stream)?;
        let limits = if described(stream).is_some() {
            Limits::LATEST
        } else {
            self.limits.get(stream).copied().unwrap_or_default()
        };
        let events = places.len() as u64;
        let first = limits.first(events);
        let skipped = usize::try_from(from.max(first)).unwrap_or(usize::MAX);
        let (count, now) = (usize::try_from(count).unwrap_or(usize::MAX), now());
        let shown = places.iter().skip(skipped).map(|place| &self.records[*place]);
        let young = shown.filter(|record| limits.is_young(record.created, now));
        Some(Shown {
            records: young.take(count).cloned().collect(),
            first: first.min(events),
            last: events.saturating_sub(1),
        })
    }

    /// Removes an event from the log, whose place then is nobody's.
    pub(crate) fn scavenge(&mut self, stream: &str, revision: usize) {
        let place = self.streams.get(stream).and_then(|places| places.get(revision));
        self.scavenged.extend(place);
    }

    /// Whether a reader of the log is shown a record.
    pub(crate) fn shows(&self, place: usize) -> bool {
        !self.scavenged.contains(&place)
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// The `place`-th record.
    pub(crate) fn get(&self, place: usize) -> Option<Arc<Record>> {
        self.records.get(place).cloned()
    }

    /// The place of the first record at a position or after it, and whether it is at it.
    pub(crate) fn find(&self, position: u64) -> (usize, bool) {
        match self
            .records
            .binary_search_by_key(&position, |record| record.position)
        {
            Ok(place) => (place, true),
            Err(place) => (place, false),
        }
    }

    /// Forgets everything after the first `count` records, as a restore of an older copy does.
    pub(crate) fn truncate(&mut self, count: usize) {
        let kept: Vec<_> = self.records.drain(..).take(count).collect();
        *self = Self {
            file: self.file.take(),
            ..Self::default()
        };
        for record in kept {
            self.place(record);
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

    const NO_STREAM: Expectation = Expectation::Exactly(None);

    #[test]
    fn an_append_repeated_is_answered_with_where_it_stands_and_writes_nothing() {
        let mut log = Log::open(None).unwrap();
        let pair = [event(1, "a"), event(2, "b")];
        let first = log.append("s", NO_STREAM, &pair).unwrap();
        assert!(
            matches!(first, Outcome::Written { last: Some(1), .. }),
            "{first:?}"
        );
        log.append("s", Expectation::Exactly(Some(1)), &[event(3, "c")])
            .unwrap();
        // Whatever is in them.
        let other = [event(1, "x"), event(2, "y")];
        assert_eq!(log.append("s", NO_STREAM, &other).unwrap(), first);
        let refused = log.append("s", NO_STREAM, &[event(4, "d")]).unwrap();
        assert_eq!(refused, Outcome::WrongRevision { current: Some(2) });
        let data: Vec<_> = log.stream("s", 0, u64::MAX).unwrap().records;
        let data: Vec<_> = data.iter().map(|record| record.event.data.clone()).collect();
        assert_eq!(data, [b"a", b"b", b"c"]);
    }

    #[test]
    fn an_append_without_events_is_taken_and_makes_no_stream() {
        let mut log = Log::open(None).unwrap();
        let before = log.len();
        let taken = log.append("s", NO_STREAM, &[]).unwrap();
        assert!(matches!(taken, Outcome::Written { last: None, .. }), "{taken:?}");
        assert!(log.stream("s", 0, u64::MAX).is_none());
        assert_eq!(log.len(), before);
        log.append("s", NO_STREAM, &[event(1, "a")]).unwrap();
        let taken = log.append("s", Expectation::Exactly(Some(0)), &[]).unwrap();
        assert!(
            matches!(taken, Outcome::Written { last: Some(0), .. }),
            "{taken:?}"
        );
    }

    #[test]
    fn metadata_limit_what_is_shown_of_their_stream_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        let mut log = Log::open(Some(&file)).unwrap();
        let events: Vec<_> = (0..4).map(|id| event(id, "a")).collect();
        log.append("s", NO_STREAM, &events).unwrap();
        for (id, data) in [(5, r#"{"$tb": 1}"#), (6, r#"{"$maxCount": 2}"#)] {
            log.append("$$s", Expectation::Any, &[event(id, data)]).unwrap();
        }
        for log in [log, Log::open(Some(&file)).unwrap()] {
            let shown = log.stream("s", 0, u64::MAX).unwrap();
            assert_eq!((shown.first, shown.last), (2, 3));
            let revisions: Vec<_> = shown.records.iter().map(|record| record.revision).collect();
            assert_eq!(revisions, [2, 3]);
            // Of metadata themselves the last are shown.
            assert_eq!(log.stream("$$s", 0, u64::MAX).unwrap().records[0].revision, 1);
        }
    }

    #[test]
    fn a_log_in_a_file_is_the_same_again_without_the_line_it_was_killed_in() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        let mut log = Log::open(Some(&file)).unwrap();
        log.append("s", NO_STREAM, &[event(1, "a"), event(2, "b")])
            .unwrap();
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
