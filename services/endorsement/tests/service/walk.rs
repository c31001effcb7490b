//! Every reason in `messages.toml`, met over gRPC and read in both languages: refusals, rows of an import, verdicts on
//! numbers and warnings. One row each; a reason without a row fails.

use contracts::endorsement::v1 as proto;
use contracts::endorsement::v1::endorsement_item::Change as Content;
use endorsement::Endorsement;
use service::Service as _;
use testkit::walk::{LANGUAGES, Refusal, Walk};
use tonic::Code::{FailedPrecondition, NotFound, PermissionDenied};
use tonic::Status;

use crate::book::{Change, NEW, OLD, contract_id, instant, new_request_id, person, phones, row, subject, to};
use crate::mistakes::MISTAKES;
use crate::world::{As, World};

const HOLDER: As = As::Holder("C0001");
const TODAY: &str = "2026-11-16";

/// Numbers with the verdict that stands beside them before July 2026, when 060 opens (PV-4).
const VERDICTS: [(&str, &str); 11] = [
    ("050-1234-5678", "IP_PHONE_050"),
    ("0120-123-456", "FREEPHONE_0120"),
    ("0800-123-4567", "FREEPHONE_0800"),
    ("0570-123-456", "NAVI_DIAL_0570"),
    ("0990-123-456", "PREMIUM_0990"),
    ("0180-123-456", "TELEVOTE_0180"),
    ("0170-123-456", "MESSAGING_0170"),
    ("020-1234-5678", "MACHINE_020"),
    ("0600-123-4567", "PERSONAL_0600"),
    ("060-1234-5678", "RANGE_NOT_OPEN"),
    ("03-1234-56789", "UNKNOWN_RANGE"),
];

#[tokio::test]
async fn every_reason_is_met_as_customers_and_staff_read_it() {
    let mut world = World::new().await;
    let mut walk = Walk::through(Endorsement::NAME);
    world.clock.set(instant("2026-06-01T10:00:00"));
    import_the_book(&world).await;
    verdicts(&mut world, &mut walk).await;
    world.clock.set(instant("2026-11-16T10:00:00"));
    routes(&mut world).await;
    contracts(&mut world, &mut walk).await;
    fields(&mut world, &mut walk).await;
    changes(&mut world, &mut walk).await;
    rows(&mut world, &mut walk).await;
    kept_ahead(&mut world, &mut walk).await;
    erased(&mut world, &mut walk).await;
    walk.covers(Endorsement::MESSAGES);
}

async fn import_the_book(world: &World) {
    let offline = proto::ContractRow {
        offline_reason: "PLEDGED".to_owned(),
        ..row("OFFLINE001", "C0001")
    };
    let mut company = row("COMPANY001", "C0005");
    company.kind = "GROUP".into();
    let holder = company.policyholder.as_mut().unwrap();
    holder.kind = "CORPORATE".into();
    holder.birth_date = String::new();
    let mut numbers = row("NUMBERS001", "C0001");
    numbers.policyholder = Some(person("C0001", &VERDICTS.map(|(number, _)| number)));
    numbers.insured = Some(person("C0002", &[OLD]));
    let ended = proto::ContractRow {
        period_start: "2020-04-01".to_owned(),
        period_end: "2021-04-01".to_owned(),
        ..row("ENDED00001", "C0001")
    };
    let rows = vec![
        row("PLAIN00001", "C0001"),
        row("PLAIN00002", "C0001"),
        row("THEIRS0001", "C0009"),
        offline,
        company,
        numbers,
        ended,
    ];
    world.import(rows).await;
}

/// A row that contradicts what its customer changed online.
async fn kept_ahead(world: &mut World, walk: &mut Walk) {
    world.import(vec![row("AHEAD00001", "C0001")]).await;
    let change = to(&contract_id("AHEAD00001"), &[NEW], TODAY);
    world.change(&HOLDER, &change).await;
    let mut told = Vec::new();
    for language in LANGUAGES {
        world.language = language;
        let request = proto::ImportContractsRequest {
            request_id: new_request_id(),
            rows: vec![row("AHEAD00001", "C0001")],
            as_of_us: world.as_of_us(),
            dry_run: false,
        };
        let request = world.call(&As::Administrator, request);
        let answer = world.client().import_contracts(request).await.unwrap();
        told.push(answer.into_inner().results.remove(0).problems.remove(0));
    }
    assert_eq!(told[0].reason, "CHANGED_ONLINE");
    walk.text("CHANGED_ONLINE", &told[0].message, &told[1].message);
}

