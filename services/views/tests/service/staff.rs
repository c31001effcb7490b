//! Search, accident file, gallery and timeline.

use contracts::claim_images::v1::AccidentState;
use contracts::claim_images::v1::claim_images_event::Event;
use contracts::endorsement::v1::endorsement_event;
use contracts::identity::v1::{AccountRegistered, SessionEnded, SessionOpened, identity_event};
use contracts::phone_verification::v1::{
    ChallengeEnded, ChallengeMatched, ChallengeOpened, phone_verification_event,
};
use contracts::views::v1::{
    GetAccidentFileRequest, ListGalleryRequest, ListTimelineRequest, ListTimelineResponse,
    SearchAccidentsRequest, TimelineKind,
};
use harness::assert_refused;
use tonic::{Code, Status};

use crate::book::{accident_id, account_id, contract_id, file_name, name, subject};
use crate::world::{As, World, assert_invalid};

const ADJUSTER: As = As::Adjuster("A001");

async fn accident(
    world: &World,
    number: u128,
    change: impl FnOnce(&mut contracts::claim_images::v1::AccidentImported),
) {
    world
        .claim_images(accident_id(number), 0, |seal| {
            let at = format!("2026-10-1{number}T00:00:00Z");
            let mut accident = seal.accident(&format!("F000000{number}"), 1, &at);
            change(&mut accident);
            Event::AccidentImported(accident)
        })
        .await;
}

async fn contract(world: &World, number: u128, person: u128) {
    world
        .endorsement(contract_id(number), 0, |seal| {
            endorsement_event::Event::ContractImported(seal.contract("AB12345678", person, &[]))
        })
        .await;
}

#[tokio::test]
async fn accidents_are_found_by_number_policy_adjuster_and_state() {
    let world = World::new().await;
    accident(&world, 1, |_| {}).await;
    accident(&world, 2, |accident| accident.adjuster_id = "A002".to_owned()).await;
    accident(&world, 3, |accident| {
        accident.state = AccidentState::Closed.into();
    })
    .await;
    accident(&world, 4, |accident| {
        accident.policy_number = "CD12345678".to_owned();
    })
    .await;
    world.caught_up().await;
    let search = async |request: SearchAccidentsRequest| {
        let answer = world
            .adjusters()
            .search_accidents(world.call(ADJUSTER, request))
            .await;
        answer.map(|answer| {
            let accidents = answer.into_inner().accidents.into_iter();
            accidents
                .map(|accident| accident.claim_number)
                .collect::<Vec<_>>()
        })
    };
    let empty = SearchAccidentsRequest::default;
    let claim = |number: &str| SearchAccidentsRequest {
        claim_number: number.to_owned(),
        ..empty()
    };
    let cases = [
        (empty(), vec!["F0000004", "F0000003", "F0000002", "F0000001"]),
        (claim("F0000002"), vec!["F0000002"]),
        (
            SearchAccidentsRequest {
                policy_number: "CD12345678".to_owned(),
                ..empty()
            },
            vec!["F0000004"],
        ),
        (
            SearchAccidentsRequest {
                adjuster_id: "A002".to_owned(),
                ..empty()
            },
            vec!["F0000002"],
        ),
        (
            SearchAccidentsRequest {
                state: AccidentState::Closed.into(),
                ..empty()
            },
            vec!["F0000003"],
        ),
        (
            SearchAccidentsRequest {
                state: AccidentState::Open.into(),
                order_by: "claim_number".to_owned(),
                ..empty()
            },
            vec!["F0000001", "F0000002", "F0000004"],
        ),
    ];
    for (request, expected) in cases {
        assert_eq!(search(request.clone()).await.unwrap(), expected, "{request:?}");
    }
    let nonsense = SearchAccidentsRequest { state: 99, ..empty() };
    assert_invalid(search(nonsense).await, "state", "STATE_INVALID");
}

