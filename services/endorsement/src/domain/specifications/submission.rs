//! EN-7, EN-8, PV-15: from review to acceptance.

use super::*;

/// The one change of a review, which is of numbers.
fn phones_of(review: &Review) -> &ReviewedPhones {
    let [change] = &review.changes[..] else {
        panic!("{review:?}")
    };
    let Reviewed::Phones(phones) = &change.content else {
        panic!("{change:?}")
    };
    phones
}

#[test]
fn en_8_a_change_for_today_is_accepted_and_effective_at_once() {
    let history = a_contract();
    let submission = submission(
        &history,
        asked(phones(Section::Insured, &[NEW]), "2026-11-16"),
        monday(),
    );
    let token = submission.confirm_token.clone();
    let request = RequestSummary {
        endorsement_id: request_id(1),
        receipt_number: "E20261116-00000001".to_owned(),
        policyholder: holder(),
        fields: vec!["insured.phones".to_owned()],
        effective_date: day("2026-11-16"),
        effective_at: monday(),
        submitted_at: monday(),
    };
    let before = PartyField::of_row(holder(), [number(OLD)], instant("2026-04-01T09:00:00"));
    let after = contract(history).when(submit(submission)).then([
        Event::EndorsementSubmitted {
            request: request.clone(),
            account: requester().account,
            changes: vec![Change {
                section: Section::Insured,
                role: PartyRole::Both,
                subject: holder(),
                content: Content::Phones(Replacement {
                    before,
                    after: vec![Personal::new(holder(), number(NEW))],
                }),
            }],
            insurers: terms().insurers,
            confirm_token: token,
            acknowledged_warnings: vec![],
        },
        Event::PartyFieldChanged {
            role: PartyRole::Both,
            subject: holder(),
            field: FieldContent::Phones(PartyField {
                ahead: Some(Ahead {
                    since: monday(),
                    core: vec![Personal::new(holder(), number(OLD))],
                    core_as_of: None,
                }),
                ..PartyField::of_row(holder(), [number(NEW)], monday())
            }),
            endorsement_id: Some(request_id(1)),
            period_end: terms().period_end,
        },
        Event::EndorsementEffective { request },
    ]);
    let current = after.current().unwrap();
    assert_eq!(current.terms.last_endorsement_date, Some(day("2026-11-16")));
    assert_eq!(
        current.endorsement(request_id(1)).unwrap().state,
        RequestState::Effective
    );
}

#[test]
fn en_7_a_later_date_takes_effect_at_midnight_in_japan_and_the_event_says_so_now() {
    let history = changed(a_contract(), "2026-12-01", monday());
    let midnight = instant("2026-12-01T00:00:00");
    assert_eq!(numbers(&history, instant("2026-11-30T23:59:59")), [number(OLD)]);
    assert_eq!(numbers(&history, midnight), [number(NEW)]);
    let current = current(history);
    assert_eq!(
        current.endorsement(request_id(1)).unwrap().state,
        RequestState::Scheduled
    );
    assert_eq!(
        current.endorsement(request_id(1)).unwrap().summary.effective_at,
        midnight
    );
    assert_eq!(current.terms.last_endorsement_date, None);
}

#[test]
fn en_9_the_review_shows_insurers_before_and_after() {
    let review = review(
        &a_contract(),
        &asked(phones(Section::Insured, &[NEW, "050-1111-2222"]), "2026-11-16"),
        monday(),
    );
    let review = review.unwrap();
    assert_eq!(review.insurers, terms().insurers);
    let reviewed = phones_of(&review);
    assert_eq!(reviewed.before, [number(OLD)]);
    let after = reviewed.after.iter();
    let verdicts: Vec<_> = after.map(|phone| phone.login.reason()).collect();
    assert_eq!(verdicts, ["", "IP_PHONE_050"]);
    assert_eq!(review.warnings, []);
}

