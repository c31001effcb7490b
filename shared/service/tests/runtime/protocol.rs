//! gRPC as its users expect it: two versions of reflection, compression, and an answer with words to whatever a client sends
//! that is no request.

use std::sync::Arc;

use contracts::claim_images::v1::{SendSubmissionRequest, WriteUploadRequest};
use contracts::identity::v1::CompleteLoginRequest;
use contracts::phone_verification::v1::OpenChallengeRequest;
use contracts::views::v1::{ListQueueRequest, SearchAccidentsRequest};
use kernel::clock::{Clock as _, ManualClock};
use prost::Message as _;
use service::{Overrides, Running, start_in_process};
use testkit::walk::{LANGUAGES, Refusal, Walk};
use tonic::codec::CompressionEncoding::{self, Gzip};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_reflection::pb::{v1, v1alpha};
use tonic_types::StatusExt as _;

use crate::probe::{
    Home, LIST_QUEUE, NOON, NOT_IN_TABLE, OPEN_CHALLENGE, Probe, STAFF_ISSUER, WRITE_UPLOAD, access_token,
    bearer, call, connect, instant, staff_token,
};
use crate::raw::{code_in_details, post, send};

const SEARCH: &str = "/madoguchi.views.v1.AdjusterViewService/SearchAccidents";
const SEND: &str = "/madoguchi.claim_images.v1.ClaimImagesService/SendSubmission";
const COMPLETE_LOGIN: &str = "/madoguchi.identity.v1.IdentityService/CompleteLogin";
const FEED: &str = "/madoguchi.feed.v1.FeedService/Read";
/// The largest message of an RPC whose rules allow no more.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// The largest metadata, names and 32 bytes for each included.
const MOST_METADATA: usize = 64 * 1024;

/// A probe that serves, and what callers of it need.
struct Stage {
    _home: Home,
    running: Running,
    channel: Channel,
    staff: String,
    customer: String,
}

impl Stage {
    async fn new() -> Self {
        let home = Home::new().await;
        let clock = Arc::new(ManualClock::new(instant(NOON)));
        let now = clock.now();
        let running =
            start_in_process::<Probe>(&home.toml("deadline_ms = 500"), Overrides { clock: Some(clock) })
                .await
                .unwrap();
        Self {
            channel: connect(running.address).await,
            running,
            staff: bearer(&staff_token(now, STAFF_ISSUER, &["adjuster"])),
            customer: bearer(&access_token(now)),
            _home: home,
        }
    }

    fn who_calls(&self, rpc: &str) -> &str {
        match rpc {
            WRITE_UPLOAD | SEND => &self.customer,
            _ => &self.staff,
        }
    }

    /// One message, sent by whoever may.
    async fn send(
        &self,
        rpc: &str,
        message: Vec<u8>,
        compressed: Option<CompressionEncoding>,
    ) -> Result<(), Status> {
        let who = self.who_calls(rpc);
        send(
            &self.channel,
            rpc,
            &[("authorization", who)],
            (message, compressed),
        )
        .await
    }
}

fn queue_of(office: &str) -> Vec<u8> {
    ListQueueRequest {
        office: office.to_owned(),
        ..ListQueueRequest::default()
    }
    .encode_to_vec()
}

/// `office` with a byte that no UTF-8 has.
fn not_utf8() -> Vec<u8> {
    let mut bytes = queue_of("TOKYO");
    *bytes.last_mut().unwrap() = 0xFF;
    bytes
}

