//! Accidents and pictures as the customer sees them.

use contracts::claim_images::v1::claim_images_event::Event;
use contracts::claim_images::v1::{
    AccidentKind, AccidentState, DerivativeSize, ImageRecorded, ImageRefusal, ImageState,
};
use contracts::views::v1::{
    CaptureFact, CaptureState, GetAccidentRequest, GetAccidentResponse, ListAccidentsRequest,
    ListGalleryRequest,
};
use harness::assert_refused;
use tonic::{Code, Status};

use crate::book::{accident_id, derived, file_name, image_id, seen, submission_id};
use crate::world::{As, NOON, World, assert_invalid};

const HOLDER: As = As::Customer(1);

async fn accident(world: &World, number: u128, claim_number: &str, at: &str) {
    let told = world.claim_images(accident_id(number), 0, |seal| {
        Event::AccidentImported(seal.accident(claim_number, 1, at))
    });
    told.await;
}

async fn get(world: &World, caller: As, id: &str) -> Result<GetAccidentResponse, Status> {
    world.caught_up().await;
    let request = GetAccidentRequest {
        accident_id: id.to_owned(),
        consistency_tokens: vec![],
    };
    let answer = world.customers().get_accident(world.call(caller, request)).await;
    answer.map(tonic::Response::into_inner)
}

/// State of each picture, and the counts of unsent and sent ones.
async fn standing(world: &World) -> (Vec<(String, ImageState)>, u32, u32) {
    let found = get(world, HOLDER, &accident_id(1).to_string()).await.unwrap();
    let accident = found.accident.unwrap();
    let images = found.images.into_iter();
    let images = images
        .map(|image| (image.file_name.clone(), image.state()))
        .collect();
    (images, accident.unsent_images, accident.sent_images)
}

fn states(states: &[ImageState]) -> Vec<(String, ImageState)> {
    (1..)
        .zip(states)
        .map(|(number, &state)| (file_name(number), state))
        .collect()
}

#[tokio::test]
async fn ci_6_a_picture_is_received_then_sent_then_seen_and_a_refused_one_says_why() {
    let world = World::new().await;
    let id = accident_id(1);
    accident(&world, 1, "F0000001", NOON).await;
    for number in 1..=2 {
        let version = u64::try_from(number).unwrap();
        world
            .claim_images(id, version, |seal| Event::ImageRecorded(seal.image(number, 1)))
            .await;
    }
    world
        .claim_images(id, 3, |seal| {
            let mut refused: ImageRecorded = seal.image(3, 1);
            let image = refused.image.as_mut().unwrap();
            image.state = ImageState::Refused.into();
            image.refusal_reason = ImageRefusal::Unreadable.into();
            Event::ImageRecorded(refused)
        })
        .await;
    let expected = states(&[ImageState::Received, ImageState::Received, ImageState::Refused]);
    assert_eq!(standing(&world).await, (expected, 2, 0));

    world
        .claim_images(id, 4, |seal| Event::SubmissionSent(seal.sent(1, 1, &[1], NOON)))
        .await;
    let expected = states(&[ImageState::Sent, ImageState::Received, ImageState::Refused]);
    assert_eq!(standing(&world).await, (expected, 1, 1));

    world
        .claim_images(id, 5, |_| Event::SubmissionSeen(seen(1, 1, &[1], NOON)))
        .await;
    // Late and twice: neither takes anything back.
    world
        .claim_images(id, 1, |seal| Event::ImageRecorded(seal.image(1, 1)))
        .await;
    world
        .claim_images(id, 4, |seal| Event::SubmissionSent(seal.sent(1, 1, &[1], NOON)))
        .await;
    let expected = states(&[ImageState::Seen, ImageState::Received, ImageState::Refused]);
    assert_eq!(standing(&world).await, (expected, 1, 1));

    let images = get(&world, HOLDER, &id.to_string()).await.unwrap().images;
    assert_eq!(images[0].submission_id, submission_id(1).to_string());
    assert_eq!(images[0].sha256, [0xab; 32]);
    assert_eq!(
        (images[1].submission_id.as_str(), images[2].refusal_reason()),
        ("", ImageRefusal::Unreadable)
    );
    assert!(
        images[2].refusal_message.contains("cannot be read"),
        "CI-4: {:?}",
        images[2].refusal_message
    );
}

