//! The accident's rules, given/when/then.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use decider::AsOf;
use decider::specification::given;
use jiff::SignedDuration;
use kernel::ids::ContractId;
use kernel::policy::{BranchNumber, ClaimNumber, CustomerNumber, PolicyNumber};
use kernel::{CaptureFacts, Timestamp};
use uuid::Uuid;

use super::super::derivative::DerivativeSize;
use super::super::dimensions::Dimensions;
use super::super::hint::Hint;
use super::super::image::{Category, ContentType, RefusalReason, Sha256};
use super::super::import::AccidentKind;
use super::*;

fn at() -> Timestamp {
    "2026-11-02T03:00:00Z".parse().unwrap()
}

fn customer(number: &str) -> SubjectId {
    SubjectId::of_customer(&CustomerNumber::parse(number).unwrap())
}

fn owner() -> BTreeSet<SubjectId> {
    BTreeSet::from([customer("C0001")])
}

fn accident(state: AccidentState) -> ImportedAccident {
    let policy_number = PolicyNumber::parse("AB12345678").unwrap();
    ImportedAccident {
        claim_number: ClaimNumber::parse("K26000001").unwrap(),
        contract_id: ContractId::of_policy(&policy_number, &BranchNumber::new(0)),
        policy_number,
        subject: customer("C0001"),
        occurred_at: "2026-10-30T01:00:00Z".parse().unwrap(),
        place: Some(Personal::new(customer("C0001"), "1-1 Invented Town".to_owned())),
        kind: AccidentKind::WaterLeak,
        adjuster_id: None,
        office: "TOKYO-1".to_owned(),
        state,
    }
}

/// The first row is as of [`at`], the second a second later: `d2`.
fn later(digest: &str) -> Timestamp {
    let number: i64 = digest.trim_start_matches('d').parse().unwrap();
    at() + SignedDuration::from_secs(number - 1)
}

fn imported() -> Event {
    Event::Imported {
        accident: accident(AccidentState::Open),
        row_digest: "d1".to_owned(),
        as_of: at(),
    }
}

fn image_id(number: u128) -> ImageId {
    ImageId::from_uuid(Uuid::from_u128(number))
}

fn submission_id(number: u128) -> SubmissionId {
    SubmissionId::from_uuid(Uuid::from_u128(number))
}

fn new_image(number: u128, content: u8, size_bytes: u64) -> NewImage {
    NewImage {
        owner: owner(),
        image_id: image_id(number),
        category: Category::DamagedProperty,
        file_name: "IMG_0001.JPG".to_owned(),
        size_bytes,
        sha256: Sha256::from_bytes([content; 32]),
        at: at(),
    }
}

fn receive(number: u128, content: u8, size_bytes: u64) -> Command {
    Command::ReceiveImage {
        image: new_image(number, content, size_bytes),
        received: Box::new(Received {
            content_type: ContentType::Jpeg,
            dimensions: Some(Dimensions {
                width: 1200,
                height: 1600,
            }),
            derivatives: Derivatives::all(),
            hints: vec![Hint::Soft],
            capture: Some(CaptureFacts::default()),
        }),
    }
}

/// Derivatives by a recipe, of these sizes.
fn derivatives(recipe: u32, sizes: &[DerivativeSize]) -> Derivatives {
    Derivatives {
        recipe,
        sizes: sizes.iter().copied().collect(),
    }
}

fn derive(number: u128, derivatives: Derivatives) -> Command {
    Command::RecordDerivatives {
        image_id: image_id(number),
        derivatives,
        at: at(),
    }
}

fn received(number: u128, content: u8, size_bytes: u64) -> Event {
    let (mut events, _) = given::<Accident>([imported()])
        .when(receive(number, content, size_bytes))
        .then_accepted();
    events.remove(0)
}

fn refused(number: u128) -> Event {
    let command = Command::RefuseImage {
        image: new_image(number, 9, 10),
        content_type: None,
        reason: RefusalReason::UnsupportedType,
    };
    let (mut events, _) = given::<Accident>([imported()]).when(command).then_accepted();
    events.remove(0)
}

