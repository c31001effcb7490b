//! A subscription to the log: what was, the word that it has caught up, what comes.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _};
use tokio::sync::watch;

use crate::log::Record;
use crate::node::Node;
use crate::reading::{Answers, Filter};
use crate::render::{event, say};
use crate::wire::event_store::client::streams::ReadResp;
use crate::wire::event_store::client::streams::read_resp::{
    CaughtUp, Checkpoint, Content, SubscriptionConfirmation,
};

pub(crate) struct Subscription {
    node: Arc<Node>,
    written: watch::Receiver<usize>,
    filter: Filter,
    /// The next record to look at.
    place: usize,
    considered: usize,
    outbox: VecDeque<ReadResp>,
    live: bool,
}

impl Subscription {
    pub(crate) fn new(node: Arc<Node>, filter: Filter, place: usize) -> Self {
        let confirmed = say(Content::Confirmation(SubscriptionConfirmation {
            subscription_id: "one".to_owned(),
        }));
        Self {
            written: node.written.subscribe(),
            node,
            filter,
            place,
            considered: 0,
            outbox: VecDeque::from([confirmed]),
            live: false,
        }
    }

    pub(crate) fn answers(self) -> Answers {
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
        if self.filter.lets_through(record) {
            self.outbox.push_back(event(record));
        }
        if self.considered.is_multiple_of(self.filter.window) {
            self.outbox.push_back(say(Content::Checkpoint(Checkpoint {
                commit_position: record.position,
                prepare_position: record.position,
            })));
        }
    }
}
