//! EN-3 to EN-7, EN-13, EN-15: what is refused, and what the answer says.

use decider::Problem;

use super::*;

/// Reviewing and submitting refuse alike; gives the refusal.
fn refused(history: Vec<Event>, asked: Asked, reason: &str) -> Problem {
    let reviewed = review(&history, &asked, monday()).unwrap_err();
    assert_eq!(decider::Explain::explain(&reviewed).reason, reason);
    let submission = submission(&history, asked, monday());
    contract(history).when(submit(submission)).then_rejected(reason)
}

fn to_new(section: Section) -> Asked {
    asked(phones(section, &[NEW]), "2026-11-16")
}

#[test]
fn en_3_the_policyholders_section_of_an_insured_policyholder_is_refused() {
    let problem = refused(a_contract(), to_new(Section::Policyholder), "USE_INSURED_SECTION");
    assert_eq!(problem.violations[0].field, "items[0].section");
}

#[test]
fn en_4_a_name_changes_only_through_the_call_centre_and_the_answer_names_it_before_anything_else() {
    let name = AskedItem {
        index: 0,
        section: Section::Insured,
        change: AskedChange::Name,
    };
    let asked = Asked {
        items: vec![name],
        effective_date: None,
        malformed: vec![],
    };
    let problem = refused(a_contract(), asked.clone(), "NAME_CHANGE_BY_CALL_CENTRE");
    assert_eq!(problem.metadata["contact_name_ja"], "コールセンター");
    assert_eq!(problem.metadata["contact_open_now"], "true");
    assert!(!problem.metadata.contains_key("contact_opens_at"));
    let at_night = review(&a_contract(), &asked, instant("2026-11-16T23:00:00")).unwrap_err();
    let problem = decider::Explain::explain(&at_night);
    assert_eq!(problem.metadata["contact_open_now"], "false");
    assert!(
        problem.metadata.contains_key("contact_opens_at"),
        "OP-2: when next"
    );
}

#[test]
fn en_5_a_contract_that_is_not_handled_online_says_so_with_reason_and_route() {
    let mut offline = row("row 1", &[OLD], monday());
    offline.terms.offline_reason = Some("PLEDGED".to_owned());
    let asked = Asked {
        effective_date: None,
        ..to_new(Section::Insured)
    };
    let problem = refused(vec![imported(offline)], asked, "CONTRACT_NOT_ONLINE");
    assert_eq!(problem.metadata["offline_reason"], "PLEDGED");
    assert_eq!(problem.metadata["contact_topic"], "CONTRACTS");
}

#[test]
fn id_2_group_and_corporate_contracts_are_refused_with_every_reason() {
    let mut group = row("row 1", &[OLD], monday());
    group.terms.kind = ContractKind::Group;
    group.policyholder.kind = PartyKind::Corporate;
    let problem = refused(
        vec![imported(group)],
        to_new(Section::Insured),
        "CONTRACT_NOT_ELIGIBLE",
    );
    assert_eq!(
        problem.metadata["reasons"],
        "GROUP_CONTRACT,CORPORATE_POLICYHOLDER"
    );
}

#[test]
fn en_6_what_already_stands_makes_no_request() {
    refused(
        a_contract(),
        asked(
            phones(Section::Insured, &["０９０（１１１１）２２２２"]),
            "2026-11-16",
        ),
        "NOTHING_TO_CHANGE",
    );
}

#[test]
fn en_7_the_effective_date_is_required_not_past_and_not_too_far() {
    let with = |date: Option<&str>| Asked {
        effective_date: date.map(day),
        ..to_new(Section::Insured)
    };
    let problem = refused(a_contract(), with(None), "INVALID_ARGUMENT");
    let missing = &problem.violations[0];
    assert_eq!(
        (&*missing.field, missing.reason),
        ("effective_date", "EFFECTIVE_DATE_REQUIRED")
    );
    let problem = refused(a_contract(), with(Some("2026-11-15")), "EFFECTIVE_DATE_PAST");
    assert_eq!(problem.metadata["today"], "2026-11-16");
    refused(a_contract(), with(Some("2036-11-16")), "EFFECTIVE_DATE_TOO_FAR");
}

#[test]
fn all_that_is_malformed_is_told_in_one_answer() {
    let malformed = vec![Violation::new(
        "items[0].phones.numbers[1]",
        "PHONE_NUMBER_FOREIGN",
    )];
    let asked = Asked {
        malformed,
        effective_date: Some(day("2026-11-15")),
        ..to_new(Section::Insured)
    };
    let problem = refused(a_contract(), asked, "INVALID_ARGUMENT");
    let fields: Vec<_> = problem
        .violations
        .iter()
        .map(|violation| (&*violation.field, violation.reason))
        .collect();
    assert_eq!(
        fields,
        [
            ("items[0].phones.numbers[1]", "PHONE_NUMBER_FOREIGN"),
            ("effective_date", "EFFECTIVE_DATE_PAST")
        ]
    );
}

#[test]
fn en_13_a_second_request_on_the_same_numbers_is_refused_while_one_is_open() {
    let history = changed(a_contract(), "2026-12-01", monday());
    let again = asked(phones(Section::Insured, &["080-5555-6666"]), "2026-11-16");
    let problem = refused(history, again, "OPEN_REQUEST_EXISTS");
    assert_eq!(problem.metadata["receipt_number"], "E20261116-00000001");
    assert_eq!(problem.metadata["effective_date"], "2026-12-01");
}

#[test]
fn en_13_requests_on_different_parties_stand_side_by_side() {
    let mut separate = row("row 1", &[OLD], monday());
    separate.insured = Some(party("C0002", &["03-1234-5678"], monday()));
    let history = changed(vec![imported(separate)], "2026-12-01", monday());
    let mut second = submission(
        &history,
        asked(phones(Section::Policyholder, &[NEW]), "2026-12-01"),
        monday(),
    );
    second.endorsement_id = request_id(2);
    let (_, state) = contract(history).when(submit(second)).then_accepted();
    assert_eq!(state.current().unwrap().open_requests(monday()).count(), 2);
}

#[test]
fn en_15_a_phone_change_needs_a_session_verified_by_call() {
    let history = a_contract();
    let mut submission = submission(&history, to_new(Section::Insured), monday());
    submission.requester.call_verified = false;
    contract(history)
        .when(submit(submission))
        .then_rejected("CALL_VERIFICATION_REQUIRED");
}

#[test]
fn somebody_elses_contract_reads_like_a_missing_one() {
    let stranger = Requester {
        subjects: BTreeSet::from([SubjectId::of_customer(&customer("C0099"))]),
        ..requester()
    };
    let mut theirs = submission(&a_contract(), to_new(Section::Insured), monday());
    theirs.requester = stranger.clone();
    let mine = submission(&a_contract(), to_new(Section::Insured), monday());
    let one = contract(a_contract())
        .when(submit(theirs))
        .then_rejected("CONTRACT_NOT_FOUND");
    let other = contract(vec![])
        .when(submit(mine))
        .then_rejected("CONTRACT_NOT_FOUND");
    assert_eq!(one, other);
    let history = changed(a_contract(), "2026-12-01", monday());
    contract(history)
        .when(Command::Withdraw {
            endorsement_id: request_id(1),
            requester: stranger,
            at: monday(),
        })
        .then_rejected("CONTRACT_NOT_FOUND");
}
