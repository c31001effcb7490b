//! One endorsement service with its callers, and words to speak to it with.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use contracts::endorsement::v1 as proto;
use contracts::endorsement::v1::endorsement_service_client::EndorsementServiceClient;
use contracts::names::{IDENTITY, VIEWS};
use endorsement::Endorsement;
use harness::{STAFF, Tested, access_token, bearing, in_language};
use kernel::clock::Timestamp;
use tonic::transport::Channel;
use tonic::{Request, Status};
use uuid::Uuid;

use crate::book::{Change, new_request_id, subject};

/// For waits that must end.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct World {
    service: harness::World<Tested<Endorsement>>,
    pub(crate) language: &'static str,
}

impl Deref for World {
    type Target = harness::World<Tested<Endorsement>>;

    fn deref(&self) -> &Self::Target {
        &self.service
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.service
    }
}

#[derive(Clone)]
pub(crate) enum As {
    /// The policyholder with this customer number, by a session verified by call.
    Holder(&'static str),
    /// The same by password alone.
    Unverified(&'static str),
    Administrator,
    CallCentre,
}

impl World {
    /// A Monday morning in Japan.
    pub(crate) async fn new() -> Self {
        Self::beside(&[]).await
    }

    /// The same, listening to a stand-in for identity.
    pub(crate) async fn beside_identity() -> Self {
        Self::beside(&[IDENTITY]).await
    }

    async fn beside(neighbours: &[&'static str]) -> Self {
        let mut service = harness::World::prepare("2026-11-16T10:00:00+09:00").await;
        service.settings.accept(VIEWS);
        service.stand_in_for(neighbours).await;
        service.start().await;
        Self {
            service,
            language: "en",
        }
    }

    pub(crate) fn client(&self) -> EndorsementServiceClient<Channel> {
        EndorsementServiceClient::new(self.channel())
    }

    /// A call of `caller`, in the world's language.
    pub(crate) fn call<T>(&self, caller: &As, message: T) -> Request<T> {
        let request = match caller {
            As::Holder(customer) => bearing(message, &self.access_token(customer, &["pwd", "tel"])),
            As::Unverified(customer) => bearing(message, &self.access_token(customer, &["pwd"])),
            As::Administrator => self.as_staff(STAFF, "administrator", message),
            As::CallCentre => self.as_staff(STAFF, "call_centre", message),
        };
        in_language(request, self.language)
    }

    fn access_token(&self, customer: &str, amr: &[&str]) -> String {
        let account = Uuid::new_v5(&Uuid::NAMESPACE_OID, customer.as_bytes());
        access_token(account, &[subject(customer)], amr, self.now())
    }

    pub(crate) async fn import(&self, rows: Vec<proto::ContractRow>) -> Vec<Outcome> {
        let request = proto::ImportContractsRequest {
            request_id: new_request_id(),
            rows,
            as_of_us: self.as_of_us(),
            dry_run: false,
        };
        self.import_as(&As::Administrator, request).await.unwrap()
    }

    /// Imports one row as of an instant, or says what would become of it.
    pub(crate) async fn import_as_of(
        &self,
        row: proto::ContractRow,
        as_of: Timestamp,
        dry_run: bool,
    ) -> Outcome {
        let request = proto::ImportContractsRequest {
            request_id: new_request_id(),
            rows: vec![row],
            as_of_us: as_of.as_microsecond(),
            dry_run,
        };
        let mut outcomes = self.import_as(&As::Administrator, request).await.unwrap();
        outcomes.remove(0)
    }

    /// What is listed as differing from the core system: policy, role and field.
    pub(crate) async fn differences(&self) -> Vec<(String, String, String)> {
        let (mut found, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = proto::ListDifferencesRequest {
                page_size: 1,
                page_token,
            };
            let request = self.call(&As::Administrator, request);
            let page = self
                .client()
                .list_differences(request)
                .await
                .unwrap()
                .into_inner();
            let differences = page.differences.into_iter();
            found.extend(differences.map(|one| (one.policy_number, one.role, one.field)));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return found;
            }
        }
    }

    pub(crate) async fn import_as(
        &self,
        caller: &As,
        request: proto::ImportContractsRequest,
    ) -> Result<Vec<Outcome>, Status> {
        let answer = self.client().import_contracts(self.call(caller, request)).await?;
        Ok(answer.into_inner().results.into_iter().map(outcome).collect())
    }

    pub(crate) async fn contract(&self, caller: &As, id: &str) -> Result<proto::Contract, Status> {
        let request = self.call(
            caller,
            proto::GetContractRequest {
                contract_id: id.to_owned(),
            },
        );
        Ok(self
            .client()
            .get_contract(request)
            .await?
            .into_inner()
            .contract
            .unwrap())
    }

    pub(crate) async fn prepare(
        &self,
        caller: &As,
        change: &Change,
    ) -> Result<proto::PrepareEndorsementResponse, Status> {
        let request = proto::PrepareEndorsementRequest {
            contract_id: change.contract_id.clone(),
            items: change.items.clone(),
            effective_date: change.effective_date.clone(),
        };
        Ok(self
            .client()
            .prepare_endorsement(self.call(caller, request))
            .await?
            .into_inner())
    }

    /// Submits under `request_id` with a token.
    pub(crate) async fn submit(
        &self,
        caller: &As,
        change: &Change,
        request_id: &str,
        confirm_token: &str,
    ) -> Result<proto::SubmitEndorsementResponse, Status> {
        let request = proto::SubmitEndorsementRequest {
            request_id: request_id.to_owned(),
            contract_id: change.contract_id.clone(),
            items: change.items.clone(),
            effective_date: change.effective_date.clone(),
            confirm_token: confirm_token.to_owned(),
            acknowledged_warnings: change.acknowledged.clone(),
        };
        Ok(self
            .client()
            .submit_endorsement(self.call(caller, request))
            .await?
            .into_inner())
    }

    pub(crate) async fn change(&self, caller: &As, change: &Change) -> proto::SubmitEndorsementResponse {
        let prepared = self.prepare(caller, change).await.unwrap();
        self.submit(caller, change, &new_request_id(), &prepared.confirm_token)
            .await
            .unwrap()
    }

    pub(crate) async fn endorsement(
        &self,
        caller: &As,
        of: &proto::Endorsement,
    ) -> Result<proto::Endorsement, Status> {
        let request = proto::GetEndorsementRequest {
            contract_id: of.contract_id.clone(),
            endorsement_id: of.endorsement_id.clone(),
        };
        let answer = self.client().get_endorsement(self.call(caller, request)).await?;
        Ok(answer.into_inner().endorsement.unwrap())
    }

    pub(crate) async fn withdraw(
        &self,
        caller: &As,
        of: &proto::Endorsement,
        request_id: &str,
    ) -> Result<proto::WithdrawEndorsementResponse, Status> {
        let request = proto::WithdrawEndorsementRequest {
            request_id: request_id.to_owned(),
            contract_id: of.contract_id.clone(),
            endorsement_id: of.endorsement_id.clone(),
        };
        Ok(self
            .client()
            .withdraw_endorsement(self.call(caller, request))
            .await?
            .into_inner())
    }
}

/// What became of a row, with what is told of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Recorded,
    Unchanged,
    /// Recorded, but for these.
    Partly(Vec<(String, String)>),
    KeptAhead(Vec<(String, String)>),
    Refused(Vec<(String, String)>),
}

fn outcome(result: contracts::common::v1::ImportRowResult) -> Outcome {
    use contracts::common::v1::ImportOutcome;
    assert!(
        result.problems.iter().all(|problem| !problem.message.is_empty()),
        "{result:?}"
    );
    let outcome = result.outcome();
    let problems = result.problems.into_iter();
    let problems: Vec<_> = problems.map(|problem| (problem.field, problem.reason)).collect();
    match outcome {
        ImportOutcome::Recorded if problems.is_empty() => Outcome::Recorded,
        ImportOutcome::Recorded => Outcome::Partly(problems),
        ImportOutcome::Unchanged => Outcome::Unchanged,
        ImportOutcome::KeptAhead => Outcome::KeptAhead(problems),
        ImportOutcome::Refused | ImportOutcome::Unspecified => Outcome::Refused(problems),
    }
}