#[test]
fn en_8_a_review_is_the_same_however_often_it_is_asked() {
    let asked = asked(phones(Section::Insured, &[NEW]), "2026-12-01");
    let key = ConfirmKey::new(KEY);
    let one = review(&a_contract(), &asked, monday()).unwrap();
    let other = review(&a_contract(), &asked, instant("2026-11-16T10:05:00")).unwrap();
    assert_eq!(one.token(&key).unwrap(), other.token(&key).unwrap());
    assert_ne!(
        one.token(&key).unwrap(),
        one.token(&ConfirmKey::new([8; 32])).unwrap()
    );
}

#[test]
fn en_8_any_drift_is_refused_as_changed_content() {
    let history = a_contract();
    let good = submission(
        &history,
        asked(phones(Section::Insured, &[NEW]), "2026-12-01"),
        monday(),
    );
    let drifted = [
        Submit {
            confirm_token: String::new(),
            ..good.clone()
        },
        Submit {
            confirm_token: "not hexadecimal".to_owned(),
            ..good.clone()
        },
        Submit {
            asked: asked(phones(Section::Insured, &["080-3333-5555"]), "2026-12-01"),
            ..good.clone()
        },
        Submit {
            asked: asked(phones(Section::Insured, &[NEW]), "2026-12-02"),
            ..good.clone()
        },
        Submit {
            requester: Requester {
                account: AccountId::from_uuid(Uuid::from_u128(2)),
                ..requester()
            },
            ..good.clone()
        },
    ];
    for submission in drifted {
        contract(history.clone())
            .when(submit(submission))
            .then_rejected("CONTENT_CHANGED");
    }
    let mut imported_meanwhile = history.clone();
    imported_meanwhile.push(imported(row("row 2", &[OLD], monday())));
    contract(imported_meanwhile)
        .when(submit(good.clone()))
        .then_rejected("CONTENT_CHANGED");
    contract(history).when(submit(good)).then_accepted();
}

#[test]
fn pv_15_a_change_that_leaves_no_usable_number_needs_confirmation() {
    let history = a_contract();
    let asked = asked(phones(Section::Insured, &["050-1111-2222"]), "2026-11-16");
    let warnings = review(&history, &asked, monday()).unwrap().warnings;
    assert_eq!(
        warnings,
        [ReviewWarning {
            reason: "NO_USABLE_PHONE_LEFT",
            needs_acknowledgement: true
        }]
    );
    let unconfirmed = submission(&history, asked, monday());
    contract(history.clone())
        .when(submit(unconfirmed.clone()))
        .then_rejected("WARNING_NOT_ACKNOWLEDGED");
    let acknowledged_warnings = BTreeSet::from(["NO_USABLE_PHONE_LEFT".to_owned()]);
    contract(history)
        .when(submit(Submit {
            acknowledged_warnings,
            ..unconfirmed
        }))
        .then_accepted();
}

#[test]
fn pv_4_a_060_number_is_judged_at_the_instant_it_would_begin_to_count() {
    let eve = instant("2026-06-30T12:00:00");
    let warnings = |effective| {
        review(
            &a_contract(),
            &asked(phones(Section::Insured, &["060-1111-2222"]), effective),
            eve,
        )
        .unwrap()
        .warnings
    };
    assert_eq!(warnings("2026-06-30").len(), 1);
    assert_eq!(warnings("2026-07-01"), []);
}

#[test]
fn pv_7_a_separate_insureds_numbers_lock_nobody_out() {
    let mut separate = row("row 1", &[OLD], monday());
    separate.insured = Some(party("C0002", &["03-1234-5678"], monday()));
    let history = vec![imported(separate)];
    let insured = review(
        &history,
        &asked(phones(Section::Insured, &["050-1111-2222"]), "2026-11-16"),
        monday(),
    );
    let insured = insured.unwrap();
    assert_eq!(insured.warnings, []);
    assert_eq!(
        phones_of(&insured).after[0].login.reason(),
        "NOT_POLICYHOLDERS_NUMBER"
    );
    let holder = review(
        &history,
        &asked(phones(Section::Policyholder, &["050-1111-2222"]), "2026-11-16"),
        monday(),
    );
    assert_eq!(holder.unwrap().warnings.len(), 1);
}
