//! Imports: a stretch of the book, which brings new customers, and one row that has changed.

use client::import::as_of_now;
use contracts::access::path_of;
use contracts::claim_images::v1::{AccidentRow, ImportAccidentsRequest};
use contracts::endorsement::v1::{ContractRow, ImportContractsRequest};
use contracts::identity::v1::{ImportInitialCredentialsRequest, InitialCredential};
use contracts::names::{CLAIM_IMAGES, ENDORSEMENT, IDENTITY};
use dev::sample::{Book, BookContract, Kind, Recipe};
use kernel::clock::jst_date;
use kernel::{Clock as _, SystemClock};
use uuid::Uuid;

use super::Work;
use super::customer::{Customer, accident_id, contract_id};
use crate::calls::{Command, NoAnswer, keyed};
use crate::ledger::Effect;
use crate::recovery::Proof;

const OPERATOR: &str = "M001";
const SCOPE: &str = "staff:M001";
const CONTRACTS: &str = path_of("ImportContracts");
const ACCIDENTS: &str = path_of("ImportAccidents");
const CREDENTIALS: &str = path_of("ImportInitialCredentials");

impl Work<'_> {
    /// Imports the next contracts of the book with credentials and accidents; the customers among them.
    pub(super) async fn import_stretch(&self, stretch: u32) -> Result<Vec<Customer>, NoAnswer> {
        let (contracts, accidents) = self.stretch(stretch);
        self.import_contracts(&contracts).await?;
        self.import_credentials(&contracts).await?;
        self.import_accidents(&accidents).await?;
        Ok(contracts
            .iter()
            .filter_map(|contract| Customer::of(contract, &accidents))
            .collect())
    }

    /// Imports a contract nobody changes online again, with another address of its object: one event, heard by all.
    pub(super) async fn touch(&self, count: u32) -> Result<(), NoAnswer> {
        let (contracts, _) = self.stretch(0);
        let group = contracts
            .into_iter()
            .find(|contract| contract.kind == Kind::Group);
        let Some(mut contract) = group else {
            return Ok(());
        };
        contract.row.object_address = format!("{} {count}号室", contract.row.object_address);
        self.import_contracts(&[contract]).await
    }

    /// A stretch has every kind once. The book is one for all rounds: a customer registers once.
    fn stretch(&self, stretch: u32) -> (Vec<BookContract>, Vec<AccidentRow>) {
        let length = Kind::ALL.len();
        let recipe = Recipe {
            seed: self.seed,
            contracts: (stretch + 1) * u32::try_from(length).unwrap_or(u32::MAX),
            as_of: jst_date(SystemClock.now()),
        };
        let book = Book::compute(recipe);
        let contracts = book.contracts[book.contracts.len() - length..].to_vec();
        let own = |accident: &AccidentRow| {
            contracts
                .iter()
                .any(|contract| contract.row.policy_number == accident.policy_number)
        };
        let accidents = book.accidents.iter().filter(|row| own(row)).cloned().collect();
        (contracts, accidents)
    }

    async fn import_contracts(&self, contracts: &[BookContract]) -> Result<(), NoAnswer> {
        let (request_id, key) = keyed(SCOPE, CONTRACTS);
        let rows: Vec<ContractRow> = contracts
            .iter()
            .zip(1..)
            .map(|(contract, line)| ContractRow {
                line,
                ..contract.row.clone()
            })
            .collect();
        let effects = contracts.iter().filter_map(|contract| {
            let stream = format!("{ENDORSEMENT}.contract-{}", contract_id(contract)?);
            Some(effect(ENDORSEMENT, "contract.imported.v1", stream, key))
        });
        let command = Command {
            service: ENDORSEMENT,
            what: "import contracts",
            effects: effects.collect(),
        };
        let administrator = self.staff(OPERATOR, "administrator")?;
        let attempt = async || {
            let rows = rows.clone();
            let request = ImportContractsRequest {
                request_id: request_id.clone(),
                rows,
                as_of_us: as_of_now(),
                dry_run: false,
            };
            self.client
                .endorsement(&administrator)
                .import_contracts(request)
                .await
        };
        let told = |_: &_| (Vec::new(), Some(Proof::Key(ENDORSEMENT, key)));
        self.calls.send(command, attempt, told).await.map(|_| ())
    }

    async fn import_credentials(&self, contracts: &[BookContract]) -> Result<(), NoAnswer> {
        let (request_id, key) = keyed(SCOPE, CREDENTIALS);
        let rows: Vec<InitialCredential> = contracts
            .iter()
            .zip(1..)
            .map(|(contract, line)| InitialCredential {
                line,
                ..contract.credential.clone()
            })
            .collect();
        let effects = contracts.iter().filter_map(|contract| {
            let stream = format!("{IDENTITY}.entitlement-{}", contract_id(contract)?);
            Some(effect(IDENTITY, "entitlement.code_issued.v1", stream, key))
        });
        let command = Command {
            service: IDENTITY,
            what: "import credentials",
            effects: effects.collect(),
        };
        let administrator = self.staff(OPERATOR, "administrator")?;
        let attempt = async || {
            let request = ImportInitialCredentialsRequest {
                request_id: request_id.clone(),
                rows: rows.clone(),
                as_of_us: as_of_now(),
                dry_run: false,
            };
            let mut identity = self.client.identity(&administrator);
            identity.import_initial_credentials(request).await
        };
        self.calls
            .send(command, attempt, |_| (Vec::new(), None))
            .await
            .map(|_| ())
    }

    async fn import_accidents(&self, accidents: &[AccidentRow]) -> Result<(), NoAnswer> {
        let (request_id, key) = keyed(SCOPE, ACCIDENTS);
        let rows: Vec<AccidentRow> = accidents
            .iter()
            .zip(1..)
            .map(|(row, line)| AccidentRow { line, ..row.clone() })
            .collect();
        let effects = accidents.iter().filter_map(|row| {
            let stream = format!("{CLAIM_IMAGES}.accident-{}", accident_id(row)?);
            Some(effect(CLAIM_IMAGES, "accident.imported.v1", stream, key))
        });
        let command = Command {
            service: CLAIM_IMAGES,
            what: "import accidents",
            effects: effects.collect(),
        };
        let administrator = self.staff(OPERATOR, "administrator")?;
        let attempt = async || {
            let request = ImportAccidentsRequest {
                request_id: request_id.clone(),
                rows: rows.clone(),
                as_of_us: as_of_now(),
                dry_run: false,
            };
            self.client
                .claim_images(&administrator)
                .import_accidents(request)
                .await
        };
        let told = |_: &_| (Vec::new(), Some(Proof::Key(CLAIM_IMAGES, key)));
        self.calls.send(command, attempt, told).await.map(|_| ())
    }
}

fn effect(service: &str, event_type: &str, stream: String, key: Uuid) -> Effect {
    Effect {
        service: service.to_owned(),
        event_type: event_type.to_owned(),
        stream: Some(stream),
        key: Some(key),
        login: None,
    }
}
