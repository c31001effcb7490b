//! Prepare, submit, effective, scheduled, withdrawn: the way of a change (EN-7, EN-8, EN-10).

use contracts::endorsement::v1::EndorsementState::{Effective, Scheduled, Withdrawn};
use contracts::endorsement::v1::PhoneUnusable;
use contracts::endorsement::v1::field_change::After;
use harness::assert_refused;
use testkit::wait_for;
use tonic::Code;

use crate::book::{NEW, OLD, contract_id, instant, move_to, new_request_id, person, row, to};
use crate::world::{As, Outcome, SOON, World};

const HOLDER: As = As::Holder("C0001");

async fn with_a_contract() -> (World, String) {
    let world = World::new().await;
    world.import(vec![row("AB12345678", "C0001")]).await;
    (world, contract_id("AB12345678"))
}

/// The numbers as shown, each with whether it can be used for login or why not.
async fn numbers(world: &World, id: &str) -> Vec<(String, PhoneUnusable)> {
    let insured = world.contract(&HOLDER, id).await.unwrap().insured.unwrap();
    insured
        .phones
        .into_iter()
        .map(|phone| (phone.number.clone(), phone.reason()))
        .collect()
}

fn usable(number: &str) -> (String, PhoneUnusable) {
    (number.to_owned(), PhoneUnusable::Unspecified)
}

#[tokio::test]
async fn en_1_a_contract_is_shown_with_parties_insurers_and_what_each_number_is_good_for() {
    let world = World::new().await;
    let mut separate = row("AB12345678", "C0001");
    separate.policyholder = Some(person("C0001", &[OLD, "050-1234-5678"]));
    separate.insured = Some(person("C0002", &["03-1234-5678"]));
    world.import(vec![separate]).await;
    let contract = world.contract(&HOLDER, &contract_id("AB12345678")).await.unwrap();
    assert!(!contract.policyholder_is_insured && contract.online);
    assert_eq!(contract.insurers[1].share_basis_points, 3_330);
    assert_eq!(contract.object_address, "東京都港区1-2-3");
    let holder = contract.policyholder.unwrap();
    assert_eq!(
        (holder.name.as_str(), holder.birth_date.as_str()),
        ("見本　花子", "1980-04-01")
    );
    let verdicts: Vec<_> = holder
        .phones
        .iter()
        .map(|phone| (phone.usable_for_login, phone.reason()))
        .collect();
    assert_eq!(
        verdicts,
        [
            (true, PhoneUnusable::Unspecified),
            (false, PhoneUnusable::IpPhone050)
        ]
    );
    assert!(
        holder.phones[1].message.contains("050"),
        "PV-15: in the caller's language"
    );
    assert_eq!(
        contract.insured.unwrap().phones[0].reason(),
        PhoneUnusable::NotPolicyholdersNumber
    );
    let route = contract.contact.unwrap();
    assert!(
        route.open_now && route.opens_at_us.is_none() && route.hours.contains("JST"),
        "OP-2: {route:?}"
    );
}

