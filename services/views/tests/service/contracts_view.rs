//! The customer's contracts and change requests.

use contracts::endorsement::v1::endorsement_event::Event;
use contracts::endorsement::v1::{
    Endorsement, EndorsementChanged, EndorsementState, PartyFieldChanged, Phone, PhoneUnusable,
};
use contracts::views::v1::{ContractSummary, ListContractsRequest, ListRequestsRequest};
use uuid::Uuid;

use crate::book::{FAR_AHEAD, LONG_AGO, Seal, addresses, contract_id, micros, name, phones, subject};
use crate::world::{As, NOON, World, assert_invalid};

const HOLDER: As = As::Customer(1);
const USABLE: &str = "+819011112222";
const NOT_USABLE: &str = "+815011112222";
/// 90 days after [`FAR_AHEAD`] (PV-7).
const TAIL_ENDS: &str = "2030-04-01T00:00:00+09:00";

async fn list(world: &World, caller: As, request: ListContractsRequest) -> Vec<ContractSummary> {
    world.caught_up().await;
    let answer = world
        .customers()
        .list_contracts(world.call(caller, request))
        .await;
    answer.unwrap().into_inner().contracts
}

async fn all(world: &World) -> Vec<ContractSummary> {
    list(world, HOLDER, ListContractsRequest::default()).await
}

fn policies(contracts: &[ContractSummary]) -> Vec<&str> {
    contracts
        .iter()
        .map(|contract| contract.policy_number.as_str())
        .collect()
}

fn numbers(contract: &ContractSummary) -> Vec<&str> {
    contract
        .phones
        .iter()
        .map(|phone| phone.number.as_str())
        .collect()
}

async fn contract(world: &World, number: u128, policy_number: &str) {
    let event = |seal: &Seal<'_>| Event::ContractImported(seal.contract(policy_number, 1, &[USABLE]));
    world.endorsement(contract_id(number), 0, event).await;
}

fn request(number: u128, state: EndorsementState, last_endorsement_date: &str) -> Event {
    let submitted = micros(NOON) + i64::try_from(number).unwrap();
    Event::EndorsementChanged(EndorsementChanged {
        endorsement: Some(Endorsement {
            endorsement_id: Uuid::from_u128(number).to_string(),
            receipt_number: format!("R-{number}"),
            contract_id: contract_id(1).to_string(),
            state: state.into(),
            effective_date: "2026-12-01".to_owned(),
            effective_at_us: 0,
            submitted_at_us: submitted,
        }),
        policyholder_subject_id: subject(1).to_string(),
        fields: vec!["policyholder.phones".to_owned()],
        last_endorsement_date: last_endorsement_date.to_owned(),
    })
}

/// EN-1, EN-5, PV-15.
#[tokio::test]
async fn en_1_the_list_shows_each_contract_and_pv_15_each_number_with_its_verdict() {
    let world = World::new().await;
    world
        .endorsement(contract_id(1), 0, |seal| {
            let mut content = seal.contract("AB12345678", 1, &[USABLE, NOT_USABLE]);
            content.insured = Some(seal.party(2, &["+81312345678"]));
            content.policyholder_is_insured = false;
            content.offline_reason = "CO_INSURANCE".to_owned();
            content.last_endorsement_date = "2025-01-31".to_owned();
            Event::ContractImported(content)
        })
        .await;
    let verdict = |number: &str, reason: PhoneUnusable, message: &str| Phone {
        number: number.to_owned(),
        usable_for_login: reason == PhoneUnusable::Unspecified,
        reason: reason.into(),
        message: message.to_owned(),
        counts_from_us: micros(LONG_AGO),
        counts_until_us: Some(micros(TAIL_ENDS)),
    };
    let expected = ContractSummary {
        contract_id: contract_id(1).to_string(),
        policy_number: "AB12345678".to_owned(),
        branch_number: "0".to_owned(),
        product: "HOUSEHOLD".to_owned(),
        period_start_us: micros(LONG_AGO),
        period_end_us: Some(micros(FAR_AHEAD)),
        last_endorsement_date: "2025-01-31".to_owned(),
        insured_name: name(2),
        object_address: "東京都港区1-2-3".to_owned(),
        online: false,
        offline_reason: "CO_INSURANCE".to_owned(),
        phones: vec![
            verdict("090-1111-2222", PhoneUnusable::Unspecified, ""),
            verdict(
                "050-1111-2222",
                PhoneUnusable::IpPhone050,
                "IP phone numbers (050) cannot be used to verify a login.",
            ),
        ],
        policyholder_address: String::new(),
        product_name: "Tenants' household insurance".to_owned(),
    };
    assert_eq!(all(&world).await, [expected]);
    let others = list(&world, As::Customer(2), ListContractsRequest::default()).await;
    assert_eq!(others, [], "the insured is not the policyholder");
}

