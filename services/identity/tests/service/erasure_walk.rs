//! What staff who erase can be refused for, in both languages: a part of the walk.

use contracts::identity::v1::{
    ApproveErasureRequest, GetErasureRequest, PlaceLegalHoldRequest, ReleaseLegalHoldRequest,
    RequestErasureRequest, RewrapKeysRequest,
};
use kernel::SubjectId;
use testkit::walk::{LANGUAGES, Refusal, Walk};
use tonic::Code::{FailedPrecondition, NotFound, PermissionDenied};
use tonic::Status;

use crate::asking::reading;
use crate::crash::stop_before;
use crate::erasure::{APPROVES, ASKS};
use crate::world::{World, random};

/// A call that is to be refused.
enum Call {
    Request(String, i32),
    Approve(&'static str, SubjectId),
    Get(String),
    Hold(String, i32, &'static str),
    Release(SubjectId, String),
    Rewrap(i32),
}

async fn ask(world: &World, call: &Call, language: &str) -> Status {
    let mut client = world.erasures().await;
    let request_id = random().to_string();
    let refused = match call {
        Call::Request(subject_id, ground) => {
            let message = RequestErasureRequest {
                request_id,
                subject_id: subject_id.clone(),
                ground: *ground,
            };
            let request = reading(world.as_staff(ASKS, "supervisor", message), language);
            client.request_erasure(request).await.err()
        }
        Call::Approve(by, subject) => {
            let message = ApproveErasureRequest {
                request_id,
                subject_id: subject.to_string(),
            };
            let request = reading(world.as_staff(by, "supervisor", message), language);
            client.approve_erasure(request).await.err()
        }
        Call::Get(subject_id) => {
            let message = GetErasureRequest {
                subject_id: subject_id.clone(),
            };
            let request = reading(world.as_staff(ASKS, "supervisor", message), language);
            client.get_erasure(request).await.err()
        }
        Call::Hold(subject_id, reason, reference) => {
            let message = PlaceLegalHoldRequest {
                request_id,
                subject_id: subject_id.clone(),
                reason: *reason,
                reference: (*reference).to_owned(),
            };
            let request = reading(world.as_staff(ASKS, "supervisor", message), language);
            client.place_legal_hold(request).await.err()
        }
        Call::Release(subject, hold_id) => {
            let message = ReleaseLegalHoldRequest {
                request_id,
                subject_id: subject.to_string(),
                hold_id: hold_id.clone(),
            };
            let request = reading(world.as_staff(ASKS, "supervisor", message), language);
            client.release_legal_hold(request).await.err()
        }
        Call::Rewrap(limit) => {
            let message = RewrapKeysRequest {
                request_id,
                limit: *limit,
                master_key_id: String::new(),
            };
            let request = reading(world.as_administrator(message), language);
            world.keyring_admin().await.rewrap_keys(request).await.err()
        }
    };
    refused.expect("the call is refused")
}

/// Somebody whose data are kept, whose erasure is asked for, who is on hold, and whose erasure is under way.
async fn everyone(world: &World) -> [SubjectId; 4] {
    let everyone @ [_, asked, held, going] = [1, 2, 3, 4].map(|_| SubjectId::from_uuid(random()));
    for subject in everyone {
        world.know(subject).await;
    }
    world.request_erasure(ASKS, asked).await.unwrap();
    world.request_erasure(ASKS, going).await.unwrap();
    let place = PlaceLegalHoldRequest {
        request_id: random().to_string(),
        subject_id: held.to_string(),
        reason: 1,
        reference: "B-17".to_owned(),
    };
    let place = world.as_staff(ASKS, "supervisor", place);
    world.erasures().await.place_legal_hold(place).await.unwrap();
    // The power goes between the approval and the outcome, so that it stays under way.
    stop_before(world, "subject.erased.v1").await;
    world
        .approve_erasure(random(), APPROVES, going)
        .await
        .unwrap_err();
    everyone
}

pub(crate) async fn erasures(world: &World, walk: &mut Walk) {
    let [kept, asked, held, going] = everyone(world).await;
    let refused = |reason| Refusal::new(FailedPrecondition, reason);
    let nobody = random().to_string();
    let table = [
        (
            Call::Get("x".to_owned()),
            Refusal::invalid("subject_id", "SUBJECT_ID_INVALID"),
        ),
        (
            Call::Get(nobody.clone()),
            Refusal::new(NotFound, "SUBJECT_NOT_FOUND"),
        ),
        (
            Call::Request(kept.to_string(), 0),
            Refusal::invalid("ground", "GROUND_REQUIRED"),
        ),
        (
            Call::Request(asked.to_string(), 1),
            refused("ERASURE_ALREADY_REQUESTED"),
        ),
        (
            Call::Request(held.to_string(), 1),
            refused("SUBJECT_ON_LEGAL_HOLD"),
        ),
        (Call::Request(going.to_string(), 1), refused("ERASURE_UNDER_WAY")),
        (Call::Approve(APPROVES, kept), refused("ERASURE_NOT_REQUESTED")),
        (
            Call::Approve(ASKS, asked),
            Refusal::new(PermissionDenied, "SECOND_PERSON_REQUIRED"),
        ),
        (
            Call::Hold(kept.to_string(), 0, "見本 花子"),
            Refusal::invalid("reason", "HOLD_REASON_REQUIRED").field("reference", "HOLD_REFERENCE_INVALID"),
        ),
        (
            Call::Release(kept, "x".to_owned()),
            Refusal::invalid("hold_id", "HOLD_ID_INVALID"),
        ),
        (
            Call::Release(kept, nobody),
            Refusal::new(NotFound, "HOLD_NOT_FOUND"),
        ),
        (Call::Rewrap(-1), Refusal::invalid("limit", "NUMBER_TOO_SMALL")),
        (Call::Rewrap(0), refused("MASTER_KEY_OTHER")),
    ];
    for (call, expected) in table {
        let [ja, en] = LANGUAGES.map(|language| ask(world, &call, language));
        walk.refused(&expected, [&ja.await, &en.await]);
    }
}
