//! One row of the core system is read one way, whichever service it is for (EN-16).

use client::import::as_of_now;
use client::{Bearer, Client, Refusal, request_id};
use contracts::claim_images::v1::{AccidentRow, ImportAccidentsRequest};
use contracts::common::v1::{ImportOutcome, ImportRowResult};
use contracts::endorsement::v1::{ContractRow, ImportContractsRequest};
use contracts::identity::v1::{ImportInitialCredentialsRequest, InitialCredential};
use dev::sample::{Book, BookContract, Kind, Recipe};
use dev::stack::{Secrets, Stack};

use crate::setup::{data_folder, programs};

/// What every service makes of these rows: one with a blank branch, the same thing again by branch 000, one whose
/// policy number cannot be read, and one without.
const OUTCOMES: [(ImportOutcome, &[&str]); 4] = [
    (ImportOutcome::Recorded, &[]),
    (ImportOutcome::Refused, &["ROW_REPEATED"]),
    (ImportOutcome::Refused, &["POLICY_NUMBER_INVALID"]),
    (ImportOutcome::Refused, &["POLICY_NUMBER_REQUIRED"]),
];
const TOO_MANY: usize = 501;

#[tokio::test]
async fn en_16_a_row_is_read_one_way_by_every_service_that_imports() {
    let folder = data_folder();
    let stack = Stack::start(&folder.path().join("data"), &programs())
        .await
        .unwrap();
    let importer = Importer {
        client: Client::new(&stack.description().services).unwrap(),
        bearer: administrator(&stack),
    };
    let contract = contract();
    let policies = |row: &mut String, branch: &mut String, place: usize| {
        let number = contract.row.policy_number.clone();
        (*row, *branch) = match place {
            0 => (number, " \u{3000}".to_owned()),
            1 => (number, "000".to_owned()),
            2 => ("?".to_owned(), String::new()),
            _ => (" ".to_owned(), String::new()),
        };
    };

    let contracts = [0, 1, 2, 3].map(|place| {
        let mut row = contract.row.clone();
        policies(&mut row.policy_number, &mut row.branch_number, place);
        row
    });
    let credentials = [0, 1, 2, 3].map(|place| {
        let mut row = contract.credential.clone();
        policies(&mut row.policy_number, &mut row.branch_number, place);
        row
    });
    // What is repeated of accidents is their own number.
    let accidents = [0, 1, 2, 3].map(|place| {
        let claim = ["K2600001", "K-26-00001", "K2600002", "K2600003"][place];
        let mut row = accident(claim, &contract);
        policies(&mut row.policy_number, &mut row.branch_number, place);
        row
    });
    for (service, answers) in [
        ("endorsement", importer.contracts(contracts.to_vec()).await),
        ("identity", importer.credentials(credentials.to_vec()).await),
        ("claim-images", importer.accidents(accidents.to_vec()).await),
    ] {
        let answers = answers.unwrap();
        assert_eq!(answers.len(), OUTCOMES.len());
        for (answer, (outcome, reasons)) in answers.iter().zip(OUTCOMES) {
            let told: Vec<&str> = answer
                .problems
                .iter()
                .map(|problem| problem.reason.as_str())
                .collect();
            assert_eq!(
                (answer.outcome(), told.as_slice()),
                (outcome, reasons),
                "{service}"
            );
        }
    }
    instants(&importer, &contract).await;
    too_many(&importer, [&contracts[0]], [&credentials[0]], [&accidents[0]]).await;
    stack.stop().await;
}

