//! Reads in the words of the wire, which the client library does not have all.

use std::collections::BTreeMap;

use futures::StreamExt as _;

use super::*;
use crate::log::Log;
use crate::node::Identity;
use crate::wire::event_store::client::streams::read_req::options::filter_options::{self, Expression};
use crate::wire::event_store::client::streams::read_req::options::{
    ControlOption, FilterOption, FilterOptions,
};
use crate::wire::event_store::client::streams::read_resp::Content;

fn calls() -> Calls {
    let identity = Identity {
        version: "25.0.0".to_owned(),
        user: None,
        leader: None,
        port: 2113,
    };
    Calls(Arc::new(Node::new(Log::open(None).unwrap(), identity)))
}

fn append(calls: &Calls, stream: &str, ids: std::ops::Range<u128>) {
    let events: Vec<_> = ids
        .map(|id| Proposed {
            id,
            metadata: BTreeMap::from([("type".to_owned(), "counted".to_owned())]),
            custom_metadata: Vec::new(),
            data: Vec::new(),
        })
        .collect();
    calls.0.append(stream, Expectation::Any, &events).unwrap();
}

async fn read(calls: &Calls, options: read_req::Options) -> Vec<Content> {
    let request = Request::new(ReadReq {
        options: Some(options),
    });
    let answers = Streams::read(calls, request).await.unwrap().into_inner();
    answers
        .map(|answer| answer.unwrap().content.unwrap())
        .collect()
        .await
}

fn of_all(direction: ReadDirection, at: AllOption, count: u64) -> read_req::Options {
    let filter = FilterOptions {
        filter: Some(filter_options::Filter::StreamIdentifier(Expression {
            regex: String::new(),
            prefix: vec!["ours.".to_owned()],
        })),
        ..FilterOptions::default()
    };
    read_req::Options {
        read_direction: direction.into(),
        stream_option: Some(StreamOption::All(AllOptions { all_option: Some(at) })),
        count_option: Some(CountOption::Count(count)),
        filter_option: Some(FilterOption::Filter(filter)),
        ..read_req::Options::default()
    }
}

fn of_stream(from: u64, count: u64, compatibility: u32) -> read_req::Options {
    read_req::Options {
        stream_option: Some(StreamOption::Stream(StreamOptions {
            stream_identifier: Some(StreamIdentifier {
                stream_name: b"ours.a".to_vec(),
            }),
            revision_option: Some(RevisionOption::Revision(from)),
        })),
        count_option: Some(CountOption::Count(count)),
        control_option: Some(ControlOption { compatibility }),
        ..read_req::Options::default()
    }
}

/// What was read, shortly.
fn told(answers: &[Content]) -> Vec<String> {
    let tell = |content: &Content| match content {
        Content::Event(event) => {
            let event = event.event.as_ref().unwrap();
            let stream = &event.stream_identifier.as_ref().unwrap().stream_name;
            format!("{}@{}", String::from_utf8_lossy(stream), event.stream_revision)
        }
        Content::FirstStreamPosition(first) => format!("first {first}"),
        Content::LastStreamPosition(last) => format!("last {last}"),
        other => format!("{other:?}"),
    };
    answers.iter().map(tell).collect()
}

#[tokio::test]
async fn a_counted_read_of_the_log_heeds_its_filter_in_both_directions() {
    let calls = calls();
    append(&calls, "ours.a", 0..2);
    append(&calls, "theirs.b", 2..9);
    append(&calls, "ours.c", 9..11);
    let forwards = of_all(ReadDirection::Forwards, AllOption::Start(Empty {}), 3);
    assert_eq!(
        told(&read(&calls, forwards).await),
        ["ours.a@0", "ours.a@1", "ours.c@0"]
    );
    let backwards = of_all(ReadDirection::Backwards, AllOption::End(Empty {}), 3);
    assert_eq!(
        told(&read(&calls, backwards).await),
        ["ours.c@1", "ours.c@0", "ours.a@1"]
    );
}

#[tokio::test]
async fn who_asks_for_compatibility_hears_where_the_stream_begins_and_ends() {
    let calls = calls();
    append(&calls, "ours.a", 0..3);
    for (options, expected) in [
        (of_stream(0, 1, 0), vec!["ours.a@0"]),
        (of_stream(0, 1, 1), vec!["ours.a@0", "last 2"]),
        (of_stream(1, 9, 1), vec!["ours.a@1", "ours.a@2", "last 2"]),
        (of_stream(3, 9, 1), vec!["last 2"]),
        (of_stream(7, 9, 1), vec!["first 3", "last 2"]),
    ] {
        assert_eq!(
            told(&read(&calls, options.clone()).await),
            expected,
            "{options:?}"
        );
    }
}