/// EN-2, EN-7: by the clock, whether or not an event arrives then; the insured's address is nobody else's.
#[tokio::test]
async fn en_2_the_list_shows_the_policyholders_address_in_force() {
    let world = World::new().await;
    contract(&world, 1, "AB12345678").await;
    let moves = "2026-11-17T00:00:00+09:00";
    let told = |policyholder: bool, person: u128, lines: [&'static str; 2]| {
        move |seal: &Seal<'_>| {
            Event::PartyFieldChanged(PartyFieldChanged {
                subject_id: subject(person).to_string(),
                policyholder,
                insured: true,
                field: Some(addresses(vec![
                    seal.address(person, lines[0], LONG_AGO, Some(moves)),
                    seal.address(person, lines[1], moves, None),
                ])),
                period_end_us: Some(micros(FAR_AHEAD)),
            })
        }
    };
    let id = contract_id(1);
    world
        .endorsement(id, 1, told(true, 1, ["東京都港区1-1", "大阪府大阪市北区2-2"]))
        .await;
    world
        .endorsement(id, 2, told(false, 2, ["京都府京都市3-3", "京都府京都市4-4"]))
        .await;
    let shown = async || all(&world).await.remove(0).policyholder_address;
    assert_eq!(shown().await, "〒100-0001 東京都港区1-1");
    let before = all(&world).await;
    assert_eq!(numbers(&before[0]), ["090-1111-2222"], "a field of its own");
    world.clock.set(moves.parse().unwrap());
    assert_eq!(shown().await, "〒100-0001 大阪府大阪市北区2-2");
}

#[tokio::test]
async fn id_2_group_contracts_and_companies_are_left_out() {
    let world = World::new().await;
    contract(&world, 1, "AB00000001").await;
    world
        .endorsement(contract_id(2), 0, |seal| {
            let mut group = seal.contract("AB00000002", 1, &[]);
            group.kind = "GROUP".to_owned();
            Event::ContractImported(group)
        })
        .await;
    world
        .endorsement(contract_id(3), 0, |seal| {
            let mut corporate = seal.contract("AB00000003", 1, &[]);
            corporate.policyholder.as_mut().unwrap().kind = "CORPORATE".to_owned();
            Event::ContractImported(corporate)
        })
        .await;
    assert_eq!(policies(&all(&world).await), ["AB00000001"]);
    let reminders = world
        .customers()
        .list_reminders(world.call(HOLDER, contracts::views::v1::ListRemindersRequest::default()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reminders.reminders, []);
}

#[tokio::test]
async fn what_comes_twice_or_late_changes_nothing() {
    let world = World::new().await;
    let id = contract_id(1);
    let content = |policy_number: &'static str, phone: &'static str| {
        move |seal: &Seal<'_>| Event::ContractImported(seal.contract(policy_number, 1, &[phone]))
    };
    world.endorsement(id, 3, content("NEWEST", USABLE)).await;
    let before = all(&world).await;
    assert_eq!(
        (policies(&before), numbers(&before[0])),
        (vec!["NEWEST"], vec!["090-1111-2222"])
    );
    world.endorsement(id, 3, content("TWICE", NOT_USABLE)).await;
    world.endorsement(id, 2, content("OLDER", NOT_USABLE)).await;
    let older = |seal: &Seal<'_>| {
        Event::PartyFieldChanged(PartyFieldChanged {
            subject_id: subject(1).to_string(),
            policyholder: true,
            insured: true,
            field: Some(phones(vec![seal.phone(1, NOT_USABLE, LONG_AGO, None)])),
            period_end_us: Some(micros(FAR_AHEAD)),
        })
    };
    world.endorsement(id, 1, older).await;
    assert_eq!(all(&world).await, before);

    // Each section goes by its own version: newer phones stay when an older content comes again.
    world.endorsement(id, 5, older).await;
    world.endorsement(id, 4, content("CONTENT", USABLE)).await;
    let after = all(&world).await;
    assert_eq!(
        (policies(&after), numbers(&after[0])),
        (vec!["CONTENT"], vec!["050-1111-2222"])
    );
}

