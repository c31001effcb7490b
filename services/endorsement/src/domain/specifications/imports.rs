//! EN-16, EN-17: what an import records and what it must not overwrite.

use super::*;

#[test]
fn en_16_a_new_row_is_recorded_whole() {
    let row = row("row 1", &[OLD], monday());
    contract(vec![]).when(import(row.clone())).then([imported(row)]);
}

#[test]
fn en_16_the_same_row_again_changes_nothing_even_after_a_change_of_ours() {
    let row = row("row 1", &[OLD], instant("2026-04-01T09:00:00"));
    contract(a_contract()).when(import(row.clone())).then_nothing();
    contract(changed(a_contract(), "2026-11-16", monday()))
        .when(import(row))
        .then_nothing();
}

#[test]
fn en_16_a_changed_row_is_recorded_and_numbers_that_stay_keep_their_age() {
    let since = instant("2026-04-01T09:00:00");
    let (events, _) = contract(a_contract())
        .when(import(row("row 2", &[OLD, NEW], monday())))
        .then_accepted();
    let Event::Imported { policyholder, .. } = &events[0] else {
        panic!("{events:?}")
    };
    assert_eq!(events.len(), 1);
    assert_eq!(
        policyholder
            .fields
            .phones
            .dated
            .iter()
            .map(|phone| phone.counts_from)
            .collect::<Vec<_>>(),
        [since, monday()]
    );
}

#[test]
fn pv_16_numbers_count_from_import_before_inception() {
    let before_inception = instant("2026-03-01T09:00:00");
    let (_, state) = contract(vec![])
        .when(import(row("row 1", &[OLD], before_inception)))
        .then_accepted();
    let party = state.current().unwrap().parties.policyholder().clone();
    assert_eq!(party.fields.phones.in_force_at(before_inception), [number(OLD)]);
}

#[test]
fn en_17_an_import_keeps_a_change_of_ours_until_the_core_system_sends_it_back() {
    let later = instant("2026-11-17T09:00:00");
    let mut history = changed(a_contract(), "2026-11-16", monday());
    for digest in ["row 2", "row 3"] {
        let mut row = row(digest, &[OLD], later);
        row.terms.agency_name = format!("見本代理店 {digest}");
        let (events, state) = contract(history.clone()).when(import(row)).then_accepted();
        history.extend(events);
        assert_eq!(numbers(&history, later), [number(NEW)], "{digest}");
        assert!(
            state
                .current()
                .unwrap()
                .parties
                .policyholder()
                .fields
                .phones
                .is_ahead_of_core()
        );
    }
    let (events, _) = contract(history.clone())
        .when(import(row("row 4", &[NEW], later)))
        .then_accepted();
    history.extend(events);
    assert!(
        !current(history.clone())
            .parties
            .policyholder()
            .fields
            .phones
            .is_ahead_of_core()
    );
    // The core system knows it now, so its own later change is taken.
    let (events, _) = contract(history.clone())
        .when(import(row("row 5", &[OLD], later)))
        .then_accepted();
    history.extend(events);
    assert_eq!(numbers(&history, later), [number(OLD)]);
}

#[test]
fn en_17_an_import_leaves_a_scheduled_change_scheduled() {
    let later = instant("2026-11-17T09:00:00");
    for row_phones in [[OLD], [NEW]] {
        let mut history = changed(a_contract(), "2026-12-01", monday());
        let (events, _) = contract(history.clone())
            .when(import(row("row 2", &row_phones, later)))
            .then_accepted();
        history.extend(events);
        assert_eq!(numbers(&history, later), [number(OLD)]);
        assert_eq!(numbers(&history, instant("2026-12-01T00:00:00")), [number(NEW)]);
    }
}

#[test]
fn an_import_that_replaces_the_party_supersedes_its_open_request() {
    let mut history = changed(a_contract(), "2026-12-01", monday());
    let mut replaced = row("row 2", &["03-1234-5678"], monday());
    replaced.policyholder = party("C0009", &["03-1234-5678"], monday());
    let (events, state) = contract(history.clone()).when(import(replaced)).then_accepted();
    assert!(
        matches!(
            &events[..],
            [Event::Imported { .. }, Event::EndorsementSuperseded { .. }]
        ),
        "{events:?}"
    );
    assert_eq!(
        state.current().unwrap().endorsement(request_id(1)).unwrap().state,
        RequestState::Superseded
    );
    history.extend(events);
    assert_eq!(
        numbers(&history, instant("2026-12-02T00:00:00")),
        [number("03-1234-5678")]
    );
    contract(history)
        .when(Command::TakeEffect {
            endorsement_id: request_id(1),
            at: instant("2026-12-01T00:00:00"),
        })
        .then_nothing();
}

