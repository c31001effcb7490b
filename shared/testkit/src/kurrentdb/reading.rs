//! What a reader is told: the records of a stream, of the log, or of a subscription, until a fault ends it.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;

use futures::stream::{self, Stream, StreamExt as _};
use tokio::sync::watch;
use tonic::Status;

use super::faults::End;
use super::log::Record;
use super::service::Node;
use super::wire::event_store::client::streams::ReadResp;
use super::wire::event_store::client::streams::read_resp::{
    CaughtUp, Checkpoint, Content, ReadEvent, SubscriptionConfirmation, read_event,
};
use super::wire::event_store::client::{StreamIdentifier, Uuid, uuid};

pub(super) type Answers = Pin<Box<dyn Stream<Item = Result<ReadResp, Status>> + Send>>;

pub(super) fn say(content: Content) -> ReadResp {
    ReadResp {
        content: Some(content),
    }
}

pub(super) fn event(record: &Record) -> ReadResp {
    let mut metadata: BTreeMap<String, String> = record.event.metadata.clone();
    metadata.insert("created".to_owned(), record.created.to_string());
    let id = uuid::Value::String(format_id(record.event.id));
    say(Content::Event(ReadEvent {
        event: Some(read_event::RecordedEvent {
            id: Some(Uuid { value: Some(id) }),
            stream_identifier: Some(StreamIdentifier {
                stream_name: record.stream.clone().into_bytes(),
            }),
            stream_revision: record.revision,
            prepare_position: record.position,
            commit_position: record.position,
            metadata,
            custom_metadata: record.event.custom_metadata.clone(),
            data: record.event.data.clone(),
        }),
        link: None,
        position: Some(read_event::Position::CommitPosition(record.position)),
    }))
}

/// As .NET writes a GUID.
fn format_id(id: u128) -> String {
    let hex = format!("{id:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// A subscription to the log: what was, the word that it has caught up, what comes.
pub(super) struct Subscription {
    node: Arc<Node>,
    written: watch::Receiver<usize>,
    prefixes: Vec<String>,
    window: usize,
    /// The next record to look at.
    place: usize,
    considered: usize,
    outbox: VecDeque<ReadResp>,
    live: bool,
}

impl Subscription {
    pub(super) fn new(node: Arc<Node>, prefixes: Vec<String>, window: usize, place: usize) -> Self {
        let confirmed = say(Content::Confirmation(SubscriptionConfirmation {
            subscription_id: "one".to_owned(),
        }));
        Self {
            written: node.written.subscribe(),
            node,
            prefixes,
            window,
            place,
            considered: 0,
            outbox: VecDeque::from([confirmed]),
            live: false,
        }
    }

    pub(super) fn answers(self) -> Answers {
        let answers = stream::unfold(self, |mut subscription| async move {
            let answer = subscription.next().await;
            Some((Ok(answer), subscription))
        });
        answers.boxed()
    }

    async fn next(&mut self) -> ReadResp {
        loop {
            if let Some(answer) = self.outbox.pop_front() {
                return answer;
            }
            self.written.mark_unchanged();
            match self.node.record(self.place) {
                Some(record) => self.consider(&record),
                None if self.live => {
                    // The sender lives in the node, which this subscription holds.
                    let _ = self.written.changed().await;
                }
                None => {
                    self.live = true;
                    self.outbox.push_back(say(Content::CaughtUp(CaughtUp {})));
                }
            }
        }
    }

    fn consider(&mut self, record: &Record) {
        self.place += 1;
        self.considered += 1;
        let all = self.prefixes.is_empty();
        if all
            || self
                .prefixes
                .iter()
                .any(|prefix| record.stream.starts_with(prefix))
        {
            self.outbox.push_back(event(record));
        }
        if self.considered.is_multiple_of(self.window) {
            self.outbox.push_back(say(Content::Checkpoint(Checkpoint {
                commit_position: record.position,
                prepare_position: record.position,
            })));
        }
    }
}

/// The answers as far as the next fault lets them come.
pub(super) fn troubled(node: Arc<Node>, answers: Answers) -> Answers {
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