/// A call that is to be refused.
enum Call {
    Contract(String),
    Prepare(As, Change),
    Submit(As, Change, String),
    Withdraw(proto::Endorsement),
    Endorsement(proto::Endorsement),
    Import(Vec<proto::ContractRow>),
}

async fn ask(world: &World, call: &Call) -> Status {
    let refused = match call {
        Call::Contract(id) => world.contract(&HOLDER, id).await.err(),
        Call::Prepare(caller, change) => world.prepare(caller, change).await.err(),
        Call::Submit(caller, change, token) => {
            world.submit(caller, change, &new_request_id(), token).await.err()
        }
        Call::Withdraw(of) => world.withdraw(&HOLDER, of, &new_request_id()).await.err(),
        Call::Endorsement(of) => world.endorsement(&HOLDER, of).await.err(),
        Call::Import(rows) => {
            let request = proto::ImportContractsRequest {
                request_id: new_request_id(),
                rows: rows.clone(),
                as_of_us: world.as_of_us(),
                dry_run: false,
            };
            world.import_as(&As::Administrator, request).await.err()
        }
    };
    refused.expect("the call is refused")
}

async fn refused(world: &mut World, walk: &mut Walk, table: Vec<(Call, Refusal)>) {
    for (call, expected) in table {
        let mut answers = Vec::new();
        for language in LANGUAGES {
            world.language = language;
            answers.push(ask(world, &call).await);
        }
        walk.refused(&expected, [&answers[0], &answers[1]]);
    }
}

/// A field that is wrong alone names itself.
fn wrong(field: &'static str, reason: &'static str) -> Refusal {
    Refusal::invalid(field, reason)
}

fn prepare(change: Change) -> Call {
    Call::Prepare(HOLDER, change)
}

/// OP-2: whom to call is told in the caller's language too.
async fn routes(world: &mut World) {
    let mut routes = Vec::new();
    for language in LANGUAGES {
        world.language = language;
        let contract = world.contract(&HOLDER, &contract_id("PLAIN00001")).await;
        routes.push(contract.unwrap().contact.unwrap());
    }
    assert!(routes[0].name != routes[1].name && routes[0].hours != routes[1].hours);
    assert!(routes[1].name.is_ascii() && routes[1].hours.contains("JST"));
}

/// Contracts that cannot be changed here, by this caller or in this section.
async fn contracts(world: &mut World, walk: &mut Walk) {
    let of = |policy: &str| to(&contract_id(policy), &[NEW], TODAY);
    let name = proto::NameChange {
        name: "見本　桜子".to_owned(),
        name_kana: "ミホン　サクラコ".to_owned(),
    };
    let renamed = Change {
        items: vec![proto::EndorsementItem {
            section: proto::Section::Insured.into(),
            change: Some(Content::Name(name)),
        }],
        ..of("PLAIN00001")
    };
    let as_policyholder = Change {
        items: vec![phones(proto::Section::Policyholder, &[NEW])],
        ..of("PLAIN00001")
    };
    let not_eligible = Refusal::new(FailedPrecondition, "CONTRACT_NOT_ELIGIBLE")
        .field("contract_id", "GROUP_CONTRACT")
        .field("contract_id", "CORPORATE_POLICYHOLDER");
    let table = vec![
        (
            Call::Contract("PLAIN00001".to_owned()),
            Refusal::invalid("contract_id", "CONTRACT_ID_INVALID"),
        ),
        (
            Call::Contract(contract_id("THEIRS0001")),
            Refusal::new(NotFound, "CONTRACT_NOT_FOUND"),
        ),
        (Call::Prepare(As::Holder("C0005"), of("COMPANY001")), not_eligible),
        (
            prepare(of("OFFLINE001")),
            Refusal::new(FailedPrecondition, "CONTRACT_NOT_ONLINE"),
        ),
        (
            prepare(renamed),
            Refusal::new(FailedPrecondition, "NAME_CHANGE_BY_CALL_CENTRE"),
        ),
        (
            prepare(as_policyholder),
            Refusal::new(FailedPrecondition, "USE_INSURED_SECTION")
                .field("items[0].section", "USE_INSURED_SECTION"),
        ),
    ];
    refused(world, walk, table).await;
}

