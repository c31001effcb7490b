//! contracts.csv: an insured whose cells are all empty is the policyholder.

use contracts::endorsement::v1::{ContractRow, InsurerShare, PartyRow};
use csv::StringRecord;
use kernel::{BranchNumber, ContractId, PolicyNumber};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::FileRow;
use super::cells::{insurers, list};
use super::columns::{Layout, written};
use super::mapping::{Columns, Mapping};

#[derive(Serialize, Deserialize)]
#[serde(remote = "ContractRow")]
struct ContractColumns {
    #[serde(skip)]
    line: u32,
    policy_number: String,
    branch_number: String,
    product: String,
    kind: String,
    period_start: String,
    period_end: String,
    #[serde(skip)]
    policyholder: Option<PartyRow>,
    #[serde(skip)]
    insured: Option<PartyRow>,
    object_address: String,
    #[serde(with = "insurers")]
    insurers: Vec<InsurerShare>,
    offline_reason: String,
    last_endorsement_date: String,
    agency_name: String,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "PartyRow")]
struct PartyColumns {
    customer_number: String,
    kind: String,
    name: String,
    name_kana: String,
    birth_date: String,
    #[serde(with = "list")]
    phones: Vec<String>,
    email: String,
    postcode: String,
    address: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Own(#[serde(with = "ContractColumns")] ContractRow);

#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Party(#[serde(with = "PartyColumns")] PartyRow);

impl FileRow for ContractRow {
    const FILE: &'static str = "contracts.csv";
    const PARTS: &'static [&'static str] = &["policyholder_", "insured_"];

    fn columns() -> Vec<String> {
        let [mut columns, _] = written(&Own::default());
        let [party, _] = written(&Party::default());
        for part in Self::PARTS {
            columns.extend(party.iter().map(|name| format!("{part}{name}")));
        }
        columns
    }

    fn cells(&self) -> Vec<String> {
        let [_, mut cells] = written(&Own(self.clone()));
        for party in [&self.policyholder, &self.insured] {
            let [_, party] = written(&Party(party.clone().unwrap_or_default()));
            cells.extend(party);
        }
        cells
    }

    fn read(layout: &Layout, record: &StringRecord) -> Result<Self, csv::Error> {
        let Own(row) = layout.part(0, record)?.unwrap_or_default();
        let party = |number| Ok::<_, csv::Error>(layout.part(number, record)?.map(|Party(party)| party));
        Ok(Self {
            // Never absent: what is missing of it is the service's to tell, cell by cell.
            policyholder: Some(party(1)?.unwrap_or_default()),
            insured: party(2)?,
            ..row
        })
    }

    fn mapped(mapping: &Mapping) -> &Columns {
        &mapping.contracts
    }

    fn line_mut(&mut self) -> &mut u32 {
        &mut self.line
    }

    fn about(&self) -> Option<Uuid> {
        contract_id(&self.policy_number, &self.branch_number)
            .ok()
            .map(|id| id.as_uuid())
    }
}

/// The id the services know a contract by; a blank branch number is 000.
pub fn contract_id(
    policy_number: &str,
    branch_number: &str,
) -> Result<ContractId, kernel::policy::NumberError> {
    let policy = PolicyNumber::parse(policy_number)?;
    let branch = BranchNumber::parse_or_default(branch_number)?;
    Ok(ContractId::of_policy(&policy, &branch))
}
