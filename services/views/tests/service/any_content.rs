//! OP-8: whatever a service has recorded the views show, also what no door takes any more.

use contracts::claim_images::v1::claim_images_event::Event as ClaimEvent;
use contracts::endorsement::v1::PhoneUnusable;
use contracts::endorsement::v1::endorsement_event::Event;
use contracts::views::v1::{
    ListAccidentsRequest, ListContractsRequest, ListContractsResponse, SearchAccidentsRequest,
};

use crate::book::{accident_id, contract_id};
use crate::world::{As, World};

async fn listed(world: &World, person: u128) -> ListContractsResponse {
    world.caught_up().await;
    let request = world.call(As::Customer(person), ListContractsRequest::default());
    let answer = world.customers().list_contracts(request).await;
    answer.unwrap().into_inner()
}

/// accidents-nul-in-place.csv: refused at the door today; an older event may hold it.
#[tokio::test]
async fn an_accident_whose_place_holds_nul_is_shown_and_found() {
    let world = World::new().await;
    world
        .claim_images(accident_id(1), 0, |seal| {
            let mut accident = seal.accident("T2CSVK0361", 1, "2026-11-20T10:00:00+09:00");
            accident.place = Some(seal.text(1, "/place", "見本\0町361番地"));
            accident.office = "T\u{0}2".to_owned();
            ClaimEvent::AccidentImported(accident)
        })
        .await;
    world.caught_up().await;
    let request = world.call(As::Customer(1), ListAccidentsRequest::default());
    let shown = world
        .customers()
        .list_accidents(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(shown.accidents[0].place, "見本\u{FFFD}町361番地");
    let request = SearchAccidentsRequest {
        claim_number: "t2csvk-0361".to_owned(),
        ..SearchAccidentsRequest::default()
    };
    let request = world.call(As::Adjuster("A001"), request);
    let found = world
        .adjusters()
        .search_accidents(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(found.accidents[0].office, "T\u{FFFD}2");
}

/// contracts-open-end.csv, and what was recorded before an open end was a value of its own.
#[tokio::test]
async fn a_contract_is_shown_whatever_instants_it_has() {
    let world = World::new().await;
    for (number, start, end) in [
        (1, 0, None),
        (2, i64::MIN, Some(i64::MAX)),
        (3, i64::MAX, Some(i64::MIN)),
        (4, 0, Some(253_402_207_200_999_999)),
    ] {
        world
            .endorsement(contract_id(number), 0, |seal| {
                let mut content = seal.contract(&format!("AB0000000{number}"), 1, &["+819011112222"]);
                (content.period_start_us, content.period_end_us) = (start, end);
                Event::ContractImported(content)
            })
            .await;
    }
    let shown = listed(&world, 1).await.contracts;
    assert_eq!(shown.len(), 4, "{shown:#?}");
    assert_eq!(shown[0].period_end_us, None);
    let usable = |place: usize| shown[place].phones.iter().all(|phone| phone.usable_for_login);
    assert!(usable(0) && usable(1) && usable(3), "{shown:#?}");
    assert_eq!(shown[0].phones[0].counts_until_us, None);
    assert_eq!(shown[2].phones[0].reason(), PhoneUnusable::ContractEnded);
}