/// OP-9: as `Ｔ２Ｋ０００００１`, `t2k-000001` or `T2K000001 ` for T2K000001; pasted, with what stands around it in a table.
#[tokio::test]
async fn op_9_an_accident_is_found_by_its_numbers_as_people_write_them() {
    let world = World::new().await;
    accident(&world, 2, |accident| {
        accident.policy_number = "CD12345678".to_owned();
    })
    .await;
    accident(&world, 3, |_| {}).await;
    world.caught_up().await;
    let search = async |claim_number: &str, policy_number: &str| {
        let request = SearchAccidentsRequest {
            claim_number: claim_number.to_owned(),
            policy_number: policy_number.to_owned(),
            ..SearchAccidentsRequest::default()
        };
        let call = world.call(ADJUSTER, request);
        let answer = world.adjusters().search_accidents(call).await?;
        let found = answer.into_inner().accidents.into_iter();
        Ok::<Vec<_>, tonic::Status>(found.map(|accident| accident.claim_number).collect())
    };
    for written in [
        "Ｆ００００００２",
        "f-000-0002",
        " F0000002 ",
        "f 0000002",
        "F‐0000002",
        "\tF0000002\r\n",
        "F000\n0002",
        "\u{202A}F0000002\u{202C}",
        "F0000002\u{2028}",
    ] {
        assert_eq!(search(written, "").await.unwrap(), ["F0000002"], "{written}");
    }
    for written in [
        "ＣＤ１２３４５６７８",
        "cd-1234-5678",
        "CD12345678 ",
        "CD1234\t5678",
        "\u{200E}CD12345678\n",
    ] {
        assert_eq!(search("", written).await.unwrap(), ["F0000002"], "{written}");
    }
    assert_eq!(search("　- ", " ").await.unwrap().len(), 2, "blank is any");
    let short = search("F12", "").await;
    assert_invalid(short, "claim_number", "CLAIM_NUMBER_INVALID");
    let control = search("F0000002\0", "").await;
    assert_invalid(control, "claim_number", "CLAIM_NUMBER_INVALID");
    let words = search("", "契約").await;
    assert_invalid(words, "policy_number", "POLICY_NUMBER_INVALID");
}

#[tokio::test]
async fn an_accident_file_shows_the_contract_once_it_is_known() {
    let world = World::new().await;
    accident(&world, 1, |_| {}).await;
    let ask = async |id: String| {
        world.caught_up().await;
        let request = GetAccidentFileRequest {
            accident_id: id,
            consistency_tokens: vec![],
        };
        let answer = world
            .adjusters()
            .get_accident_file(world.call(ADJUSTER, request))
            .await;
        answer.map(|answer| answer.into_inner().accident.unwrap())
    };
    let before = ask(accident_id(1).to_string()).await.unwrap();
    assert_eq!(
        (before.product.as_str(), before.policyholder_name.as_str()),
        ("", "")
    );
    contract(&world, 1, 1).await;
    world
        .claim_images(accident_id(1), 1, |seal| Event::ImageRecorded(seal.image(1, 1)))
        .await;
    world
        .claim_images(accident_id(1), 2, |seal| {
            Event::SubmissionSent(seal.sent(1, 1, &[1], "2026-11-01T00:00:00Z"))
        })
        .await;
    let after = ask(accident_id(1).to_string()).await.unwrap();
    assert_eq!(
        (after.product.as_str(), after.policyholder_name),
        ("HOUSEHOLD", name(1))
    );
    assert_eq!((after.sent_images, after.unseen_submissions), (1, 1));
    assert_refused(
        ask(accident_id(2).to_string()).await,
        Code::NotFound,
        "ACCIDENT_NOT_FOUND",
    );
    assert_invalid(
        ask("F0000001".to_owned()).await,
        "accident_id",
        "ACCIDENT_ID_INVALID",
    );
}

#[tokio::test]
async fn the_gallery_shows_what_was_sent_and_nothing_else() {
    let world = World::new().await;
    accident(&world, 1, |_| {}).await;
    for number in 1..=4 {
        let version = u64::try_from(number).unwrap();
        world
            .claim_images(accident_id(1), version, |seal| {
                Event::ImageRecorded(seal.image(number, 1))
            })
            .await;
    }
    world
        .claim_images(accident_id(1), 5, |seal| {
            Event::SubmissionSent(seal.sent(1, 1, &[1, 2, 4], "2026-11-01T00:00:00Z"))
        })
        .await;
    world.caught_up().await;
    let ask = async |number, page_token: &str| {
        let request = ListGalleryRequest {
            accident_id: accident_id(number).to_string(),
            page_size: 2,
            page_token: page_token.to_owned(),
            consistency_tokens: vec![],
        };
        let answer = world
            .adjusters()
            .list_gallery(world.call(ADJUSTER, request))
            .await;
        answer.map(tonic::Response::into_inner)
    };
    let first = ask(1, "").await.unwrap();
    let second = ask(1, &first.next_page_token).await.unwrap();
    assert_eq!(second.next_page_token, "");
    let names: Vec<_> = first
        .images
        .into_iter()
        .chain(second.images)
        .map(|image| image.file_name)
        .collect();
    assert_eq!(names, [file_name(1), file_name(2), file_name(4)]);
    assert_refused(ask(2, "").await, Code::NotFound, "ACCIDENT_NOT_FOUND");
}