fn field(status: &Status) -> (String, String) {
    let bad = status.get_details_bad_request().unwrap();
    let first = &bad.field_violations[0];
    (first.field.clone(), first.reason.clone())
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

/// A message, the RPC it is sent to, and its answer.
type Sent = (Vec<u8>, &'static str, Refusal);

/// Every way to send what is no request, with its answer.
fn refused() -> Vec<Sent> {
    let mut all = texts_refused();
    all.extend(others_refused());
    all.extend([
        (
            vec![0x0A],
            LIST_QUEUE,
            Refusal::new(Code::InvalidArgument, "MESSAGE_UNREADABLE"),
        ),
        (
            queue_of(&"X".repeat(MOST_BYTES)),
            LIST_QUEUE,
            Refusal::new(Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
        ),
    ]);
    all
}

fn texts_refused() -> Vec<Sent> {
    let search = |state: &str| {
        SearchAccidentsRequest {
            order_by: state.to_owned(),
            ..SearchAccidentsRequest::default()
        }
        .encode_to_vec()
    };
    let invalid = Refusal::invalid;
    vec![
        (
            queue_of(&"X".repeat(101)),
            LIST_QUEUE,
            invalid("office", "TEXT_TOO_LONG"),
        ),
        (
            queue_of("a\0b"),
            LIST_QUEUE,
            invalid("office", "TEXT_NOT_ONE_LINE"),
        ),
        (search("K\0"), SEARCH, invalid("order_by", "TEXT_NOT_ONE_LINE")),
        (not_utf8(), LIST_QUEUE, invalid("office", "TEXT_NOT_UTF8")),
        (
            SendSubmissionRequest {
                note: "a\0b".to_owned(),
                ..SendSubmissionRequest::default()
            }
            .encode_to_vec(),
            SEND,
            invalid("note", "TEXT_CONTROL_CHARACTER"),
        ),
    ]
}

fn others_refused() -> Vec<Sent> {
    let queue = |request: ListQueueRequest| request.encode_to_vec();
    let invalid = Refusal::invalid;
    vec![
        (
            queue(ListQueueRequest {
                page_size: -1,
                ..ListQueueRequest::default()
            }),
            LIST_QUEUE,
            invalid("page_size", "NUMBER_TOO_SMALL"),
        ),
        (
            queue(ListQueueRequest {
                consistency_tokens: vec![String::new(); 17],
                ..ListQueueRequest::default()
            }),
            LIST_QUEUE,
            invalid("consistency_tokens", "LIST_TOO_LONG"),
        ),
        (
            WriteUploadRequest {
                data: vec![0; 1024 * 1024 + 1],
                ..WriteUploadRequest::default()
            }
            .encode_to_vec(),
            WRITE_UPLOAD,
            invalid("data", "BYTES_TOO_LONG"),
        ),
        (
            CompleteLoginRequest {
                wait_ms: 30_001,
                ..CompleteLoginRequest::default()
            }
            .encode_to_vec(),
            COMPLETE_LOGIN,
            invalid("wait_ms", "NUMBER_TOO_LARGE"),
        ),
    ]
}

/// Met for the walk through the reasons that all services share.
pub(crate) async fn refusals(walk: &mut Walk) {
    let stage = Stage::new().await;
    for (message, rpc, expected) in refused() {
        let who = stage.who_calls(rpc);
        let [ja, en] = LANGUAGES.map(|language| {
            let metadata = [("authorization", who), ("accept-language", language)];
            let message = message.clone();
            let channel = &stage.channel;
            async move { send(channel, rpc, &metadata, (message, None)).await.unwrap_err() }
        });
        walk.refused(&expected, [&ja.await, &en.await]);
    }
    of_calls(&stage, walk).await;
    stage.running.stop().await.unwrap();
}

/// The RPC, what is sent as metadata and as message, and how it is refused.
type Row<'a> = (&'a str, Vec<(&'static str, &'a str)>, &'a str, Refusal);

/// What is wrong with a call before its message.
async fn of_calls(stage: &Stage, walk: &mut Walk) {
    let large = "x".repeat(MOST_METADATA);
    let table: [Row<'_>; 4] = [
        (
            FEED,
            vec![],
            "\0\0\0\0\0",
            Refusal::new(Code::Unimplemented, "RPC_NOT_HERE"),
        ),
        (
            OPEN_CHALLENGE,
            vec![("x-large", &large)],
            "\0\0\0\0\0",
            Refusal::new(Code::ResourceExhausted, "METADATA_TOO_LARGE"),
        ),
        (
            OPEN_CHALLENGE,
            vec![("grpc-encoding", "br")],
            "\0\0\0\0\0",
            Refusal::new(Code::Unimplemented, "ENCODING_UNKNOWN"),
        ),
        (
            OPEN_CHALLENGE,
            vec![],
            "",
            Refusal::new(Code::InvalidArgument, "MESSAGE_MISSING"),
        ),
    ];
    for (rpc, metadata, body, expected) in table {
        let mut statuses = Vec::new();
        for language in LANGUAGES {
            let mut headers = metadata.clone();
            headers.push(("accept-language", language));
            let answer = post(&stage.channel, rpc, &headers, body).await;
            statuses.push(Status::from_header_map(&answer).unwrap());
        }
        walk.refused(&expected, [&statuses[0], &statuses[1]]);
    }
}

#[tokio::test]
async fn the_code_of_the_status_and_of_its_details_agree() {
    let stage = Stage::new().await;
    for (message, rpc, _) in refused() {
        let status = stage.send(rpc, message, None).await.unwrap_err();
        assert_eq!(status.code(), code_in_details(&status), "{status:?}");
    }
    let metadata = [("authorization", stage.staff.as_str())];
    for (rpc, metadata, code) in [
        (NOT_IN_TABLE, &metadata[..], Code::Unimplemented),
        (FEED, &metadata[..], Code::Unimplemented),
        (OPEN_CHALLENGE, &[("x-do", "hang")], Code::DeadlineExceeded),
        (OPEN_CHALLENGE, &[("x-do", "break")], Code::Internal),
        (LIST_QUEUE, &[], Code::Unauthenticated),
    ] {
        let status = call(&stage.channel, rpc, metadata).await.unwrap_err();
        assert_eq!((status.code(), code_in_details(&status)), (code, code), "{rpc}");
        assert!(!status.message().is_empty(), "{rpc}");
    }
    stage.running.stop().await.unwrap();
}

#[tokio::test]
async fn a_wrong_field_stands_in_the_status_message_and_in_the_metadata_with_its_limit() {
    let stage = Stage::new().await;
    let status = stage
        .send(LIST_QUEUE, queue_of(&"X".repeat(101)), None)
        .await
        .unwrap_err();
    assert_eq!(
        status.message(),
        "INVALID_ARGUMENT: office: At most 100 characters are taken."
    );
    let info = status.get_details_error_info().unwrap();
    assert_eq!(
        (
            info.metadata["field"].as_str(),
            info.metadata["max_chars"].as_str()
        ),
        ("office", "100")
    );
    let many = ListQueueRequest {
        page_size: -1,
        adjuster_id: "\0".to_owned(),
        office: "\0".to_owned(),
        consistency_tokens: vec!["\0".to_owned(); 16],
        ..ListQueueRequest::default()
    };
    let status = stage
        .send(LIST_QUEUE, many.encode_to_vec(), None)
        .await
        .unwrap_err();
    assert_eq!(
        status.message(),
        "INVALID_ARGUMENT: page_size, adjuster_id, office and 16 more: The request contains invalid values."
    );
    let named = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(named.len(), 10, "details are metadata, which has little room");
    stage.running.stop().await.unwrap();
}

#[tokio::test]
async fn a_request_compressed_with_gzip_is_understood_and_no_more_is_unpacked_than_its_rules_allow() {
    let stage = Stage::new().await;
    stage
        .send(LIST_QUEUE, queue_of("TOKYO"), Some(Gzip))
        .await
        .unwrap();
    let wrong = stage
        .send(LIST_QUEUE, queue_of("a\0b"), Some(Gzip))
        .await
        .unwrap_err();
    assert_eq!(
        field(&wrong),
        ("office".to_owned(), "TEXT_NOT_ONE_LINE".to_owned())
    );
    let bomb = stage
        .send(LIST_QUEUE, vec![0; 16 * MOST_BYTES], Some(Gzip))
        .await
        .unwrap_err();
    assert_eq!(
        (bomb.code(), reason(&bomb).as_str()),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
    );
    // Said to be gzip, and none; said to be compressed, and not how.
    for headers in [&[("grpc-encoding", "gzip")][..], &[]] {
        let answer = post(&stage.channel, OPEN_CHALLENGE, headers, "\u{1}\0\0\0\u{2}no").await;
        let status = Status::from_header_map(&answer).unwrap();
        assert_eq!(reason(&status), "MESSAGE_UNREADABLE");
    }
    let answer = post(
        &stage.channel,
        OPEN_CHALLENGE,
        &[("grpc-encoding", "br")],
        "\0\0\0\0\0",
    )
    .await;
    assert_eq!(answer["grpc-accept-encoding"], "gzip,identity");
    stage.running.stop().await.unwrap();
}

#[tokio::test]
async fn an_answer_is_compressed_for_a_caller_who_takes_gzip() {
    let stage = Stage::new().await;
    let question = v1::ServerReflectionRequest {
        message_request: Some(
            v1::server_reflection_request::MessageRequest::FileContainingSymbol(
                "madoguchi.endorsement.v1.EndorsementService".to_owned(),
            ),
        ),
        ..v1::ServerReflectionRequest::default()
    };
    let plain = v1::server_reflection_client::ServerReflectionClient::new(stage.channel.clone());
    let both = plain.clone().send_compressed(Gzip).accept_compressed(Gzip);
    for (mut client, encoding) in [(plain, None), (both, Some("gzip"))] {
        let answer = client
            .server_reflection_info(tokio_stream::once(question.clone()))
            .await
            .unwrap();
        let said = answer
            .metadata()
            .get("grpc-encoding")
            .map(|value| value.to_str().unwrap());
        assert_eq!(said, encoding);
        assert!(
            answer
                .into_inner()
                .message()
                .await
                .unwrap()
                .unwrap()
                .message_response
                .is_some()
        );
    }
    stage.running.stop().await.unwrap();
}

#[tokio::test]
async fn reflection_answers_in_the_older_version_as_in_the_newer_one() {
    use v1::server_reflection_response::MessageResponse as Newer;
    use v1alpha::server_reflection_response::MessageResponse as Older;
    let stage = Stage::new().await;
    let older = v1alpha::ServerReflectionRequest {
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
        ..v1alpha::ServerReflectionRequest::default()
    };
    let newer = v1::ServerReflectionRequest {
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
        ..v1::ServerReflectionRequest::default()
    };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(stage.channel.clone());
    let answers = client
        .server_reflection_info(tokio_stream::once(older))
        .await
        .unwrap();
    let Some(Older::ListServicesResponse(of_older)) = answers
        .into_inner()
        .message()
        .await
        .unwrap()
        .unwrap()
        .message_response
    else {
        panic!("not a list");
    };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(stage.channel.clone());
    let answers = client
        .server_reflection_info(tokio_stream::once(newer))
        .await
        .unwrap();
    let Some(Newer::ListServicesResponse(of_newer)) = answers
        .into_inner()
        .message()
        .await
        .unwrap()
        .unwrap()
        .message_response
    else {
        panic!("not a list");
    };
    let of_older: Vec<String> = of_older.service.into_iter().map(|service| service.name).collect();
    let of_newer: Vec<String> = of_newer.service.into_iter().map(|service| service.name).collect();
    assert_eq!(of_older, of_newer);
    assert!(of_older.contains(&"madoguchi.claim_images.v1.ClaimImagesService".to_owned()));
    stage.running.stop().await.unwrap();
}

#[tokio::test]
async fn metadata_up_to_64_kib_is_taken_and_more_is_refused() {
    let stage = Stage::new().await;
    let fits = "x".repeat(MOST_METADATA - 1024);
    call(&stage.channel, OPEN_CHALLENGE, &[("x-large", &fits)])
        .await
        .unwrap();
    let large = "x".repeat(MOST_METADATA);
    let refused = call(&stage.channel, OPEN_CHALLENGE, &[("x-large", &large)])
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::ResourceExhausted, "METADATA_TOO_LARGE")
    );
    // The connection is as good as before.
    call(&stage.channel, OPEN_CHALLENGE, &[]).await.unwrap();
    stage.running.stop().await.unwrap();
}

#[tokio::test]
async fn a_message_that_ends_too_early_is_refused_and_no_defect_of_ours() {
    let stage = Stage::new().await;
    let whole = OpenChallengeRequest::default().encode_to_vec();
    assert!(whole.is_empty());
    for cut in ["\0", "\0\0\0\0\u{5}ab"] {
        let answer = post(&stage.channel, OPEN_CHALLENGE, &[], cut).await;
        let status = Status::from_header_map(&answer).unwrap();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::InvalidArgument, "MESSAGE_UNREADABLE")
        );
    }
    stage.running.stop().await.unwrap();
}