/// Fields of a change that cannot be taken.
async fn fields(world: &mut World, walk: &mut Walk) {
    let id = contract_id("PLAIN00001");
    let dated = |date: &str| prepare(to(&id, &[NEW], date));
    let numbered = |numbers: &[&str]| prepare(to(&id, numbers, TODAY));
    let with = |items| {
        prepare(Change {
            items,
            ..to(&id, &[], TODAY)
        })
    };
    let insured = || phones(proto::Section::Insured, &[NEW]);
    let nothing = proto::EndorsementItem {
        section: proto::Section::Insured.into(),
        change: None,
    };
    let numbers = "items[0].phones.numbers";
    let first = "items[0].phones.numbers[0]";
    let table = vec![
        (with(vec![]), wrong("items", "ITEMS_REQUIRED")),
        (
            with(vec![phones(proto::Section::Unspecified, &[NEW])]),
            wrong("items[0].section", "SECTION_REQUIRED"),
        ),
        (
            with(vec![insured(), insured()]),
            wrong("items[1]", "CHANGE_REPEATED"),
        ),
        (with(vec![nothing]), wrong("items[0]", "CHANGE_REQUIRED")),
        (numbered(&[]), wrong(numbers, "PHONES_REQUIRED")),
        (
            numbered(&[NEW, OLD, "03-1234-5678", "06-1234-5678"]),
            wrong(numbers, "LIST_TOO_LONG"),
        ),
        (
            numbered(&[NEW, NEW]),
            wrong("items[0].phones.numbers[1]", "PHONE_REPEATED"),
        ),
        (numbered(&["－"]), wrong(first, "PHONE_NUMBER_EMPTY")),
        (numbered(&["電話"]), wrong(first, "PHONE_NUMBER_UNREADABLE")),
        (numbered(&["090-1"]), wrong(first, "PHONE_NUMBER_WRONG_LENGTH")),
        (
            numbered(&["+1 212 555 0100"]),
            wrong(first, "PHONE_NUMBER_FOREIGN"),
        ),
        (dated(""), wrong("effective_date", "EFFECTIVE_DATE_REQUIRED")),
        (dated("today"), wrong("effective_date", "EFFECTIVE_DATE_INVALID")),
        (
            dated("2026-11-15"),
            wrong("effective_date", "EFFECTIVE_DATE_PAST"),
        ),
        (
            dated("2036-11-16"),
            wrong("effective_date", "EFFECTIVE_DATE_TOO_FAR"),
        ),
    ];
    refused(world, walk, table).await;
}

/// PV-15: a change that leaves no usable number warns in both languages; the confirm token of what was shown.
async fn warned(world: &mut World, walk: &mut Walk, unusable: &Change) -> String {
    let mut warnings = Vec::new();
    let mut token = String::new();
    for language in LANGUAGES {
        world.language = language;
        let review = world.prepare(&HOLDER, unusable).await.unwrap();
        warnings.extend(review.warnings);
        token = review.confirm_token;
    }
    assert_eq!(warnings[0].reason, "NO_USABLE_PHONE_LEFT");
    walk.text("NO_USABLE_PHONE_LEFT", &warnings[0].message, &warnings[1].message);
    token
}

/// The way of a change, and what a number's verdict and a warning say on it.
async fn changes(world: &mut World, walk: &mut Walk) {
    let (id, other) = (contract_id("PLAIN00001"), contract_id("PLAIN00002"));
    let scheduled = world
        .change(&HOLDER, &to(&other, &[NEW], "2026-12-01"))
        .await
        .endorsement
        .unwrap();
    let effective = world
        .change(&HOLDER, &to(&id, &[NEW], TODAY))
        .await
        .endorsement
        .unwrap();
    let insured = |contract: proto::Contract| contract.insured.unwrap().phones.remove(1);
    shown(
        world,
        walk,
        async |world| insured(world.contract(&HOLDER, &other).await.unwrap()),
        "NOT_YET_IN_FORCE",
    )
    .await;

    let unusable = to(&id, &["050-1234-5678"], TODAY);
    let token = warned(world, walk, &unusable).await;

    let named = |endorsement_id| proto::Endorsement {
        endorsement_id,
        ..effective.clone()
    };
    let table = vec![
        (
            prepare(to(&id, &[NEW], TODAY)),
            Refusal::new(FailedPrecondition, "NOTHING_TO_CHANGE"),
        ),
        (
            prepare(to(&other, &[OLD], TODAY)),
            Refusal::new(FailedPrecondition, "OPEN_REQUEST_EXISTS"),
        ),
        (
            Call::Submit(As::Unverified("C0001"), unusable.clone(), token.clone()),
            Refusal::new(PermissionDenied, "CALL_VERIFICATION_REQUIRED"),
        ),
        (
            Call::Submit(HOLDER, unusable.clone(), "00".to_owned()),
            Refusal::new(FailedPrecondition, "CONTENT_CHANGED"),
        ),
        (
            Call::Submit(HOLDER, unusable, token),
            Refusal::new(FailedPrecondition, "WARNING_NOT_ACKNOWLEDGED")
                .field("acknowledged_warnings", "WARNING_NOT_ACKNOWLEDGED"),
        ),
        (
            Call::Endorsement(named(effective.receipt_number.clone())),
            Refusal::invalid("endorsement_id", "ENDORSEMENT_ID_INVALID"),
        ),
        (
            Call::Endorsement(named(subject("C0001").to_string())),
            Refusal::new(NotFound, "ENDORSEMENT_NOT_FOUND"),
        ),
        (
            Call::Withdraw(effective),
            Refusal::new(FailedPrecondition, "ENDORSEMENT_NOT_OPEN"),
        ),
    ];
    refused(world, walk, table).await;
    world
        .withdraw(&HOLDER, &scheduled, &new_request_id())
        .await
        .unwrap();
}