async fn timeline(
    world: &World,
    caller: As,
    contract: &str,
    page_token: &str,
) -> Result<ListTimelineResponse, Status> {
    world.caught_up().await;
    let request = ListTimelineRequest {
        contract_id: contract.to_owned(),
        page_size: 4,
        page_token: page_token.to_owned(),
        consistency_tokens: vec![],
    };
    let answer = world.adjusters().list_timeline(world.call(caller, request)).await;
    answer.map(tonic::Response::into_inner)
}

/// Registration, a call that did not come, and a login by call; of another person only a registration.
async fn logins(world: &World) {
    let registered = |person| {
        identity_event::Event::AccountRegistered(AccountRegistered {
            subject_ids: vec![subject(person).to_string()],
            route: "A".to_owned(),
            ..AccountRegistered::default()
        })
    };
    let session = |number: u128| uuid::Uuid::from_u128(number).to_string();
    let account = account_id(1).to_string();
    let opened = || {
        phone_verification_event::Event::ChallengeOpened(ChallengeOpened {
            account_id: account.clone(),
            ..ChallengeOpened::default()
        })
    };
    let ended = phone_verification_event::Event::ChallengeEnded(ChallengeEnded {
        account_id: account.clone(),
        reason: "EXPIRED".to_owned(),
        ..ChallengeEnded::default()
    });
    let matched = phone_verification_event::Event::ChallengeMatched(ChallengeMatched {
        account_id: account.clone(),
        ..ChallengeMatched::default()
    });
    let session_opened = identity_event::Event::SessionOpened(SessionOpened {
        session_id: session(1),
        call_verified: true,
        ..SessionOpened::default()
    });
    let session_ended = identity_event::Event::SessionEnded(SessionEnded {
        session_id: session(1),
        reason: "LOGOUT".to_owned(),
    });
    world.identity(account_id(1), 1, registered(1)).await;
    world.identity(account_id(2), 1, registered(2)).await;
    world.phone_verification(1, 2, opened()).await;
    world.phone_verification(1, 3, ended).await;
    world.phone_verification(2, 4, opened()).await;
    world.phone_verification(2, 5, matched).await;
    world.identity(account_id(1), 6, session_opened).await;
    world.identity(account_id(1), 7, session_ended).await;
}

#[tokio::test]
async fn op_5_the_timeline_of_a_contract_tells_what_happened_to_its_policyholders_logins() {
    let world = World::new().await;
    contract(&world, 1, 1).await;
    logins(&world).await;
    let id = contract_id(1).to_string();
    let first = timeline(&world, As::CallCentre, &id, "").await.unwrap();
    let second = timeline(&world, As::CallCentre, &id, &first.next_page_token)
        .await
        .unwrap();
    assert_eq!(second.next_page_token, "");
    let entries: Vec<_> = first.entries.iter().chain(&second.entries).collect();
    assert!(
        entries
            .iter()
            .all(|entry| entry.account_id == account_id(1).to_string())
    );
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (entry.kind(), entry.detail.as_str()))
        .collect();
    let expected = [
        (TimelineKind::SessionEnded, "LOGOUT"),
        (TimelineKind::SessionOpened, "CALL_VERIFIED"),
        (TimelineKind::ChallengeMatched, ""),
        (TimelineKind::ChallengeOpened, ""),
        (TimelineKind::ChallengeEnded, "EXPIRED"),
        (TimelineKind::ChallengeOpened, ""),
        (TimelineKind::AccountRegistered, "ROUTE_A"),
    ];
    assert_eq!(told, expected);
    let unknown = timeline(&world, ADJUSTER, &contract_id(2).to_string(), "").await;
    assert_refused(unknown, Code::NotFound, "CONTRACT_NOT_FOUND");
    let nonsense = timeline(&world, ADJUSTER, "AB12345678", "").await;
    assert_invalid(nonsense, "contract_id", "CONTRACT_ID_INVALID");
}
