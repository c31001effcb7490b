//! The address as a kind of change: EN-2, EN-3, EN-6, EN-7, EN-8, EN-10, EN-13 and EN-17 hold for it as for numbers.

use super::*;

const STREET: &str = "1-2-3";

fn to_new(effective: &str) -> Asked {
    asked(address(Section::Insured, typed_address(STREET)), effective)
}

fn midnight() -> Timestamp {
    instant("2026-12-01T00:00:00")
}

fn lines(history: &[Event], at: Timestamp) -> Vec<String> {
    let addresses = addresses(history, at);
    addresses
        .iter()
        .map(|address| address.as_entered().to_owned())
        .collect()
}

fn new_line() -> String {
    typed_address(STREET).as_entered().to_owned()
}

#[test]
fn en_2_an_address_is_reviewed_accepted_and_effective_at_once() {
    let review = review(&a_contract(), &to_new("2026-11-16"), monday()).unwrap();
    let Reviewed::Address(shown) = &review.changes[0].content else {
        panic!("{review:?}")
    };
    assert_eq!(shown.before, Some(imported_address(HOME)));
    assert_eq!(shown.after, typed_address(STREET));
    assert_eq!(review.warnings, []);
    let history = accepted(a_contract(), to_new("2026-11-16"), monday(), 1);
    let [.., submitted, changed, effective] = &history[..] else {
        panic!("{history:?}")
    };
    let Event::EndorsementSubmitted { request, .. } = submitted else {
        panic!("{submitted:?}")
    };
    assert_eq!(request.fields, ["insured.address"]);
    assert!(matches!(
        changed,
        Event::PartyFieldChanged {
            field: FieldContent::Address(_),
            ..
        }
    ));
    assert!(matches!(effective, Event::EndorsementEffective { .. }));
    assert_eq!(lines(&history, monday()), [new_line()]);
    assert_eq!(
        addresses(&history, monday())[0].parts().city,
        "大阪市北区",
        "its parts are kept"
    );
    assert_eq!(numbers(&history, monday()), [number(OLD)], "nothing else changes");
}

#[test]
fn en_15_an_address_needs_no_session_verified_by_call_but_a_number_beside_it_does() {
    let mut alone = submission(&a_contract(), to_new("2026-11-16"), monday());
    alone.requester.call_verified = false;
    contract(a_contract()).when(submit(alone)).then_accepted();
    let mut both = to_new("2026-11-16");
    both.items.push(phones(Section::Insured, &[NEW]));
    let mut both = submission(&a_contract(), both, monday());
    both.requester.call_verified = false;
    contract(a_contract())
        .when(submit(both))
        .then_rejected("CALL_VERIFICATION_REQUIRED");
}

#[test]
fn en_3_the_policyholders_address_is_changed_in_the_insureds_section_where_they_are_one() {
    let asked = asked(
        address(Section::Policyholder, typed_address(STREET)),
        "2026-11-16",
    );
    let refused = review(&a_contract(), &asked, monday()).unwrap_err();
    assert_eq!(decider::Explain::explain(&refused).reason, "USE_INSURED_SECTION");
    let mut separate = row("row 1", &[OLD], monday());
    separate.insured = Some(party("C0002", &[NEW], monday()));
    let history = accepted(vec![imported(separate)], asked, monday(), 1);
    assert_eq!(lines(&history, monday()), [new_line()]);
    let insured = current(history)
        .parties
        .insured()
        .fields
        .address
        .in_force_at(monday());
    assert_eq!(insured, [imported_address(HOME)]);
}

#[test]
fn en_6_the_same_place_written_otherwise_makes_no_request() {
    let same = imported_address("東京都　千代田区千代田１－１");
    let asked = asked(address(Section::Insured, same), "2026-11-16");
    let refused = review(&a_contract(), &asked, monday()).unwrap_err();
    assert_eq!(decider::Explain::explain(&refused).reason, "NOTHING_TO_CHANGE");
}