#[tokio::test]
async fn en_8_a_change_for_today_is_prepared_reviewed_submitted_and_effective() {
    let (world, id) = with_a_contract().await;
    let change = to(&id, &[NEW], "2026-11-16");
    let prepared = world.prepare(&HOLDER, &change).await.unwrap();
    assert_eq!(
        (&*prepared.changes[0].field, &prepared.changes[0].before[..]),
        ("phones", &[OLD.to_owned()][..])
    );
    let Some(After::Phones(after)) = &prepared.changes[0].after else {
        panic!("{prepared:?}")
    };
    assert_eq!(after.phones[0].number, NEW);
    assert_eq!(prepared.insurers[0].role, "LEAD");
    assert_eq!(prepared.warnings, []);
    assert_eq!(
        numbers(&world, &id).await,
        [usable(OLD)],
        "reviewing submits nothing"
    );

    let request_id = new_request_id();
    let submitted = world
        .submit(&HOLDER, &change, &request_id, &prepared.confirm_token)
        .await
        .unwrap();
    let endorsement = submitted.endorsement.clone().unwrap();
    assert_eq!(endorsement.state(), Effective);
    assert!(endorsement.receipt_number.starts_with("E20261116-"));
    assert!(submitted.consistency_token.starts_with("endorsement:"));
    assert_eq!(numbers(&world, &id).await, [usable(NEW)]);
    let contract = world.contract(&HOLDER, &id).await.unwrap();
    assert_eq!(contract.last_endorsement_date, "2026-11-16");

    let version = contract.version;
    let again = world
        .submit(&HOLDER, &change, &request_id, &prepared.confirm_token)
        .await
        .unwrap();
    assert_eq!(again, submitted, "a retry gets the same answer");
    assert_eq!(
        world.contract(&HOLDER, &id).await.unwrap().version,
        version,
        "and adds nothing"
    );
    let other = world
        .submit(
            &HOLDER,
            &to(&id, &[OLD], "2026-11-16"),
            &request_id,
            &prepared.confirm_token,
        )
        .await;
    assert_refused(other, Code::FailedPrecondition, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn en_8_a_stale_token_is_refused_and_a_fresh_review_goes_through() {
    let (world, id) = with_a_contract().await;
    let change = to(&id, &[NEW], "2026-11-16");
    let stale = world.prepare(&HOLDER, &change).await.unwrap().confirm_token;
    let mut meanwhile = row("AB12345678", "C0001");
    meanwhile.agency_name = "見本代理店".to_owned();
    assert_eq!(world.import(vec![meanwhile]).await, [Outcome::Recorded]);
    let answer = world.submit(&HOLDER, &change, &new_request_id(), &stale).await;
    assert_refused(answer, Code::FailedPrecondition, "CONTENT_CHANGED");
    world.change(&HOLDER, &change).await;
    assert_eq!(numbers(&world, &id).await, [usable(NEW)]);
}

#[tokio::test]
async fn en_10_a_scheduled_change_takes_effect_at_midnight_in_japan_also_across_a_kill() {
    let (mut world, id) = with_a_contract().await;
    let scheduled = world
        .change(&HOLDER, &to(&id, &[NEW], "2026-12-01"))
        .await
        .endorsement
        .unwrap();
    assert_eq!(scheduled.state(), Scheduled);
    assert_eq!(
        scheduled.effective_at_us,
        instant("2026-12-01T00:00:00").as_microsecond()
    );
    assert_eq!(
        numbers(&world, &id).await,
        [usable(OLD), (NEW.to_owned(), PhoneUnusable::NotYetInForce)]
    );
    world.kill_and_restart().await;

    world.clock.set(instant("2026-11-30T23:59:59"));
    assert_eq!(
        world.endorsement(&HOLDER, &scheduled).await.unwrap().state(),
        Scheduled
    );
    world.clock.set(instant("2026-12-01T00:00:00"));
    assert_eq!(
        numbers(&world, &id).await,
        [usable(NEW)],
        "by the clock, not by when the worker comes"
    );
    wait_for("the change to be recorded as effective", SOON, async || {
        let endorsement = world.endorsement(&HOLDER, &scheduled).await.unwrap();
        if endorsement.state() == Effective {
            Ok(())
        } else {
            Err(endorsement.state())
        }
    })
    .await;
    assert_eq!(
        world.contract(&HOLDER, &id).await.unwrap().last_endorsement_date,
        "2026-12-01"
    );
    let answer = world.withdraw(&HOLDER, &scheduled, &new_request_id()).await;
    assert_refused(answer, Code::FailedPrecondition, "ENDORSEMENT_NOT_OPEN");
}

#[tokio::test]
async fn en_10_a_withdrawn_change_never_takes_effect() {
    let (world, id) = with_a_contract().await;
    let scheduled = world
        .change(&HOLDER, &to(&id, &[NEW], "2026-12-01"))
        .await
        .endorsement
        .unwrap();
    let request_id = new_request_id();
    let withdrawn = world.withdraw(&HOLDER, &scheduled, &request_id).await.unwrap();
    assert_eq!(withdrawn.endorsement.as_ref().unwrap().state(), Withdrawn);
    assert_eq!(numbers(&world, &id).await, [usable(OLD)]);
    assert_eq!(
        world.withdraw(&HOLDER, &scheduled, &request_id).await.unwrap(),
        withdrawn,
        "a retry"
    );
    let answer = world.withdraw(&HOLDER, &scheduled, &new_request_id()).await;
    assert_refused(answer, Code::FailedPrecondition, "ENDORSEMENT_NOT_OPEN");

    // Another change on the same day shows that the worker has been there.
    let other = world
        .change(&HOLDER, &to(&id, &["03-1234-5678"], "2026-12-01"))
        .await
        .endorsement
        .unwrap();
    world.clock.set(instant("2026-12-01T00:00:00"));
    wait_for("the other change to be recorded as effective", SOON, async || {
        let endorsement = world.endorsement(&HOLDER, &other).await.unwrap();
        (endorsement.state() == Effective).then_some(())
    })
    .await;
    assert_eq!(
        world.endorsement(&HOLDER, &scheduled).await.unwrap().state(),
        Withdrawn
    );
    assert_eq!(numbers(&world, &id).await, [usable("03-1234-5678")]);
}

#[tokio::test]
async fn pv_15_a_change_that_leaves_no_usable_number_is_warned_of_and_confirmed() {
    let (world, id) = with_a_contract().await;
    let mut change = to(&id, &["050-1234-5678"], "2026-11-16");
    let prepared = world.prepare(&HOLDER, &change).await.unwrap();
    assert_eq!(prepared.warnings[0].reason, "NO_USABLE_PHONE_LEFT");
    assert!(prepared.warnings[0].needs_acknowledgement && !prepared.warnings[0].message.is_empty());
    let answer = world
        .submit(&HOLDER, &change, &new_request_id(), &prepared.confirm_token)
        .await;
    assert_refused(answer, Code::FailedPrecondition, "WARNING_NOT_ACKNOWLEDGED");
    change.acknowledged = vec!["NO_USABLE_PHONE_LEFT".to_owned()];
    world
        .submit(&HOLDER, &change, &new_request_id(), &prepared.confirm_token)
        .await
        .unwrap();
}

#[tokio::test]
async fn en_17_an_import_after_a_change_of_ours_does_not_restore_the_old_number() {
    let (world, id) = with_a_contract().await;
    world.change(&HOLDER, &to(&id, &[NEW], "2026-11-16")).await;
    assert_eq!(
        world.import(vec![row("AB12345678", "C0001")]).await,
        [kept_ahead("policyholder.phones")]
    );
    let mut moved = row("AB12345678", "C0001");
    moved.policyholder.as_mut().unwrap().address = "大阪府大阪市北区1-1".to_owned();
    assert_eq!(
        world.import(vec![moved]).await,
        [kept_ahead("policyholder.phones")]
    );
    assert_eq!(numbers(&world, &id).await, [usable(NEW)]);
    assert_eq!(
        world
            .contract(&HOLDER, &id)
            .await
            .unwrap()
            .insured
            .unwrap()
            .address
            .unwrap()
            .as_entered,
        "大阪府大阪市北区1-1"
    );
}

/// The address in force and the scheduled one, in one line each.
async fn addresses(world: &World, id: &str) -> (String, Option<String>) {
    let insured = world.contract(&HOLDER, id).await.unwrap().insured.unwrap();
    let next = insured.next_address.and_then(|next| next.address);
    (
        insured.address.unwrap_or_default().as_entered,
        next.map(|address| address.as_entered),
    )
}

const HOME: &str = "東京都千代田区千代田1-1";
const MOVED: &str = "大阪府大阪市北区梅田1-2-3　見本ビル";

#[tokio::test]
async fn en_2_an_address_is_prepared_submitted_by_password_alone_and_shown_in_its_parts() {
    let (world, id) = with_a_contract().await;
    let change = move_to(&id, "1-2-3", "2026-11-16");
    let prepared = world.prepare(&HOLDER, &change).await.unwrap();
    let shown = &prepared.changes[0];
    assert_eq!((&*shown.section, &*shown.field), ("INSURED", "address"));
    assert_eq!(shown.before, [format!("〒100-0001 {HOME}")]);
    let Some(After::Address(after)) = &shown.after else {
        panic!("{shown:?}")
    };
    assert_eq!((&*after.postcode, &*after.as_entered), ("5300001", MOVED));
    let submitted = world.change(&As::Unverified("C0001"), &change).await;
    assert_eq!(submitted.endorsement.unwrap().state(), Effective);
    let insured = world.contract(&HOLDER, &id).await.unwrap().insured.unwrap();
    assert_eq!(insured.address.unwrap(), *after);
    assert_eq!(insured.next_address, None);
    assert_eq!(numbers(&world, &id).await, [usable(OLD)]);
}

#[tokio::test]
async fn en_7_a_scheduled_address_is_shown_beside_the_one_in_force_and_counts_by_the_clock() {
    let (mut world, id) = with_a_contract().await;
    let submitted = world.change(&HOLDER, &move_to(&id, "1-2-3", "2026-12-01")).await;
    let scheduled = submitted.endorsement.unwrap();
    let moved = Some(MOVED.to_owned());
    assert_eq!(addresses(&world, &id).await, (HOME.to_owned(), moved.clone()));
    world.kill_and_restart().await;
    world.clock.set(instant("2026-12-01T00:00:00"));
    assert_eq!(addresses(&world, &id).await, (MOVED.to_owned(), None));
    wait_for("the address to be recorded as effective", SOON, async || {
        let endorsement = world.endorsement(&HOLDER, &scheduled).await.unwrap();
        (endorsement.state() == Effective).then_some(())
    })
    .await;
}

#[tokio::test]
async fn en_10_and_en_17_a_withdrawn_address_leaves_what_the_core_system_says_now() {
    let (world, id) = with_a_contract().await;
    let submitted = world.change(&HOLDER, &move_to(&id, "1-2-3", "2026-12-01")).await;
    let scheduled = submitted.endorsement.unwrap();
    let mut elsewhere = row("AB12345678", "C0001");
    elsewhere.policyholder.as_mut().unwrap().address = "東京都港区1-1".to_owned();
    assert_eq!(world.import(vec![elsewhere.clone()]).await, [Outcome::Recorded]);
    let moved = Some(MOVED.to_owned());
    assert_eq!(addresses(&world, &id).await, (HOME.to_owned(), moved));
    let withdrawn = world.withdraw(&HOLDER, &scheduled, &new_request_id()).await;
    assert_eq!(withdrawn.unwrap().endorsement.unwrap().state(), Withdrawn);
    assert_eq!(addresses(&world, &id).await, ("東京都港区1-1".to_owned(), None));
    assert_eq!(world.import(vec![elsewhere]).await, [Outcome::Unchanged]);
}

/// Taken but for this field, which the customer changed online.
fn kept_ahead(field: &str) -> Outcome {
    Outcome::KeptAhead(vec![(field.to_owned(), "CHANGED_ONLINE".to_owned())])
}

#[tokio::test]
async fn en_17_an_import_that_does_not_know_our_address_keeps_ours() {
    let (world, id) = with_a_contract().await;
    world.change(&HOLDER, &move_to(&id, "1-2-3", "2026-11-16")).await;
    let mut other = row("AB12345678", "C0001");
    other.agency_name = "見本代理店".to_owned();
    assert_eq!(
        world.import(vec![other]).await,
        [kept_ahead("policyholder.address")]
    );
    assert_eq!(addresses(&world, &id).await.0, MOVED);
}

#[tokio::test]
async fn of_two_racing_submissions_resting_on_the_same_review_exactly_one_wins() {
    let (world, id) = with_a_contract().await;
    let changes = [
        to(&id, &[NEW], "2026-11-16"),
        to(&id, &["03-1234-5678"], "2026-11-16"),
    ];
    let mut tokens = Vec::new();
    for change in &changes {
        tokens.push(world.prepare(&HOLDER, change).await.unwrap().confirm_token);
    }
    let request_ids = [new_request_id(), new_request_id()];
    let (one, other) = tokio::join!(
        world.submit(&HOLDER, &changes[0], &request_ids[0], &tokens[0]),
        world.submit(&HOLDER, &changes[1], &request_ids[1], &tokens[1]),
    );
    let (won, lost) = if one.is_ok() { (one, other) } else { (other, one) };
    assert_eq!(won.unwrap().endorsement.unwrap().state(), Effective);
    assert_refused(lost, Code::FailedPrecondition, "CONTENT_CHANGED");
    assert_eq!(numbers(&world, &id).await.len(), 1);
}
