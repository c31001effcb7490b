//! EN-16: good and bad rows, again, and by whom.

use contracts::endorsement::v1 as proto;
use harness::assert_refused;
use testkit::wait_for;
use tonic::Code;

use crate::book::{NEW, OLD, contract_id, instant, new_request_id, person, row, subject, to};
use crate::world::{As, Outcome, SOON, World};

fn refused(field: &str, reason: &str) -> Outcome {
    Outcome::Refused(vec![(field.to_owned(), reason.to_owned())])
}

#[tokio::test]
async fn en_16_good_rows_arrive_bad_rows_are_told_apart_and_importing_again_changes_nothing() {
    let world = World::new().await;
    let mut without_number = row("BAD0000001", "C0001");
    without_number.policyholder.as_mut().unwrap().customer_number = String::new();
    let mut twice = row("AB00000001", "C0001");
    twice.agency_name = "見本代理店".to_owned();
    let rows = vec![
        row("AB00000001", "C0001"),
        without_number,
        row("AB00000002", "C0002"),
        twice,
    ];
    let bad = || {
        [
            refused("policyholder.customer_number", "CUSTOMER_NUMBER_REQUIRED"),
            refused("policy_number", "ROW_REPEATED"),
        ]
    };
    let [number, repeated] = bad();
    assert_eq!(
        world.import(rows.clone()).await,
        [Outcome::Recorded, number, Outcome::Recorded, repeated]
    );
    let [number, repeated] = bad();
    assert_eq!(
        world.import(rows).await,
        [Outcome::Unchanged, number, Outcome::Unchanged, repeated]
    );

    let mut changed = row("AB00000002", "C0002");
    changed.agency_name = "見本代理店".to_owned();
    assert_eq!(world.import(vec![changed]).await, [Outcome::Recorded]);
    let contract = world
        .contract(&As::CallCentre, &contract_id("AB00000002"))
        .await
        .unwrap();
    assert_eq!(contract.version, 1);
}

/// In letters of one byte and of three, nine million bytes, and as 2,500 rows that one stray mark made one cell of: a message
/// that is still read, to name the field.
#[tokio::test]
async fn op_8_an_address_of_three_million_letters_or_of_2500_swallowed_rows_refuses_its_row_alone() {
    let mut world = World::new().await;
    let swallowed = "見本町1-1,,,\nT2CSV0001,,FIRE,INDIVIDUAL,20260401,20270401,T2V0001,".repeat(2_500);
    for address in ["x".repeat(3_000_000), "長".repeat(3_000_000), swallowed] {
        let mut endless = row("AB00000009", "C0009");
        endless.policyholder.as_mut().unwrap().address = address;
        let outcomes = world.import(vec![row("AB00000001", "C0001"), endless]).await;
        assert!(
            matches!(outcomes[0], Outcome::Recorded | Outcome::Unchanged),
            "{outcomes:?}"
        );
        assert_eq!(outcomes[1], refused("policyholder.address", "TEXT_TOO_LONG"));
    }
    world.kill_and_restart().await;
    let contract = world.contract(&As::CallCentre, &contract_id("AB00000009")).await;
    assert_refused(contract, Code::NotFound, "CONTRACT_NOT_FOUND");
    assert_eq!(
        world.import(vec![row("AB00000002", "C0002")]).await,
        [Outcome::Recorded]
    );
}