fn send(images: &[u128]) -> Command {
    Command::Send {
        owner: owner(),
        submission_id: submission_id(100),
        image_ids: images.iter().copied().map(image_id).collect(),
        note: String::new(),
        at: at(),
    }
}

fn sent(images: &[u128]) -> Event {
    Event::SubmissionSent {
        submission_id: submission_id(100),
        subject: customer("C0001"),
        image_ids: images.iter().copied().map(image_id).collect(),
        note: None,
        sent_at: at(),
    }
}

fn seen(images: &[u128]) -> Event {
    Event::SubmissionSeen {
        submission_id: submission_id(100),
        subject: customer("C0001"),
        image_ids: images.iter().copied().map(image_id).collect(),
        seen_by: "staff-7".to_owned(),
        seen_at: at(),
    }
}

fn mark_seen(by: &str) -> Command {
    Command::MarkSeen {
        submission_id: submission_id(100),
        by: by.to_owned(),
        at: at(),
    }
}

#[test]
fn importing_the_same_row_again_records_nothing_and_a_changed_row_is_recorded() {
    let import = |digest: &str, state| Command::Import {
        accident: Box::new(accident(state)),
        row_digest: digest.to_owned(),
        as_of: AsOf::of(later(digest)),
    };
    given::<Accident>([])
        .when(import("d1", AccidentState::Open))
        .then([imported()]);
    given::<Accident>([imported()])
        .when(import("d1", AccidentState::Open))
        .then_nothing();
    let (_, state) = given::<Accident>([imported(), received(1, 1, 10)])
        .when(import("d2", AccidentState::Closed))
        .then_accepted();
    let current = state.known().unwrap();
    assert_eq!((current.state, current.images.len()), (AccidentState::Closed, 1));
}

#[test]
fn en_16_an_older_row_never_overwrites_a_newer_one() {
    let import = |digest: &str, second| Command::Import {
        accident: Box::new(accident(AccidentState::Closed)),
        row_digest: digest.to_owned(),
        as_of: AsOf::of(at() + SignedDuration::from_secs(second)),
    };
    given::<Accident>([imported()])
        .when(import("d2", -1))
        .then_rejected("ROW_OLDER");
    given::<Accident>([imported()])
        .when(import("d2", 0))
        .then_rejected("ROW_CONTRADICTS");
    given::<Accident>([imported()])
        .when(import("d1", -1))
        .then_nothing();
}

#[test]
fn an_import_cannot_hand_one_customers_pictures_to_another() {
    let mut other = accident(AccidentState::Open);
    other.subject = customer("C0002");
    let import = || Command::Import {
        accident: Box::new(other.clone()),
        row_digest: "d2".to_owned(),
        as_of: AsOf::of(later("d2")),
    };
    given::<Accident>([imported()]).when(import()).then_accepted();
    given::<Accident>([imported(), received(1, 1, 10)])
        .when(import())
        .then_rejected("CUSTOMER_CHANGED");
}

#[test]
fn ci_9_an_accident_that_is_missing_and_one_of_somebody_elses_are_refused_alike() {
    given::<Accident>([])
        .when(receive(1, 1, 10))
        .then_rejected("ACCIDENT_NOT_FOUND");
    let mut image = new_image(1, 1, 10);
    image.owner = BTreeSet::from([customer("C0002")]);
    let foreign = Command::RefuseImage {
        image,
        content_type: None,
        reason: RefusalReason::Truncated,
    };
    given::<Accident>([imported()])
        .when(foreign)
        .then_rejected("ACCIDENT_NOT_FOUND");
    let foreign = Command::Send {
        owner: BTreeSet::from([customer("C0002")]),
        submission_id: submission_id(1),
        image_ids: Vec::new(),
        note: String::new(),
        at: at(),
    };
    given::<Accident>([imported(), received(1, 1, 10)])
        .when(foreign)
        .then_rejected("ACCIDENT_NOT_FOUND");
}

#[test]
fn ci_9_a_closed_accident_still_takes_pictures() {
    let closed = Event::Imported {
        accident: accident(AccidentState::Closed),
        row_digest: "d1".to_owned(),
        as_of: at(),
    };
    given::<Accident>([closed])
        .when(receive(1, 1, 10))
        .then([received(1, 1, 10)]);
}

