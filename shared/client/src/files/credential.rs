//! credentials.csv: the codes that were printed for customers.

use contracts::identity::v1::InitialCredential;
use csv::StringRecord;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::FileRow;
use super::columns::{Layout, written};
use super::contract::contract_id;
use super::mapping::{Columns, Mapping};

#[derive(Serialize, Deserialize)]
#[serde(remote = "InitialCredential")]
struct CredentialColumns {
    #[serde(skip)]
    line: u32,
    policy_number: String,
    branch_number: String,
    customer_number: String,
    initial_user_id: String,
    code: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Own(#[serde(with = "CredentialColumns")] InitialCredential);

impl FileRow for InitialCredential {
    const FILE: &'static str = "credentials.csv";

    fn columns() -> Vec<String> {
        let [columns, _] = written(&Own::default());
        columns
    }

    fn cells(&self) -> Vec<String> {
        let [_, cells] = written(&Own(self.clone()));
        cells
    }

    fn read(layout: &Layout, record: &StringRecord) -> Result<Self, csv::Error> {
        let Own(row) = layout.part(0, record)?.unwrap_or_default();
        Ok(row)
    }

    fn mapped(mapping: &Mapping) -> &Columns {
        &mapping.credentials
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
