//! What was accepted, and everywhere it is to be shown again, equal.

use std::collections::BTreeMap;

use client::{Refusal, answered};
use contracts::endorsement::v1::Contract;
use contracts::views::v1::{
    AccidentFile, AccidentSummary, ContractSummary, GetAccidentRequest, ImageSummary, ListAccidentsRequest,
    ListContractsRequest, ListSubmissionsRequest, SearchAccidentsRequest, Submission,
};
use testkit::wait_for;

use crate::stage::{SOON, Stage};

/// One value of one thing.
pub(crate) struct Expected<T> {
    /// Of the contract, accident, submission or picture.
    pub(crate) id: String,
    pub(crate) what: &'static str,
    pub(crate) read: fn(&T) -> String,
    pub(crate) value: String,
}

#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) contracts: Vec<Expected<Contract>>,
    pub(crate) contract_list: Vec<Expected<ContractSummary>>,
    pub(crate) accident_files: Vec<Expected<AccidentFile>>,
    pub(crate) accident_list: Vec<Expected<AccidentSummary>>,
    pub(crate) submissions: Vec<Expected<Submission>>,
    pub(crate) images: Vec<Expected<ImageSummary>>,
    /// The accident of the submissions and pictures.
    pub(crate) accident: String,
}

type Shown<T> = Result<BTreeMap<String, T>, Refusal>;

impl Kept {
    /// Waits until everything is shown as it was accepted.
    pub(crate) async fn is_shown(&self, stage: &Stage, when: &str) {
        let counts = [
            self.contracts.len(),
            self.accident_files.len(),
            self.submissions.len(),
            self.images.len(),
        ];
        assert!(
            counts.iter().all(|&count| count > 5),
            "too little was accepted: {counts:?}"
        );
        wait_for(&format!("everything to be shown {when}"), SOON, async || {
            let mut different = Vec::new();
            compare(&mut different, &self.contracts, self.contracts(stage).await);
            compare(&mut different, &self.contract_list, contract_list(stage).await);
            compare(&mut different, &self.accident_files, accident_files(stage).await);
            compare(&mut different, &self.accident_list, accident_list(stage).await);
            compare(&mut different, &self.submissions, self.submissions(stage).await);
            compare(&mut different, &self.images, self.images(stage).await);
            if different.is_empty() {
                Ok(())
            } else {
                Err(different)
            }
        })
        .await;
    }

    async fn contracts(&self, stage: &Stage) -> Shown<Contract> {
        let mut shown = BTreeMap::new();
        for expected in &self.contracts {
            if !shown.contains_key(&expected.id) {
                shown.insert(expected.id.clone(), stage.shown_contract(&expected.id).await?);
            }
        }
        Ok(shown)
    }

    async fn submissions(&self, stage: &Stage) -> Shown<Submission> {
        let request = ListSubmissionsRequest {
            accident_id: self.accident.clone(),
            page_size: 500,
            ..ListSubmissionsRequest::default()
        };
        let answer = stage
            .client
            .adjuster_view(&stage.staff)
            .list_submissions(request)
            .await;
        let submissions = answered(answer)?.submissions.into_iter();
        Ok(submissions
            .map(|sent| (sent.submission_id.clone(), sent))
            .collect())
    }

    async fn images(&self, stage: &Stage) -> Shown<ImageSummary> {
        let request = GetAccidentRequest {
            accident_id: self.accident.clone(),
            ..GetAccidentRequest::default()
        };
        let answer = stage
            .client
            .customer_view(&stage.customer)
            .get_accident(request)
            .await;
        let images = answered(answer)?.images.into_iter();
        Ok(images.map(|image| (image.image_id.clone(), image)).collect())
    }
}

fn compare<T>(different: &mut Vec<String>, expected: &[Expected<T>], shown: Shown<T>) {
    let shown = match shown {
        Ok(shown) => shown,
        Err(refusal) => return different.push(refusal.to_string()),
    };
    for Expected {
        id,
        what,
        read,
        value,
    } in expected
    {
        let found = shown.get(id).map(read);
        if found.as_ref() != Some(value) {
            different.push(format!("{what} of {id} is {found:?} and was {value:?}"));
        }
    }
}

async fn contract_list(stage: &Stage) -> Shown<ContractSummary> {
    let mut shown = BTreeMap::new();
    let mut page_token = String::new();
    loop {
        let request = ListContractsRequest {
            page_size: 500,
            page_token,
            ..ListContractsRequest::default()
        };
        let page = answered(
            stage
                .client
                .customer_view(&stage.customer)
                .list_contracts(request)
                .await,
        )?;
        shown.extend(
            page.contracts
                .into_iter()
                .map(|row| (row.contract_id.clone(), row)),
        );
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(shown);
        }
    }
}

async fn accident_files(stage: &Stage) -> Shown<AccidentFile> {
    let mut shown = BTreeMap::new();
    let mut page_token = String::new();
    loop {
        let request = SearchAccidentsRequest {
            page_size: 500,
            page_token,
            ..SearchAccidentsRequest::default()
        };
        let page = answered(
            stage
                .client
                .adjuster_view(&stage.staff)
                .search_accidents(request)
                .await,
        )?;
        shown.extend(
            page.accidents
                .into_iter()
                .map(|file| (file.accident_id.clone(), file)),
        );
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(shown);
        }
    }
}

async fn accident_list(stage: &Stage) -> Shown<AccidentSummary> {
    let mut shown = BTreeMap::new();
    let mut page_token = String::new();
    loop {
        let request = ListAccidentsRequest {
            page_size: 500,
            page_token,
            ..ListAccidentsRequest::default()
        };
        let page = answered(
            stage
                .client
                .customer_view(&stage.customer)
                .list_accidents(request)
                .await,
        )?;
        shown.extend(
            page.accidents
                .into_iter()
                .map(|row| (row.accident_id.clone(), row)),
        );
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(shown);
        }
    }
}
