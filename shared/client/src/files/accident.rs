//! accidents.csv.

use contracts::claim_images::v1::AccidentRow;
use csv::StringRecord;
use kernel::{AccidentId, ClaimNumber};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::FileRow;
use super::columns::{Layout, written};
use super::mapping::{Columns, Mapping};

#[derive(Serialize, Deserialize)]
#[serde(remote = "AccidentRow")]
struct AccidentColumns {
    #[serde(skip)]
    line: u32,
    claim_number: String,
    policy_number: String,
    branch_number: String,
    customer_number: String,
    occurred_at: String,
    place: String,
    kind: String,
    adjuster_id: String,
    office: String,
    state: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Own(#[serde(with = "AccidentColumns")] AccidentRow);

impl FileRow for AccidentRow {
    const FILE: &'static str = "accidents.csv";

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
        &mapping.accidents
    }

    fn line_mut(&mut self) -> &mut u32 {
        &mut self.line
    }

    fn about(&self) -> Option<Uuid> {
        accident_id(&self.claim_number).ok().map(|id| id.as_uuid())
    }
}

/// The id the services know an accident by.
pub fn accident_id(claim_number: &str) -> Result<AccidentId, kernel::policy::NumberError> {
    Ok(AccidentId::of_claim(&ClaimNumber::parse(claim_number)?))
}
