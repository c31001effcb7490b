//! The adjusters' queue (CI-3, OP-3).

use contracts::claim_images::v1::AccidentKind;
use contracts::claim_images::v1::claim_images_event::Event;
use contracts::endorsement::v1::endorsement_event;
use contracts::views::v1::{ListQueueRequest, ListQueueResponse, QueueItem};
use harness::assert_refused;
use tonic::{Code, Status};

use crate::book::{accident_id, contract_id, image_id, name, seen, submission_id};
use crate::world::{As, World};

const OWN: As = As::Adjuster("A001");

/// Three accidents: A001's, A002's and an unassigned one of the office TOKYO; a submission each, sent in this order.
async fn world() -> World {
    let world = World::new().await;
    for (number, adjuster) in [(1, "A001"), (2, "A002"), (3, "")] {
        let id = accident_id(number);
        world
            .claim_images(id, 0, |seal| {
                let claim_number = format!("F000000{number}");
                let mut accident = seal.accident(&claim_number, 1, "2026-10-10T00:00:00Z");
                adjuster.clone_into(&mut accident.adjuster_id);
                Event::AccidentImported(accident)
            })
            .await;
        world
            .claim_images(id, 1, |seal| Event::ImageRecorded(seal.image(number, 1)))
            .await;
        let at = format!("2026-11-0{number}T00:00:00Z");
        world
            .claim_images(id, 2, |seal| {
                Event::SubmissionSent(seal.sent(number, 1, &[number], &at))
            })
            .await;
    }
    world
}

async fn ask(world: &World, caller: As, request: ListQueueRequest) -> Result<ListQueueResponse, Status> {
    world.caught_up().await;
    let answer = world.adjusters().list_queue(world.call(caller, request)).await;
    answer.map(tonic::Response::into_inner)
}

fn of(adjuster_id: &str, office: &str) -> ListQueueRequest {
    ListQueueRequest {
        adjuster_id: adjuster_id.to_owned(),
        office: office.to_owned(),
        ..ListQueueRequest::default()
    }
}

async fn claims(world: &World, caller: As, request: ListQueueRequest) -> Vec<String> {
    let items = ask(world, caller, request).await.unwrap().items;
    items.into_iter().map(|item| item.claim_number).collect()
}

#[tokio::test]
async fn op_3_adjusters_see_their_own_queue_and_the_offices_and_supervisors_everybodys() {
    let world = world().await;
    assert_eq!(claims(&world, OWN, of("", "")).await, ["F0000001"]);
    assert_eq!(claims(&world, OWN, of("A001", "")).await, ["F0000001"]);
    assert_eq!(
        claims(&world, OWN, of("", "TOKYO")).await,
        ["F0000001", "F0000003"]
    );
    assert_eq!(claims(&world, OWN, of("", "OSAKA")).await, ["F0000001"]);
    for others in ["A002", "*"] {
        let answer = ask(&world, OWN, of(others, "")).await;
        assert_refused(answer, Code::PermissionDenied, "QUEUE_NOT_YOURS");
    }
    let supervisor = As::Supervisor;
    assert_eq!(claims(&world, supervisor, of("A002", "")).await, ["F0000002"]);
    assert_eq!(
        claims(&world, supervisor, of("*", "")).await,
        ["F0000001", "F0000002", "F0000003"]
    );
    assert_eq!(claims(&world, supervisor, of("", "")).await, Vec::<String>::new());
    let everybody = As::Adjuster("*");
    let answer = ask(&world, everybody, of("", "")).await;
    assert_refused(answer, Code::PermissionDenied, "QUEUE_NOT_YOURS");
    let customer = ask(&world, As::Customer(1), of("", "")).await;
    assert_refused(customer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
}

#[tokio::test]
async fn ci_3_the_oldest_submission_comes_first_and_leaves_the_queue_once_seen() {
    let world = world().await;
    world
        .endorsement(contract_id(1), 0, |seal| {
            endorsement_event::Event::ContractImported(seal.contract("AB12345678", 1, &[]))
        })
        .await;
    let items = ask(&world, OWN, of("", "TOKYO")).await.unwrap().items;
    let expected = QueueItem {
        submission_id: submission_id(1).to_string(),
        accident_id: accident_id(1).to_string(),
        claim_number: "F0000001".to_owned(),
        policy_number: "AB12345678".to_owned(),
        policyholder_name: name(1),
        image_count: 1,
        note: "よろしくお願いします".to_owned(),
        sent_at_us: items[0].sent_at_us,
        adjuster_id: "A001".to_owned(),
        office: "TOKYO".to_owned(),
        kind: AccidentKind::WaterLeak.into(),
        kind_name: "Water leak".to_owned(),
        first_image_id: image_id(1).to_string(),
    };
    assert_eq!(items[0], expected);
    assert!(items[0].sent_at_us < items[1].sent_at_us);

    let first = ListQueueRequest {
        page_size: 1,
        ..of("", "TOKYO")
    };
    let page = ask(&world, OWN, first.clone()).await.unwrap();
    assert_eq!((page.items.len(), page.total), (1, 2), "of all pages");
    world
        .claim_images(accident_id(1), 3, |_| {
            Event::SubmissionSeen(seen(1, 1, &[1], "2026-11-16T00:00:00Z"))
        })
        .await;
    assert_eq!(claims(&world, OWN, of("", "TOKYO")).await, ["F0000003"]);
    let next = ListQueueRequest {
        page_token: page.next_page_token,
        ..first
    };
    assert_eq!(
        claims(&world, OWN, next).await,
        ["F0000003"],
        "what leaves the queue moves nobody else"
    );
}