#[test]
fn a_picture_recorded_before_is_not_recorded_again() {
    given::<Accident>([imported(), received(1, 1, 10)])
        .when(receive(1, 1, 10))
        .then_nothing();
    let confirm = |id| Command::ConfirmImage {
        owner: owner(),
        image_id: image_id(id),
    };
    given::<Accident>([imported(), refused(1)])
        .when(confirm(1))
        .then_nothing();
    given::<Accident>([imported()])
        .when(confirm(1))
        .then_rejected("IMAGE_NOT_FOUND");
}

#[test]
fn ci_7_the_same_bytes_again_name_the_first_picture() {
    let state = given::<Accident>([imported(), refused(3), received(1, 1, 10)])
        .when(receive(2, 1, 10))
        .then_accepted()
        .1;
    assert_eq!(
        state.known().unwrap().images[&image_id(2)].duplicate_of,
        Some(image_id(1))
    );
    let state = given::<Accident>([imported(), received(1, 1, 10)])
        .when(receive(2, 2, 10))
        .then_accepted()
        .1;
    assert_eq!(state.known().unwrap().images[&image_id(2)].duplicate_of, None);
}

#[test]
fn a_refused_file_is_no_duplicate_and_takes_no_room() {
    let state = given::<Accident>([imported(), refused(3)])
        .when(receive(1, 9, 10))
        .then_accepted()
        .1;
    assert_eq!(state.known().unwrap().images[&image_id(1)].duplicate_of, None);
}

#[test]
fn an_accident_takes_300_pictures_and_no_more() {
    let full: Vec<Event> = std::iter::once(imported())
        .chain((0..300).map(|n| received(n, 1, 10)))
        .collect();
    given::<Accident>(full[..300].to_vec())
        .when(receive(900, 2, 10))
        .then_accepted();
    given::<Accident>(full.clone())
        .when(receive(900, 2, 10))
        .then_rejected("ACCIDENT_FULL");
    let refuse = Command::RefuseImage {
        image: new_image(900, 2, 10),
        content_type: None,
        reason: RefusalReason::Unreadable,
    };
    given::<Accident>(full).when(refuse).then_accepted();
}

#[test]
fn refused_files_fill_an_accident_too_but_only_after_a_thousand() {
    let tried = |count| std::iter::once(imported()).chain((0..count).map(|n| refused(1000 + n)));
    given::<Accident>(tried(999))
        .when(receive(1, 1, 10))
        .then_accepted();
    given::<Accident>(tried(1000))
        .when(receive(1, 1, 10))
        .then_rejected("ACCIDENT_FULL");
}

#[test]
fn an_accident_takes_a_gibibyte_and_no_more() {
    let history = || [imported(), received(1, 1, MAX_ACCIDENT_BYTES - 10)];
    given::<Accident>(history())
        .when(receive(2, 2, 10))
        .then_accepted();
    given::<Accident>(history())
        .when(receive(2, 2, 11))
        .then_rejected("ACCIDENT_FULL");
}

#[test]
fn ci_1_sending_without_a_choice_sends_all_that_is_registered_and_unsent_in_order() {
    let history = [imported(), received(2, 2, 10), refused(3), received(1, 1, 10)];
    given::<Accident>(history).when(send(&[])).then([sent(&[2, 1])]);
    given::<Accident>([imported(), refused(3)])
        .when(send(&[]))
        .then_rejected("NOTHING_TO_SEND");
}

#[test]
fn ci_2_more_can_be_sent_later_but_no_picture_twice() {
    let history = || [imported(), received(1, 1, 10), sent(&[1]), received(2, 2, 10)];
    let later = |images: &[u128]| match send(images) {
        Command::Send {
            owner,
            image_ids,
            note,
            at,
            ..
        } => Command::Send {
            owner,
            submission_id: submission_id(101),
            image_ids,
            note,
            at,
        },
        other => other,
    };
    let (_, state) = given::<Accident>(history()).when(later(&[])).then_accepted();
    assert_eq!(
        state.known().unwrap().submissions[&submission_id(101)].image_ids,
        [image_id(2)]
    );
    given::<Accident>(history())
        .when(later(&[1]))
        .then_rejected("IMAGE_NOT_SENDABLE");
    given::<Accident>(history())
        .when(later(&[77]))
        .then_rejected("IMAGE_NOT_FOUND");
    let (_, state) = given::<Accident>(history()).when(later(&[2, 2])).then_accepted();
    assert_eq!(
        state.known().unwrap().submissions[&submission_id(101)].image_ids,
        [image_id(2)]
    );
}