#[tokio::test]
async fn every_kind_of_accident_is_named_in_the_callers_language() {
    let world = World::new().await;
    let kinds = [
        ("WATER_LEAK", "Water leak"),
        ("FIRE", "Fire"),
        ("THEFT", "Theft"),
        ("BREAKAGE", "Breakage"),
        ("STORM", "Storm, hail or snow"),
        ("LIABILITY", "Liability"),
        ("OTHER", "Other"),
    ];
    for (number, (name, shown)) in (1..).zip(kinds) {
        let kind = AccidentKind::from_str_name(&format!("ACCIDENT_KIND_{name}")).unwrap();
        world
            .claim_images(accident_id(number), 0, |seal| {
                let mut accident = seal.accident(&format!("F000000{number}"), 1, NOON);
                accident.kind = kind.into();
                Event::AccidentImported(accident)
            })
            .await;
        let found = get(&world, HOLDER, &accident_id(number).to_string())
            .await
            .unwrap();
        let accident = found.accident.unwrap();
        assert_eq!((accident.kind(), accident.kind_name.as_str()), (kind, shown));
    }
}

#[tokio::test]
async fn pictures_that_arrive_are_shown_although_their_contract_never_did() {
    let world = World::new().await;
    accident(&world, 1, "F0000001", NOON).await;
    world
        .claim_images(accident_id(1), 1, |seal| Event::ImageRecorded(seal.image(1, 1)))
        .await;
    let found = get(&world, HOLDER, &accident_id(1).to_string()).await.unwrap();
    let accident = found.accident.unwrap();
    assert_eq!(
        (
            accident.claim_number.as_str(),
            accident.place.as_str(),
            accident.kind()
        ),
        ("F0000001", "自宅の台所", AccidentKind::WaterLeak)
    );
    assert_eq!(
        (accident.state(), accident.kind_name.as_str()),
        (AccidentState::Open, "Water leak")
    );
    let contact = accident.contact.unwrap();
    assert_eq!(contact.topic, "IMAGES", "OP-2: who helps with pictures");
    assert!(!contact.number.is_empty() && !contact.hours.is_empty());
    assert_eq!(found.images[0].image_id, image_id(1).to_string());
}

#[tokio::test]
async fn ci_9_somebody_elses_accident_answers_like_one_that_is_not_there() {
    let world = World::new().await;
    accident(&world, 1, "F0000001", NOON).await;
    let theirs = get(&world, As::Customer(2), &accident_id(1).to_string()).await;
    let theirs = assert_refused(theirs, Code::NotFound, "ACCIDENT_NOT_FOUND");
    let missing = get(&world, HOLDER, &accident_id(9).to_string()).await;
    let missing = assert_refused(missing, Code::NotFound, "ACCIDENT_NOT_FOUND");
    assert_eq!(
        (theirs.message(), theirs.details()),
        (missing.message(), missing.details())
    );
    let nonsense = get(&world, HOLDER, "F0000001").await;
    assert_invalid(nonsense, "accident_id", "ACCIDENT_ID_INVALID");
}

