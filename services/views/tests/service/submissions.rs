//! The submissions of an accident, with the customer's notes (CI-3).

use contracts::claim_images::v1::claim_images_event::Event;
use contracts::views::v1::{
    ListOwnSubmissionsRequest, ListOwnSubmissionsResponse, ListSubmissionsRequest, ListSubmissionsResponse,
    OwnSubmission, Submission,
};
use harness::assert_refused;
use tonic::{Code, Status};

use crate::book::{accident_id, micros, seen, submission_id};
use crate::world::{As, NOON, World, assert_invalid};

const ADJUSTER: As = As::Adjuster("A001");
const NOTE: &str = "よろしくお願いします";

/// When each was sent, by number.
fn sent_at(number: u128) -> String {
    format!("2026-11-0{number}T00:00:00Z")
}

/// An accident with submissions 1 to 3.
async fn world() -> World {
    let world = World::new().await;
    world
        .claim_images(accident_id(1), 0, |seal| {
            Event::AccidentImported(seal.accident("F0000001", 1, NOON))
        })
        .await;
    for number in 1..=3 {
        let version = u64::try_from(number).unwrap();
        world
            .claim_images(accident_id(1), version, |seal| {
                Event::SubmissionSent(seal.sent(number, 1, &[number], &sent_at(number)))
            })
            .await;
    }
    world
}

async fn ask(
    world: &World,
    caller: As,
    request: ListSubmissionsRequest,
) -> Result<ListSubmissionsResponse, Status> {
    world.caught_up().await;
    let answer = world
        .adjusters()
        .list_submissions(world.call(caller, request))
        .await;
    answer.map(tonic::Response::into_inner)
}

fn of(accident: u128) -> ListSubmissionsRequest {
    ListSubmissionsRequest {
        accident_id: accident_id(accident).to_string(),
        ..ListSubmissionsRequest::default()
    }
}

#[tokio::test]
async fn ci_3_the_note_of_a_submission_stays_readable_once_it_is_seen() {
    let world = world().await;
    let at = "2026-11-16T00:00:00Z";
    world
        .claim_images(accident_id(1), 4, |_| Event::SubmissionSeen(seen(1, 1, &[1], at)))
        .await;
    let listed = ask(&world, ADJUSTER, of(1)).await.unwrap().submissions;
    let expected = |number, seen_at_us, seen_by: &str| Submission {
        submission_id: submission_id(number).to_string(),
        image_count: 1,
        note: NOTE.to_owned(),
        sent_at_us: micros(&sent_at(number)),
        seen_at_us,
        seen_by: seen_by.to_owned(),
    };
    assert_eq!(
        listed,
        [
            expected(3, 0, ""),
            expected(2, 0, ""),
            expected(1, micros(at), "A001")
        ]
    );
}

#[tokio::test]
async fn submissions_come_page_by_page_and_to_claims_staff_only() {
    let world = world().await;
    let mut request = ListSubmissionsRequest {
        page_size: 2,
        ..of(1)
    };
    let mut pages = Vec::new();
    loop {
        let page = ask(&world, ADJUSTER, request.clone()).await.unwrap();
        pages.push(
            page.submissions
                .into_iter()
                .map(|one| one.sent_at_us)
                .collect::<Vec<_>>(),
        );
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    let at = |number| micros(&sent_at(number));
    assert_eq!(pages, [vec![at(3), at(2)], vec![at(1)]]);
    for other in [As::Customer(1), As::CallCentre] {
        let refused = ask(&world, other, of(1)).await;
        assert_refused(refused, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    }
    assert_refused(
        ask(&world, ADJUSTER, of(2)).await,
        Code::NotFound,
        "ACCIDENT_NOT_FOUND",
    );
    let nonsense = ListSubmissionsRequest {
        accident_id: "1".to_owned(),
        ..of(1)
    };
    assert_invalid(
        ask(&world, ADJUSTER, nonsense).await,
        "accident_id",
        "ACCIDENT_ID_INVALID",
    );
}

async fn ask_as_customer(
    world: &World,
    caller: As,
    request: ListOwnSubmissionsRequest,
) -> Result<ListOwnSubmissionsResponse, Status> {
    world.caught_up().await;
    let answer = world
        .customers()
        .list_own_submissions(world.call(caller, request))
        .await;
    answer.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn ci_1_a_customer_sees_what_they_sent_and_when_it_was_seen_and_nobody_elses() {
    let world = world().await;
    let at = "2026-11-16T00:00:00Z";
    world
        .claim_images(accident_id(1), 4, |_| Event::SubmissionSeen(seen(3, 1, &[3], at)))
        .await;
    let own = ListOwnSubmissionsRequest {
        accident_id: accident_id(1).to_string(),
        page_size: 2,
        ..ListOwnSubmissionsRequest::default()
    };
    let expected = |number, seen_at_us| OwnSubmission {
        submission_id: submission_id(number).to_string(),
        image_count: 1,
        note: NOTE.to_owned(),
        sent_at_us: micros(&sent_at(number)),
        seen_at_us,
    };
    let first = ask_as_customer(&world, As::Customer(1), own.clone())
        .await
        .unwrap();
    assert_eq!(first.submissions, [expected(3, micros(at)), expected(2, 0)]);
    let next = ListOwnSubmissionsRequest {
        page_token: first.next_page_token.clone(),
        ..own.clone()
    };
    let last = ask_as_customer(&world, As::Customer(1), next.clone())
        .await
        .unwrap();
    assert_eq!(
        (last.submissions, last.next_page_token),
        (vec![expected(1, 0)], String::new())
    );
    // CI-9: somebody else's accident does not exist, also with the owner's page token.
    let refused = ask_as_customer(&world, As::Customer(2), own.clone()).await;
    assert_refused(refused, Code::NotFound, "ACCIDENT_NOT_FOUND");
    let refused = ask_as_customer(&world, As::Customer(2), next).await;
    assert_invalid(refused, "page_token", "PAGE_TOKEN_INVALID");
    let refused = ask_as_customer(&world, ADJUSTER, own).await;
    assert_refused(refused, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
}