/// EN-16: what one contract's record has come to is no other row's trouble.
#[tokio::test]
async fn a_contract_whose_record_cannot_be_read_refuses_its_own_row_alone() {
    let world = World::new().await;
    let rows = || vec![row("AB00000001", "C0001"), row("AB00000002", "C0002")];
    world.import(rows()).await;
    sqlx::query("UPDATE store.event SET data = '{}' WHERE stream = $1")
        .bind(format!("endorsement.contract-{}", contract_id("AB00000001")))
        .execute(&world.database.pool)
        .await
        .unwrap();
    assert_eq!(
        world.import(rows()).await,
        [refused("policy_number", "HISTORY_UNREADABLE"), Outcome::Unchanged]
    );
    let policy = |policy_number: &str| proto::PolicyOfCustomer {
        policy_number: policy_number.to_owned(),
        ..proto::PolicyOfCustomer::default()
    };
    let request = proto::CheckPoliciesRequest {
        policies: vec![policy("AB00000001"), policy("AB00000002")],
    };
    let request = world.as_staff("M001", "administrator", request);
    let answer = world.client().check_policies(request).await.unwrap().into_inner();
    assert_eq!(
        answer.matches().collect::<Vec<_>>(),
        [proto::PolicyMatch::Unreadable, proto::PolicyMatch::Known]
    );
}

/// What a name is printed with must not turn the letters beside it, and NUL is in no column of a database.
#[tokio::test]
async fn op_8_control_characters_and_turned_directions_refuse_their_row_by_the_column() {
    let world = World::new().await;
    for (place, field) in [
        "policyholder.name",
        "policyholder.name_kana",
        "policyholder.address",
        "agency_name",
        "insurers[0].name",
    ]
    .into_iter()
    .enumerate()
    {
        let mut bad = row(&format!("AB{place:08}"), "C0001");
        let holder = bad.policyholder.as_mut().unwrap();
        match field {
            "policyholder.name" => "\u{202E}子花".clone_into(&mut holder.name),
            "policyholder.name_kana" => holder.name_kana.push('\0'),
            "policyholder.address" => holder.address.push('\u{2028}'),
            "agency_name" => "a\tb".clone_into(&mut bad.agency_name),
            _ => bad.insurers[0].name.push('\u{2066}'),
        }
        assert_eq!(
            world.import(vec![bad]).await,
            [refused(field, "TEXT_NOT_ONE_LINE")]
        );
    }
    let mut bad = row("AB00000009", "C0001");
    bad.object_address = "東京都\0".to_owned();
    assert_eq!(
        world.import(vec![bad]).await,
        [refused("object_address", "TEXT_CONTROL_CHARACTER")]
    );
}