#[tokio::test]
async fn paging_skips_and_repeats_nothing_while_accidents_arrive() {
    let world = World::new().await;
    for (number, day) in [(1, 10), (2, 11), (3, 12), (4, 13), (5, 13)] {
        let at = format!("2026-10-{day}T00:00:00Z");
        accident(&world, number, &format!("F000000{number}"), &at).await;
    }
    let ask = async |order_by: &str, page_token: &str| {
        world.caught_up().await;
        let request = ListAccidentsRequest {
            page_size: 2,
            page_token: page_token.to_owned(),
            order_by: order_by.to_owned(),
            consistency_tokens: vec![],
        };
        let answer = world
            .customers()
            .list_accidents(world.call(HOLDER, request))
            .await;
        let answer = answer.unwrap().into_inner();
        let claims: Vec<_> = answer
            .accidents
            .into_iter()
            .map(|accident| accident.claim_number)
            .collect();
        (claims, answer.next_page_token)
    };
    let (first, token) = ask("", "").await;
    assert_eq!(
        first,
        ["F0000005", "F0000004"],
        "newest first, the id breaks ties"
    );
    // One before and one behind the place the token stands at.
    accident(&world, 6, "F0000006", "2026-10-20T00:00:00Z").await;
    accident(&world, 7, "F0000007", "2026-10-10T12:00:00Z").await;
    let (second, token) = ask("", &token).await;
    assert_eq!(second, ["F0000003", "F0000002"]);
    let (third, token) = ask("", &token).await;
    assert_eq!(
        (third, token.as_str()),
        (vec!["F0000007".to_owned(), "F0000001".to_owned()], "")
    );

    let (first, token) = ask("claim_number", "").await;
    let (second, _) = ask("claim_number", &token).await;
    assert_eq!(
        [first, second].concat(),
        ["F0000001", "F0000002", "F0000003", "F0000004"]
    );
}

/// CI-7, CI-13: what is shown of a picture changes with its derivatives; what the camera says is for claims staff alone.
#[tokio::test]
async fn ci_13_derivatives_hints_and_capture_facts_reach_who_may_see_them() {
    let world = World::new().await;
    let id = accident_id(1);
    accident(&world, 1, "F0000001", NOON).await;
    world
        .claim_images(id, 1, |seal| Event::ImageRecorded(seal.image(1, 1)))
        .await;
    let shown = get(&world, HOLDER, &id.to_string()).await.unwrap().images;
    assert_eq!(shown[0].derivatives, [i32::from(DerivativeSize::Small)]);
    assert_eq!(shown[0].hints[0].code, "DARK");
    assert!(
        !shown[0].hints[0].message.is_empty(),
        "CI-7: in the caller's language"
    );
    assert_eq!(shown[0].capture, None);

    world
        .claim_images(id, 2, |_| Event::ImageDerived(derived(1, 1)))
        .await;
    world
        .claim_images(id, 3, |seal| Event::SubmissionSent(seal.sent(1, 1, &[1], NOON)))
        .await;
    // Told again, late: it changes nothing.
    world
        .claim_images(id, 1, |seal| Event::ImageRecorded(seal.image(1, 1)))
        .await;
    let shown = get(&world, HOLDER, &id.to_string()).await.unwrap().images;
    assert_eq!(
        (shown[0].state(), shown[0].derivatives.len()),
        (ImageState::Sent, 2)
    );
    assert_eq!(shown[0].capture, None);
    let request = ListGalleryRequest {
        accident_id: id.to_string(),
        ..ListGalleryRequest::default()
    };
    let request = world.call(As::Adjuster("A001"), request);
    let gallery = world
        .adjusters()
        .list_gallery(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        gallery.images[0].derivatives,
        [DerivativeSize::Small, DerivativeSize::Large].map(i32::from)
    );
    let facts = gallery.images[0].capture.clone().unwrap();
    let fact = |fact: Option<CaptureFact>| fact.map(|fact| (fact.state(), fact.value)).unwrap();
    assert_eq!(
        fact(facts.taken_at),
        (CaptureState::Parsed, "2026-11-02T14:03:05+09:00".to_owned())
    );
    assert_eq!(
        fact(facts.camera),
        (CaptureState::Parsed, "Invented One".to_owned())
    );
    assert_eq!(fact(facts.orientation), (CaptureState::Unreadable, String::new()));
    assert_eq!(fact(facts.position), (CaptureState::Absent, String::new()));
}