#[test]
fn en_7_a_later_address_counts_from_midnight_in_japan_and_en_10_takes_effect_once() {
    let mut history = accepted(a_contract(), to_new("2026-12-01"), monday(), 1);
    assert_eq!(lines(&history, instant("2026-11-30T23:59:59")), [HOME]);
    assert_eq!(lines(&history, midnight()), [new_line()]);
    let take_effect = || Command::TakeEffect {
        endorsement_id: request_id(1),
        at: midnight(),
    };
    let (events, _) = contract(history.clone()).when(take_effect()).then_accepted();
    history.extend(events);
    contract(history.clone()).when(take_effect()).then_nothing();
    assert_eq!(lines(&history, midnight()), [new_line()]);
}

#[test]
fn en_8_another_address_than_was_shown_is_drift() {
    let shown = submission(&a_contract(), to_new("2026-11-16"), monday());
    let drifted = Submit {
        asked: asked(address(Section::Insured, typed_address("1-2-4")), "2026-11-16"),
        ..shown
    };
    contract(a_contract())
        .when(submit(drifted))
        .then_rejected("CONTENT_CHANGED");
}

#[test]
fn en_10_a_withdrawn_address_leaves_what_stood() {
    let mut history = accepted(a_contract(), to_new("2026-12-01"), monday(), 1);
    let withdraw = Command::Withdraw {
        endorsement_id: request_id(1),
        requester: requester(),
        at: monday(),
    };
    let (events, _) = contract(history.clone()).when(withdraw).then_accepted();
    history.extend(events);
    assert_eq!(lines(&history, midnight()), [HOME]);
    let current = current(history);
    assert!(!current.parties.policyholder().fields.address.is_ahead_of_core());
}

#[test]
fn en_13_numbers_and_address_stand_side_by_side_but_no_two_addresses() {
    let history = changed(a_contract(), "2026-12-01", monday());
    let history = accepted(history, to_new("2026-12-01"), monday(), 2);
    assert_eq!(current(history.clone()).open_requests(monday()).count(), 2);
    let again = asked(address(Section::Insured, typed_address("9-9")), "2026-11-16");
    let refused = review(&history, &again, monday()).unwrap_err();
    let problem = decider::Explain::explain(&refused);
    assert_eq!(problem.reason, "OPEN_REQUEST_EXISTS");
    assert_eq!(problem.metadata["receipt_number"], "E20261116-00000002");
}

#[test]
fn one_request_can_change_numbers_and_address_and_is_withdrawn_whole() {
    let mut both = to_new("2026-12-01");
    both.items.push(phones(Section::Insured, &[NEW]));
    let mut history = accepted(a_contract(), both, monday(), 1);
    assert_eq!(lines(&history, midnight()), [new_line()]);
    assert_eq!(numbers(&history, midnight()), [number(NEW)]);
    let withdraw = Command::Withdraw {
        endorsement_id: request_id(1),
        requester: requester(),
        at: monday(),
    };
    let (events, _) = contract(history.clone()).when(withdraw).then_accepted();
    assert_eq!(events.len(), 3, "{events:?}");
    history.extend(events);
    assert_eq!(lines(&history, midnight()), [HOME]);
    assert_eq!(numbers(&history, midnight()), [number(OLD)]);
}

#[test]
fn en_17_an_import_older_than_our_address_keeps_ours_until_the_core_system_sends_it_back() {
    let later = instant("2026-11-17T09:00:00");
    let with = |digest: &str, line: Address| {
        let mut row = row(digest, &[OLD], later);
        row.policyholder.fields.address = PartyField::of_row(holder(), [line], later);
        row
    };
    let mut history = accepted(a_contract(), to_new("2026-11-16"), monday(), 1);
    let mut record = |row| {
        let (events, _) = contract(history.clone()).when(import(row)).then_accepted();
        history.extend(events);
        lines(&history, later)
    };
    assert_eq!(
        record(with("row 2", imported_address("東京都港区1-1"))),
        [new_line()]
    );
    // The core system writes it in one line, with other dashes.
    let sent_back = Address::imported("5300001", "大阪府大阪市北区 梅田１－２－３").unwrap();
    assert_eq!(record(with("row 3", sent_back)), [new_line()]);
    let theirs = "東京都港区2-2";
    assert_eq!(record(with("row 4", imported_address(theirs))), [theirs]);
}