#[tokio::test]
async fn a_retried_batch_gets_the_same_answers_and_adds_nothing() {
    let mut world = World::new().await;
    let rows: Vec<_> = (0..40)
        .map(|n| row(&format!("AB{n:08}"), &format!("C{n:04}")))
        .collect();
    let request = proto::ImportContractsRequest {
        request_id: new_request_id(),
        rows,
        as_of_us: world.as_of_us(),
        dry_run: false,
    };
    let first = world
        .import_as(&As::Administrator, request.clone())
        .await
        .unwrap();
    assert!(
        first.iter().all(|outcome| *outcome == Outcome::Recorded),
        "{first:?}"
    );
    world.kill_and_restart().await;
    assert_eq!(
        world
            .import_as(&As::Administrator, request.clone())
            .await
            .unwrap(),
        first
    );
    let contract = world
        .contract(&As::CallCentre, &contract_id("AB00000007"))
        .await
        .unwrap();
    assert_eq!(contract.version, 0);

    let mut other = request;
    other.rows[0].agency_name = "見本代理店".to_owned();
    let answer = world.import_as(&As::Administrator, other).await;
    assert_refused(answer, Code::FailedPrecondition, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn only_administrators_import_and_not_without_bounds() {
    let world = World::new().await;
    let request = |rows| proto::ImportContractsRequest {
        request_id: new_request_id(),
        rows,
        as_of_us: world.as_of_us(),
        dry_run: false,
    };
    for caller in [As::Holder("C0001"), As::CallCentre] {
        let answer = world
            .import_as(&caller, request(vec![row("AB00000001", "C0001")]))
            .await;
        assert_refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    }
    let answer = world
        .import_as(
            &As::Administrator,
            request(vec![proto::ContractRow::default(); 501]),
        )
        .await;
    assert_refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT");
    let answer = world
        .import_as(&As::Administrator, proto::ImportContractsRequest::default())
        .await;
    assert_refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT");
}

#[tokio::test]
async fn op_4_an_erased_person_is_shown_empty_and_never_imported_again() {
    let mut world = World::new().await;
    world.import(vec![row("AB00000001", "C0001")]).await;
    world.destroy(subject("C0001")).await;
    // A running service forgets keys after a while; a new one never had them.
    world.kill_and_restart().await;
    let contract = world
        .contract(&As::CallCentre, &contract_id("AB00000001"))
        .await
        .unwrap();
    let insured = contract.insured.unwrap();
    assert_eq!(
        (
            insured.name.as_str(),
            insured.address.unwrap_or_default().as_entered.as_str(),
            contract.object_address.as_str()
        ),
        ("", "", "")
    );
    assert_eq!(
        (insured.phones[0].number.as_str(), insured.phones[0].reason()),
        ("", proto::PhoneUnusable::NumberErased)
    );
    let mut changed = row("AB00000001", "C0001");
    changed.agency_name = "見本代理店".to_owned();
    assert_eq!(
        world.import(vec![changed]).await,
        [refused("policyholder.customer_number", "SUBJECT_ERASED")]
    );
}

/// The bus carries what the store holds (OP-8): what it could not carry is refused row by row, before anything is recorded.
#[tokio::test]
async fn op_8_a_row_that_no_message_could_carry_is_refused_and_the_others_are_recorded() {
    let world = World::new().await;
    let mut swallowed = row("AB00000002", "C0002");
    swallowed.object_address = "見本町".repeat(100_000);
    let rows = vec![row("AB00000001", "C0001"), swallowed, row("AB00000003", "C0003")];
    let outcomes = world.import(rows).await;
    assert_eq!(
        (&outcomes[0], &outcomes[2]),
        (&Outcome::Recorded, &Outcome::Recorded)
    );
    assert!(matches!(&outcomes[1], Outcome::Refused(_)), "{:?}", outcomes[1]);
    let none = world.contract(&As::CallCentre, &contract_id("AB00000002")).await;
    assert_refused(none, Code::NotFound, "CONTRACT_NOT_FOUND");
}

/// contracts-open-end.csv: `period_end` 9999-12-31, how core systems write "no end".
#[tokio::test]
async fn contracts_open_end_csv_a_contract_without_end_is_recorded_and_shown_without_one() {
    let world = World::new().await;
    for (number, end) in [("AB00000001", "9999-12-31"), ("AB00000002", "")] {
        let mut open = row(number, "C0001");
        open.period_end = end.to_owned();
        assert_eq!(world.import(vec![open]).await, [Outcome::Recorded], "{end:?}");
        let contract = world
            .contract(&As::CallCentre, &contract_id(number))
            .await
            .unwrap();
        assert_eq!(contract.period_end_us, None, "{end:?}");
        let phones = contract.insured.unwrap().phones;
        assert!(
            phones.iter().all(|phone| phone.counts_until_us.is_none()),
            "{phones:?}"
        );
    }
}

fn partly(field: &str, reason: &str) -> Outcome {
    Outcome::Partly(vec![(field.to_owned(), reason.to_owned())])
}

#[tokio::test]
async fn en_16_an_unreadable_number_or_email_does_not_keep_the_contract_out() {
    let world = World::new().await;
    let with = |policy: &str, phones: &[&str], email: &str| {
        let mut row = row(policy, "C0001");
        let holder = row.policyholder.as_mut().unwrap();
        *holder = person("C0001", phones);
        email.clone_into(&mut holder.email);
        row
    };
    let rows = vec![
        with("AB00000001", &[OLD, "03-5550-1234(代)"], "a..b@docomo.ne.jp"),
        with("AB00000002", &["+1 212 555 0100"], ""),
        with("AB00000003", &[OLD], "\"a..b\"@docomo.ne.jp"),
    ];
    assert_eq!(
        world.import(rows).await,
        [
            partly("policyholder.phones[1]", "PHONE_NUMBER_UNREADABLE"),
            partly("policyholder.phones[0]", "PHONE_NUMBER_FOREIGN"),
            partly("policyholder.email", "EMAIL_INVALID"),
        ]
    );
    let shown = async |policy: &str| {
        let contract = world
            .contract(&As::CallCentre, &contract_id(policy))
            .await
            .unwrap();
        let insured = contract.insured.unwrap();
        (insured.phones.len(), insured.email)
    };
    assert_eq!(shown("AB00000001").await, (1, "a..b@docomo.ne.jp".to_owned()));
    assert_eq!(shown("AB00000002").await, (0, String::new()));
    assert_eq!(shown("AB00000003").await, (1, String::new()));
}

#[tokio::test]
async fn en_16_an_older_file_never_overwrites_a_newer_one_also_where_the_newer_one_changed_nothing() {
    let mut world = World::new().await;
    let as_of = |day: u8| instant(&format!("2026-11-{day:02}T03:00:00"));
    let said = |agency: &str| {
        let mut row = row("AB00000001", "C0001");
        agency.clone_into(&mut row.agency_name);
        row
    };
    let older = || refused("policy_number", "ROW_OLDER");
    assert_eq!(
        world.import_as_of(said("A"), as_of(10), false).await,
        Outcome::Recorded
    );
    assert_eq!(world.import_as_of(said("B"), as_of(9), false).await, older());
    assert_eq!(
        world.import_as_of(said("B"), as_of(10), false).await,
        refused("policy_number", "ROW_CONTRADICTS")
    );
    // The file of the 12th says again what stands: the one of the 11th comes too late, also after a restart.
    assert_eq!(
        world.import_as_of(said("A"), as_of(12), false).await,
        Outcome::Unchanged
    );
    world.kill_and_restart().await;
    assert_eq!(world.import_as_of(said("B"), as_of(11), false).await, older());
    assert_eq!(
        world.import_as_of(said("A"), as_of(11), false).await,
        Outcome::Unchanged
    );
    assert_eq!(
        world.import_as_of(said("B"), as_of(12), false).await,
        refused("policy_number", "ROW_CONTRADICTS")
    );
    assert_eq!(
        world.import_as_of(said("B"), as_of(13), false).await,
        Outcome::Recorded
    );
}

#[tokio::test]
async fn a_dry_run_says_what_would_become_of_a_row_and_records_nothing() {
    let world = World::new().await;
    let as_of = |day: u8| instant(&format!("2026-11-{day:02}T03:00:00"));
    let mut changed = row("AB00000001", "C0001");
    changed.agency_name = "見本代理店".to_owned();
    let new = row("AB00000001", "C0001");
    for _ in 0..2 {
        assert_eq!(
            world.import_as_of(new.clone(), as_of(10), true).await,
            Outcome::Recorded
        );
    }
    assert_eq!(world.count_events("contract.imported.v1").await, 0);
    world.import_as_of(new.clone(), as_of(10), false).await;
    assert_eq!(world.import_as_of(new, as_of(12), true).await, Outcome::Unchanged);
    assert_eq!(
        world.import_as_of(changed.clone(), as_of(9), true).await,
        refused("policy_number", "ROW_OLDER")
    );
    assert_eq!(
        world.import_as_of(changed, as_of(11), false).await,
        Outcome::Recorded,
        "the dry run as of the 12th confirmed nothing"
    );
}

#[tokio::test]
async fn en_17_a_newer_row_that_contradicts_a_change_is_kept_ahead_and_listed_until_the_core_system_confirms_it()
 {
    let mut world = World::new().await;
    let plain = || row("AB00000001", "C0001");
    world
        .import_as_of(plain(), instant("2026-11-10T03:00:00"), false)
        .await;
    world
        .import_as_of(row("AB00000002", "C0001"), instant("2026-11-10T03:00:00"), false)
        .await;
    for policy in ["AB00000001", "AB00000002"] {
        let change = to(&contract_id(policy), &[NEW], "2026-11-16");
        world.change(&As::Holder("C0001"), &change).await;
    }
    // Written before the change: the core system could not know it.
    let before = instant("2026-11-16T03:00:00");
    assert_eq!(
        world.import_as_of(plain(), before, false).await,
        Outcome::Unchanged
    );
    assert_eq!(world.differences().await, []);

    world.advance(24 * 3600);
    let daily = instant("2026-11-17T03:00:00");
    let kept = || {
        let told = ("policyholder.phones".to_owned(), "CHANGED_ONLINE".to_owned());
        Outcome::KeptAhead(vec![told])
    };
    assert_eq!(world.import_as_of(plain(), daily, true).await, kept());
    assert_eq!(world.differences().await, [], "a dry run changes no list");
    for policy in ["AB00000001", "AB00000002"] {
        assert_eq!(
            world.import_as_of(row(policy, "C0001"), daily, false).await,
            kept()
        );
    }
    let listed = |policy: &str| (policy.to_owned(), "BOTH".to_owned(), "phones".to_owned());
    wait_for("both to be listed", SOON, async || {
        (world.differences().await.len() == 2).then_some(())
    })
    .await;
    world.kill_and_restart().await;
    let mut found = world.differences().await;
    found.sort();
    assert_eq!(found, [listed("AB00000001"), listed("AB00000002")]);
    let phones = async |world: &World| {
        let contract = world
            .contract(&As::CallCentre, &contract_id("AB00000001"))
            .await
            .unwrap();
        let phones = contract.insured.unwrap().phones.into_iter();
        phones.map(|phone| phone.number).collect::<Vec<_>>()
    };
    assert_eq!(phones(&world).await, [NEW], "and the customer's number stays");

    let mut confirming = plain();
    confirming.policyholder = Some(person("C0001", &[NEW]));
    let next = instant("2026-11-17T09:00:00");
    assert_eq!(
        world.import_as_of(confirming, next, false).await,
        Outcome::Recorded
    );
    assert_eq!(world.differences().await, [listed("AB00000002")]);
}

#[tokio::test]
async fn policies_are_known_unknown_or_somebody_elses() {
    let world = World::new().await;
    world.import(vec![row("AB00000001", "C0001")]).await;
    let policy = |policy_number: &str, customer_number: &str| proto::PolicyOfCustomer {
        policy_number: policy_number.to_owned(),
        branch_number: String::new(),
        customer_number: customer_number.to_owned(),
    };
    let request = proto::CheckPoliciesRequest {
        policies: vec![
            policy("ＡＢ-0000-0001", "C0001"),
            policy("AB00000001", "C0002"),
            policy("NOSUCH0001", "C0001"),
            policy("?", "C0001"),
        ],
    };
    let request = world.call(&As::Administrator, request);
    let answer = world.client().check_policies(request).await.unwrap().into_inner();
    let matches: Vec<_> = answer.matches().collect();
    assert_eq!(
        matches,
        [
            proto::PolicyMatch::Known,
            proto::PolicyMatch::OtherCustomer,
            proto::PolicyMatch::Unknown,
            proto::PolicyMatch::Unknown
        ]
    );
    let too_many = proto::CheckPoliciesRequest {
        policies: vec![policy("AB00000001", "C0001"); 501],
    };
    let request = world.call(&As::Administrator, too_many);
    let refused = world.client().check_policies(request).await.unwrap_err();
    assert_eq!(
        harness::violations(&refused),
        [("policies".to_owned(), "LIST_TOO_LONG".to_owned())]
    );
}
