//! What a reader is told: what is shown of a stream, or of the log, until a fault ends it.

use std::pin::Pin;
use std::sync::Arc;

use futures::stream::{self, Stream, StreamExt as _};
use tonic::Status;

use crate::faults::End;
use crate::log::{Record, Shown};
use crate::node::Node;
use crate::render::{event, identifier, say};
use crate::wire::event_store::client::streams::ReadResp;
use crate::wire::event_store::client::streams::read_req::options::{
    AllOptions, FilterOption, FilterOptions, ReadDirection, all_options::AllOption, filter_options,
};
use crate::wire::event_store::client::streams::read_resp::{Content, StreamNotFound};

pub(crate) type Answers = Pin<Box<dyn Stream<Item = Result<ReadResp, Status>> + Send>>;

/// Events that the real server reads at a time.
const PAGE: u64 = 32;

/// Whose records of the log a reader is shown, by the names of their streams.
#[derive(Debug)]
pub(crate) struct Filter {
    /// None for all.
    prefixes: Vec<String>,
    /// Records looked at between two signs of life.
    pub(crate) window: usize,
}

impl Filter {
    pub(crate) fn parse(option: Option<FilterOption>) -> Result<Self, Status> {
        match option {
            Some(FilterOption::Filter(filter)) => Self::of(filter),
            Some(FilterOption::NoFilter(_)) | None => Ok(Self {
                prefixes: Vec::new(),
                window: 32,
            }),
        }
    }

    fn of(filter: FilterOptions) -> Result<Self, Status> {
        let Some(filter_options::Filter::StreamIdentifier(expression)) = filter.filter else {
            return Err(Status::unimplemented("filters other than by stream name"));
        };
        if !expression.regex.is_empty() || expression.prefix.is_empty() {
            return Err(Status::unimplemented("filters other than by prefix"));
        }
        let window = match filter.window {
            Some(filter_options::Window::Max(max)) if max > 0 => max,
            _ => 32,
        };
        let multiplier = filter.checkpoint_interval_multiplier.max(1);
        let window = usize::try_from(window.saturating_mul(multiplier)).unwrap_or(usize::MAX);
        Ok(Self {
            prefixes: expression.prefix,
            window,
        })
    }

    pub(crate) fn lets_through(&self, record: &Record) -> bool {
        let begins = |prefix: &String| record.stream.starts_with(prefix);
        self.prefixes.is_empty() || self.prefixes.iter().any(begins)
    }
}

/// The answers to a read of a stream. `positions`: whether the reader wants to hear where the stream begins and ends, as
/// clients do that ask for compatibility 1.
pub(crate) fn stream_answers(
    shown: Option<&Shown>,
    name: &str,
    from: u64,
    count: u64,
    positions: bool,
) -> Answers {
    let mut answers = Vec::new();
    let Some(shown) = shown else {
        let not_found = StreamNotFound {
            stream_identifier: Some(identifier(name)),
        };
        return answer(vec![say(Content::StreamNotFound(not_found))]);
    };
    if positions && let Some(next) = elsewhere(shown, from, count) {
        answers.push(say(Content::FirstStreamPosition(next)));
    }
    answers.extend(shown.records.iter().map(|record| event(record)));
    if positions {
        answers.push(say(Content::LastStreamPosition(shown.last)));
    }
    answer(answers)
}

/// Where the first page of a read that finds nothing on it is sent.
fn elsewhere(shown: &Shown, from: u64, count: u64) -> Option<u64> {
    let next = if from > shown.last {
        shown.last + 1
    } else if from.saturating_add(count.min(PAGE)) <= shown.first {
        shown.first
    } else {
        return None;
    };
    (next != from).then_some(next)
}

/// The answers to a read of the log.
pub(crate) fn log_answers(
    node: &Node,
    options: AllOptions,
    direction: ReadDirection,
    filter: &Filter,
    count: u64,
) -> Result<Answers, Status> {
    let log = node.log();
    let first = match (direction, options.all_option) {
        (ReadDirection::Forwards, Some(AllOption::Start(_)))
        | (ReadDirection::Backwards, Some(AllOption::End(_))) => 0,
        (ReadDirection::Forwards, Some(AllOption::Position(position))) => {
            let (place, exact) = log.find(position.commit_position);
            if !exact && place < log.len() {
                return Err(Status::unknown("Unexpected ReadAllResult: InvalidPosition"));
            }
            place
        }
        _ => return Err(Status::unimplemented("reading the log in this way")),
    };
    let mut places: Vec<usize> = (first..log.len()).collect();
    if direction == ReadDirection::Backwards {
        places.reverse();
    }
    let shown = places
        .into_iter()
        .filter(|place| log.shows(*place))
        .filter_map(|place| log.get(place))
        .filter(|record| filter.lets_through(record));
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    Ok(answer(shown.take(count).map(|record| event(&record)).collect()))
}

fn answer(answers: Vec<ReadResp>) -> Answers {
    stream::iter(answers).map(Ok).boxed()
}

/// The answers as far as the next fault lets them come.
pub(crate) fn troubled(node: Arc<Node>, answers: Answers) -> Answers {
    let Some((end, after)) = node.faults.next_reading() else {
        return answers;
    };
    match end {
        End::Clean => answers.take(after).boxed(),
        End::Cut => {
            let cut = stream::once(async move {
                node.connections.cut();
                Err(Status::unavailable("cut"))
            });
            answers.take(after).chain(cut).boxed()
        }
    }
}