#[tokio::test]
async fn requests_are_listed_newest_first_and_one_in_effect_moves_the_date_of_its_contract() {
    let world = World::new().await;
    contract(&world, 1, "AB12345678").await;
    let id = contract_id(1);
    let tell = async |version, event: Event| world.endorsement(id, version, |_| event).await;
    tell(1, request(1, EndorsementState::Scheduled, "")).await;
    tell(2, request(2, EndorsementState::Scheduled, "")).await;
    tell(3, request(1, EndorsementState::Superseded, "")).await;
    tell(4, request(2, EndorsementState::Effective, "2026-12-01")).await;
    tell(3, request(2, EndorsementState::Scheduled, "")).await;
    assert_eq!(all(&world).await[0].last_endorsement_date, "2026-12-01");

    let ask = async |page_size, page_token: &str| {
        let request = ListRequestsRequest {
            page_size,
            page_token: page_token.to_owned(),
            ..ListRequestsRequest::default()
        };
        let answer = world.customers().list_requests(world.call(HOLDER, request)).await;
        answer.unwrap().into_inner()
    };
    let first = ask(1, "").await;
    let second = ask(1, &first.next_page_token).await;
    assert_eq!(second.next_page_token, "");
    let seen: Vec<_> = first.requests.into_iter().chain(second.requests).collect();
    let states: Vec<_> = seen
        .iter()
        .map(|request| (request.receipt_number.as_str(), request.state()))
        .collect();
    assert_eq!(
        states,
        [
            ("R-2", EndorsementState::Effective),
            ("R-1", EndorsementState::Superseded)
        ]
    );
    assert_eq!(seen[0].fields, ["policyholder.phones"]);
}

#[tokio::test]
async fn contracts_are_sorted_as_asked_and_a_token_of_another_order_or_customer_is_refused() {
    let world = World::new().await;
    for (number, policy_number, end) in [
        (1, "AB00000002", "2028-01-01T00:00:00Z"),
        (2, "AB00000003", "2027-01-01T00:00:00Z"),
        // Without end: after all that end.
        (3, "AB00000001", ""),
    ] {
        world
            .endorsement(contract_id(number), 0, |seal| {
                let mut content = seal.contract(policy_number, 1, &[USABLE]);
                content.period_end_us = Some(end).filter(|end| !end.is_empty()).map(micros);
                Event::ContractImported(content)
            })
            .await;
    }
    world.caught_up().await;
    let ask = async |caller, order_by: &str, page_size, page_token: &str| {
        let request = ListContractsRequest {
            page_size,
            page_token: page_token.to_owned(),
            order_by: order_by.to_owned(),
            consistency_tokens: vec![],
        };
        let answer = world
            .customers()
            .list_contracts(world.call(caller, request))
            .await;
        answer.map(tonic::Response::into_inner)
    };
    for (order_by, expected) in [
        ("", ["AB00000001", "AB00000002", "AB00000003"]),
        ("policy_number desc", ["AB00000003", "AB00000002", "AB00000001"]),
        ("period_end", ["AB00000003", "AB00000002", "AB00000001"]),
        ("period_end desc", ["AB00000001", "AB00000002", "AB00000003"]),
    ] {
        let first = ask(HOLDER, order_by, 2, "").await.unwrap();
        let second = ask(HOLDER, order_by, 2, &first.next_page_token).await.unwrap();
        let seen = [first.contracts, second.contracts].concat();
        assert_eq!(policies(&seen), expected, "{order_by}");
    }
    let token = ask(HOLDER, "", 2, "").await.unwrap().next_page_token;
    let foreign = "PAGE_TOKEN_INVALID";
    assert_invalid(ask(HOLDER, "period_end", 2, &token).await, "page_token", foreign);
    assert_invalid(ask(As::Customer(2), "", 2, &token).await, "page_token", foreign);
    assert_invalid(ask(HOLDER, "", 2, "made-up").await, "page_token", foreign);
    assert_invalid(ask(HOLDER, "place", 2, "").await, "order_by", "ORDER_BY_INVALID");
}