/// A number that is shown with its verdict, in both languages.
async fn shown(world: &mut World, walk: &mut Walk, look: impl AsyncFn(&World) -> proto::Phone, reason: &str) {
    let mut seen = Vec::new();
    for language in LANGUAGES {
        world.language = language;
        seen.push(look(world).await);
    }
    assert_eq!(
        seen[0].reason().as_str_name(),
        format!("PHONE_UNUSABLE_{reason}"),
        "{:?}",
        seen[0]
    );
    assert!(!seen[0].usable_for_login);
    walk.text(reason, &seen[0].message, &seen[1].message);
}

/// PV-15: each number is shown with why it cannot be used.
async fn verdicts(world: &mut World, walk: &mut Walk) {
    let numbers = contract_id("NUMBERS001");
    for (place, (_, reason)) in VERDICTS.iter().enumerate() {
        let look = async |world: &World| {
            let contract = world.contract(&HOLDER, &numbers).await.unwrap();
            contract.policyholder.unwrap().phones.remove(place)
        };
        shown(world, walk, look, reason).await;
    }
    let first = async |world: &World, policy: &str| {
        let contract = world.contract(&As::CallCentre, &contract_id(policy)).await;
        contract.unwrap().insured.unwrap().phones.remove(0)
    };
    let insured = async |world: &World| first(world, "NUMBERS001").await;
    shown(world, walk, insured, "NOT_POLICYHOLDERS_NUMBER").await;
    let ended = async |world: &World| first(world, "ENDED00001").await;
    shown(world, walk, ended, "CONTRACT_ENDED").await;
}

/// OP-4: whoever was erased has no number left to show.
async fn erased(world: &mut World, walk: &mut Walk) {
    world.destroy(subject("C0009")).await;
    // A running service forgets keys after a while; a new one never had them.
    world.kill_and_restart().await;
    let look = async |world: &World| {
        let contract = world.contract(&As::CallCentre, &contract_id("THEIRS0001")).await;
        contract.unwrap().insured.unwrap().phones.remove(0)
    };
    shown(world, walk, look, "NUMBER_ERASED").await;
}

async fn rows(world: &mut World, walk: &mut Walk) {
    let too_many = vec![proto::ContractRow::default(); 501];
    let table = vec![(Call::Import(too_many), Refusal::invalid("rows", "LIST_TOO_LONG"))];
    refused(world, walk, table).await;

    let mut rows: Vec<_> = (MISTAKES.iter().enumerate())
        .map(|(place, (.., make))| {
            let mut row = row(&format!("BAD{place:07}"), "C0001");
            make(&mut row);
            row
        })
        .collect();
    rows.extend([row("PLAIN00001", "C0001"), row("PLAIN00001", "C0001")]);
    let mut answers = Vec::new();
    for language in LANGUAGES {
        world.language = language;
        let request = proto::ImportContractsRequest {
            request_id: new_request_id(),
            rows: rows.clone(),
            as_of_us: world.as_of_us(),
            dry_run: false,
        };
        let request = world.call(&As::Administrator, request);
        let answer = world.client().import_contracts(request).await.unwrap();
        let problems = answer.into_inner().results.into_iter().map(|row| row.problems);
        answers.push(problems.filter(|row| !row.is_empty()).collect::<Vec<_>>());
    }
    let expected = MISTAKES.iter().map(|(field, reason, _)| (*field, *reason));
    let plain = [
        ("policyholder.phones", "CHANGED_ONLINE"),
        ("policy_number", "ROW_REPEATED"),
    ];
    let expected: Vec<_> = expected.chain(plain).collect();
    assert_eq!(answers[0].len(), expected.len(), "{:?}", answers[0]);
    for ((field, reason), (ja, en)) in expected.into_iter().zip(answers[0].iter().zip(&answers[1])) {
        let told: Vec<_> = ja.iter().map(|told| (&*told.field, &*told.reason)).collect();
        assert_eq!(told, [(field, reason)]);
        walk.text(reason, &ja[0].message, &en[0].message);
    }
}