#[test]
fn ci_4_a_refused_file_cannot_be_sent() {
    given::<Accident>([imported(), refused(3)])
        .when(send(&[3]))
        .then_rejected("IMAGE_NOT_SENDABLE");
}

#[test]
fn ci_6_a_picture_goes_from_received_to_sent_to_seen() {
    let state =
        |events: Vec<Event>| given::<Accident>(events).state().known().unwrap().images[&image_id(1)].state;
    let history = [imported(), received(1, 1, 10), sent(&[1]), seen(&[1])];
    assert_eq!(state(history[..2].to_vec()), ImageState::Received);
    assert_eq!(state(history[..3].to_vec()), ImageState::Sent(submission_id(100)));
    assert_eq!(state(history.to_vec()), ImageState::Seen(submission_id(100)));
}

#[test]
fn a_submission_is_marked_seen_once() {
    let history = [imported(), received(1, 1, 10), sent(&[1])];
    given::<Accident>(history.clone())
        .when(mark_seen("staff-7"))
        .then([seen(&[1])]);
    given::<Accident>(history.into_iter().chain([seen(&[1])]))
        .when(mark_seen("staff-8"))
        .then_nothing();
    given::<Accident>([imported()])
        .when(mark_seen("staff-7"))
        .then_rejected("SUBMISSION_NOT_FOUND");
}

#[test]
fn op_3_handing_out_an_original_is_recorded_each_time_and_a_refused_file_has_none() {
    let view = |id| Command::ViewOriginal {
        image_id: image_id(id),
        by: "staff-7".to_owned(),
        at: at(),
    };
    let viewed = || Event::OriginalViewed {
        image_id: image_id(1),
        viewed_by: "staff-7".to_owned(),
        viewed_at: at(),
    };
    given::<Accident>([imported(), received(1, 1, 10), viewed()])
        .when(view(1))
        .then([viewed()]);
    given::<Accident>([imported(), refused(3)])
        .when(view(3))
        .then_rejected("IMAGE_NOT_FOUND");
}

/// CI-13: made once by a recipe; a newer release's are not made worse by an older one.
#[test]
fn ci_13_derivatives_are_recorded_where_they_are_news() {
    let small = derivatives(1, &[DerivativeSize::Small]);
    let both = derivatives(1, &DerivativeSize::ALL);
    let older = || {
        let mut event = received(1, 1, 100);
        if let Event::ImageReceived { derivatives, .. } = &mut event {
            *derivatives = Derivatives::default();
        }
        event
    };
    let derived = |derivatives: &Derivatives| Event::ImageDerived {
        image_id: image_id(1),
        subject: customer("C0001"),
        derivatives: derivatives.clone(),
        derived_at: at(),
    };
    let (events, state) = given::<Accident>([imported(), older()])
        .when(derive(1, both.clone()))
        .then_accepted();
    assert_eq!(events, [derived(&both)]);
    let shown = state.known().unwrap().registered(image_id(1)).unwrap();
    assert_eq!(shown.derivatives, both);
    for (known, told, is_news) in [
        (&small, &both, true),
        (&both, &small, false),
        (&both, &both, false),
        (&both, &derivatives(2, &DerivativeSize::ALL), true),
        (&derivatives(2, &[]), &both, false),
    ] {
        let (events, _) = given::<Accident>([imported(), older(), derived(known)])
            .when(derive(1, told.clone()))
            .then_accepted();
        assert_eq!(!events.is_empty(), is_news, "{known:?} {told:?}");
    }
    given::<Accident>([imported(), refused(1)])
        .when(derive(1, both))
        .then_rejected("IMAGE_NOT_FOUND");
}