#[test]
fn en_3_separating_the_parties_supersedes_what_was_asked_for_both() {
    let history = changed(a_contract(), "2026-12-01", monday());
    let mut separated = row("row 2", &[OLD], monday());
    separated.insured = Some(party("C0002", &["03-1234-5678"], monday()));
    let (events, state) = contract(history).when(import(separated)).then_accepted();
    assert!(
        matches!(
            &events[..],
            [Event::Imported { .. }, Event::EndorsementSuperseded { .. }]
        ),
        "{events:?}"
    );
    let parties = state.current().unwrap().parties.clone();
    let after = instant("2026-12-02T00:00:00");
    let holder = &parties.policyholder().fields;
    assert_eq!(holder.phones.in_force_at(after), [number(OLD)]);
    let insured = &parties.insured().fields;
    assert_eq!(insured.phones.in_force_at(after), [number("03-1234-5678")]);
}

#[test]
fn the_date_of_our_last_change_survives_an_import_that_does_not_know_it() {
    let history = changed(a_contract(), "2026-11-16", monday());
    let mut older = row("row 2", &[NEW], monday());
    older.terms.last_endorsement_date = Some(day("2026-05-01"));
    let (_, state) = contract(history).when(import(older)).then_accepted();
    assert_eq!(
        state.current().unwrap().terms.last_endorsement_date,
        Some(day("2026-11-16"))
    );
}

#[test]
fn en_16_an_older_row_never_overwrites_a_newer_one_and_an_equal_instant_is_no_answer() {
    let newer = row("row 5", &[NEW], monday());
    let (history, _) = contract(a_contract()).when(import(newer)).then_accepted();
    let history: Vec<_> = a_contract().into_iter().chain(history).collect();
    let older = row("row 4", &[OLD], monday());
    contract(history.clone())
        .when(import(older))
        .then_rejected("ROW_OLDER");
    let mut equal = row("row 5", &[OLD], monday());
    equal.row_digest = "another".to_owned();
    contract(history.clone())
        .when(import(equal))
        .then_rejected("ROW_CONTRADICTS");
    contract(history)
        .when(import(row("row 5", &[NEW], monday())))
        .then_nothing();
}

/// The daily file says the same as before; only then, a customer's change that it does not know becomes a difference.
#[test]
fn en_16_the_same_row_written_after_a_change_of_ours_makes_the_difference_seen_once() {
    let mut history = changed(a_contract(), "2026-11-16", monday());
    assert_eq!(current(history.clone()).differences(), []);
    let mut daily = row("row 1", &[OLD], instant("2026-04-01T09:00:00"));
    daily.as_of = AsOf::of(instant("2026-11-17T03:00:00"));
    let (events, _) = contract(history.clone())
        .when(import(daily.clone()))
        .then_accepted();
    assert_eq!(events.len(), 1, "{events:?}");
    history.extend(events);
    let differences = current(history.clone()).differences();
    let [difference] = &differences[..] else {
        panic!("{differences:?}")
    };
    assert_eq!(
        (difference.role, difference.kind),
        (PartyRole::Both, Kind::Phones)
    );
    assert_eq!(difference.contradiction.core_as_of, daily.as_of.row);
    assert_eq!(numbers(&history, monday()), [number(NEW)], "and ours stays");

    daily.as_of = AsOf::of(instant("2026-11-18T03:00:00"));
    contract(history.clone()).when(import(daily)).then_nothing();
    let mut confirming = row("row 2", &[NEW], instant("2026-11-19T03:00:00"));
    confirming.as_of = AsOf::of(instant("2026-11-19T03:00:00"));
    let (events, _) = contract(history.clone()).when(import(confirming)).then_accepted();
    history.extend(events);
    assert_eq!(current(history).differences(), []);
}
