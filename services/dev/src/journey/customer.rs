//! Who plays the customer: one of the sample's plain customers who has not registered yet, so that the journey can be
//! played again on the same data.

use client::files;
use contracts::claim_images::v1::AccidentRow;
use kernel::PhoneNumber;

use crate::sample::{Book, BookContract, Kind};

/// No customer is left.
#[derive(Debug, thiserror::Error)]
#[error(
    "every sample customer has registered: remove the data folder, or take a larger book with --contracts"
)]
pub(super) struct NobodyLeft;

/// The sample does not hold what it promises.
#[derive(Debug, thiserror::Error)]
#[error("the sample book has no {0}")]
pub(super) struct NotInBook(pub(super) &'static str);

/// The customer, as the book has them.
pub(super) struct Customer {
    /// Of the contract they register with.
    pub(super) policy_number: String,
    pub(super) initial_code: String,
    pub(super) name: String,
    /// National digits of the one registered number.
    pub(super) phone: String,
    pub(super) email: String,
    pub(super) password: String,
    pub(super) contracts: Vec<OwnContract>,
    pub(super) accidents: Vec<AccidentRow>,
    pub(super) adjuster: String,
}

/// One of their contracts.
#[derive(Clone)]
pub(super) struct OwnContract {
    pub(super) id: String,
    pub(super) policy_number: String,
}

pub(super) fn choose(book: &Book, registered: &[String]) -> Result<Customer, NobodyLeft> {
    book.contracts
        .iter()
        .filter(|contract| contract.kind == Kind::Plain && !registered.contains(&contract.row.policy_number))
        .find_map(|contract| customer(book, contract))
        .ok_or(NobodyLeft)
}

fn customer(book: &Book, contract: &BookContract) -> Option<Customer> {
    let number = &contract.credential.customer_number;
    let policyholder = contract.row.policyholder.as_ref()?;
    let own = book
        .contracts
        .iter()
        .filter(|other| other.credential.customer_number == *number);
    let accidents: Vec<_> = book
        .accidents
        .iter()
        .filter(|accident| accident.customer_number == *number)
        .cloned()
        .collect();
    let open = accidents
        .iter()
        .find(|accident| accident.state == "OPEN" && !accident.adjuster_id.is_empty())?;
    Some(Customer {
        policy_number: contract.row.policy_number.clone(),
        initial_code: contract.credential.code.clone(),
        name: policyholder.name.clone(),
        phone: PhoneNumber::parse(policyholder.phones.first()?).ok()?.national(),
        email: format!("sample.{}@journey.example", number.to_lowercase()),
        password: format!("Tegami {}", hex::encode(rand::random::<[u8; 8]>())),
        contracts: own
            .map(|own| {
                Some(OwnContract {
                    id: contract_id(own)?,
                    policy_number: own.row.policy_number.clone(),
                })
            })
            .collect::<Option<_>>()?,
        adjuster: open.adjuster_id.clone(),
        accidents,
    })
}

fn contract_id(contract: &BookContract) -> Option<String> {
    let row = &contract.row;
    Some(
        files::contract_id(&row.policy_number, &row.branch_number)
            .ok()?
            .to_string(),
    )
}

/// The id services know an accident by.
pub(super) fn accident_id(accident: &AccidentRow) -> Option<String> {
    Some(files::accident_id(&accident.claim_number).ok()?.to_string())
}

impl Customer {
    /// The accident pictures are handed in for.
    pub(super) fn open_accident(&self) -> Option<&AccidentRow> {
        self.accidents.iter().find(|accident| accident.state == "OPEN")
    }
}
