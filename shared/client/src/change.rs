//! A change of a contract: prepared, reviewed by whoever asks for it, submitted (EN-8).

use contracts::endorsement::v1::endorsement_item::Change as ItemChange;
use contracts::endorsement::v1::{
    EndorsementItem, PhonesChange, PrepareEndorsementRequest, PrepareEndorsementResponse, Section,
    SubmitEndorsementRequest, SubmitEndorsementResponse,
};
use kernel::clock::jst_date;
use kernel::{Clock as _, SystemClock};
use tonic::{Response, Status};

use crate::bearer::Bearer;
use crate::services::Client;

/// What is asked for. Prepared and submitted as the same, or the confirm token is stale.
#[derive(Debug, Clone)]
pub struct Change {
    /// The contract (UUID).
    pub contract_id: String,
    /// What is to change.
    pub items: Vec<EndorsementItem>,
    /// From which day on, in Japan (YYYY-MM-DD).
    pub effective_date: String,
    /// The warnings of the review (`UPPER_SNAKE`) in spite of which it is submitted.
    pub acknowledged_warnings: Vec<String>,
}

impl Change {
    /// Of one item, from today on.
    pub fn today(contract_id: &str, item: EndorsementItem) -> Self {
        Self {
            contract_id: contract_id.to_owned(),
            items: vec![item],
            effective_date: jst_date(SystemClock.now()).to_string(),
            acknowledged_warnings: Vec::new(),
        }
    }

    /// Says what would change, with a token for exactly this; changes nothing.
    pub async fn prepare(
        &self,
        client: &Client,
        bearer: &Bearer,
    ) -> Result<Response<PrepareEndorsementResponse>, Status> {
        let request = PrepareEndorsementRequest {
            contract_id: self.contract_id.clone(),
            items: self.items.clone(),
            effective_date: self.effective_date.clone(),
        };
        client.endorsement(bearer).prepare_endorsement(request).await
    }

    /// Asks for what was reviewed; the same request id has one effect.
    pub async fn submit(
        &self,
        client: &Client,
        bearer: &Bearer,
        confirm_token: &str,
        request_id: &str,
    ) -> Result<Response<SubmitEndorsementResponse>, Status> {
        let request = SubmitEndorsementRequest {
            request_id: request_id.to_owned(),
            contract_id: self.contract_id.clone(),
            items: self.items.clone(),
            effective_date: self.effective_date.clone(),
            confirm_token: confirm_token.to_owned(),
            acknowledged_warnings: self.acknowledged_warnings.clone(),
        };
        client.endorsement(bearer).submit_endorsement(request).await
    }
}

/// The telephone numbers of a section become these.
pub fn phones(section: Section, numbers: &[&str]) -> EndorsementItem {
    item(
        section,
        ItemChange::Phones(PhonesChange {
            numbers: numbers.iter().map(|number| (*number).to_owned()).collect(),
        }),
    )
}

/// Any change of a section.
pub fn item(section: Section, change: ItemChange) -> EndorsementItem {
    EndorsementItem {
        section: section.into(),
        change: Some(change),
    }
}