/// Each form is taken by both services that read instants, and what is none is told alike.
async fn instants(importer: &Importer, contract: &BookContract) {
    let forms = [
        "2026-01-05T03:00:00Z",
        "2026-01-05T12:00",
        "2026-01-05 12:00",
        " 2026-01-05 ",
        "January",
        "",
    ];
    let numbered = |place: usize| format!("K26100{place:02}");
    let accidents = forms.iter().enumerate().map(|(place, form)| AccidentRow {
        occurred_at: (*form).to_owned(),
        ..accident(&numbered(place), contract)
    });
    let contracts = forms.iter().enumerate().map(|(place, form)| ContractRow {
        policy_number: format!("ZZ26100{place:02}"),
        period_start: (*form).to_owned(),
        ..contract.row.clone()
    });
    let of_accidents = importer.accidents(accidents.collect()).await.unwrap();
    let of_contracts = importer.contracts(contracts.collect()).await.unwrap();
    for answers in [of_accidents, of_contracts] {
        let reasons: Vec<Option<&str>> = answers
            .iter()
            .map(|answer| answer.problems.first().map(|problem| problem.reason.as_str()))
            .collect();
        let expected = [
            None,
            None,
            None,
            None,
            Some("INSTANT_INVALID"),
            Some("INSTANT_REQUIRED"),
        ];
        assert_eq!(reasons, expected);
    }
}

async fn too_many(
    importer: &Importer,
    [contract]: [&ContractRow; 1],
    [credential]: [&InitialCredential; 1],
    [accident]: [&AccidentRow; 1],
) {
    for refused in [
        importer.contracts(vec![contract.clone(); TOO_MANY]).await,
        importer.credentials(vec![credential.clone(); TOO_MANY]).await,
        importer.accidents(vec![accident.clone(); TOO_MANY]).await,
    ] {
        let refusal = refused.unwrap_err();
        let violation = &refusal.violations[0];
        assert_eq!(
            (violation.field.as_str(), violation.reason.as_str()),
            ("rows", "LIST_TOO_LONG")
        );
        assert!(violation.message.contains("500"), "{}", violation.message);
    }
}

struct Importer {
    client: Client,
    bearer: Bearer,
}

type Answers = Result<Vec<ImportRowResult>, Refusal>;

impl Importer {
    async fn contracts(&self, rows: Vec<ContractRow>) -> Answers {
        let request = ImportContractsRequest {
            request_id: request_id(),
            rows,
            as_of_us: as_of_now(),
            dry_run: false,
        };
        let mut endorsement = self.client.endorsement(&self.bearer);
        Ok(endorsement.import_contracts(request).await?.into_inner().results)
    }

    async fn credentials(&self, rows: Vec<InitialCredential>) -> Answers {
        let request = ImportInitialCredentialsRequest {
            request_id: request_id(),
            rows,
            as_of_us: as_of_now(),
            dry_run: false,
        };
        let mut identity = self.client.identity(&self.bearer);
        let answer = identity.import_initial_credentials(request).await?;
        Ok(answer.into_inner().results)
    }

    async fn accidents(&self, rows: Vec<AccidentRow>) -> Answers {
        let request = ImportAccidentsRequest {
            request_id: request_id(),
            rows,
            as_of_us: as_of_now(),
            dry_run: false,
        };
        let mut claim_images = self.client.claim_images(&self.bearer);
        Ok(claim_images.import_accidents(request).await?.into_inner().results)
    }
}

fn administrator(stack: &Stack) -> Bearer {
    let secrets = Secrets::open(stack.folder()).unwrap();
    let now_s = kernel::Clock::now(&kernel::SystemClock).as_second();
    let token = secrets
        .staff()
        .token("M001", &["administrator"], now_s, 600)
        .unwrap();
    Bearer::new(&token)
}

fn contract() -> BookContract {
    let book = Book::compute(Recipe {
        seed: 7,
        contracts: 60,
        as_of: kernel::clock::jst_date(kernel::Clock::now(&kernel::SystemClock)),
    });
    let mut plain = book
        .contracts
        .into_iter()
        .filter(|contract| contract.kind == Kind::Plain);
    plain.next().unwrap()
}

fn accident(claim_number: &str, contract: &BookContract) -> AccidentRow {
    AccidentRow {
        claim_number: claim_number.to_owned(),
        policy_number: contract.row.policy_number.clone(),
        customer_number: contract.credential.customer_number.clone(),
        occurred_at: "2026-01-05T12:00".to_owned(),
        kind: "FIRE".to_owned(),
        office: "TOKYO".to_owned(),
        state: "OPEN".to_owned(),
        ..AccidentRow::default()
    }
}
