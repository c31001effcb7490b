//! A customer of the sample book, and their registration.

use std::collections::VecDeque;

use client::{Bearer, files, request_id};
use contracts::claim_images::v1::AccidentRow;
use contracts::identity::v1::RegisterWithInitialCredentialsRequest;
use contracts::names::IDENTITY;
use dev::sample::{BookContract, Kind};
use kernel::{AccidentId, ContractId, PhoneNumber};

use super::Work;
use crate::calls::{Command, NoAnswer};
use crate::ledger::Effect;
use crate::recovery::Proof;

const PASSWORD: &str = "three unusual words";

/// Numbers that are remembered: so many changes in a row may be unanswered or unheard of.
const PHONES: usize = 4;

#[derive(Debug, Clone)]
pub(super) struct Customer {
    pub(super) contract_id: String,
    pub(super) email: String,
    pub(super) password: &'static str,
    /// National digits of the numbers that may count, the newest last: a change may be unanswered, or not heard of yet.
    pub(super) phones: VecDeque<String>,
    /// A change waits for its date.
    pub(super) scheduled: bool,
    /// The open accident, if there is one, and its adjuster.
    pub(super) accident: Option<(String, String)>,
    pub(super) account_id: String,
    pub(super) access_token: String,
    user_id: String,
    code: String,
}

/// Those of the book who register with a strong code, are their own insured and have a mobile number.
const KINDS: [Kind; 5] = [
    Kind::Plain,
    Kind::CarrierMail,
    Kind::HalfShares,
    Kind::ThirdShares,
    Kind::Unassigned,
];

impl Customer {
    /// The customer of a contract, if it is one the client plays.
    pub(super) fn of(contract: &BookContract, accidents: &[AccidentRow]) -> Option<Self> {
        if !KINDS.contains(&contract.kind) {
            return None;
        }
        let number = &contract.credential.customer_number;
        let open = accidents
            .iter()
            .find(|accident| accident.customer_number == *number && accident.state == "OPEN");
        let policyholder = contract.row.policyholder.as_ref()?;
        Some(Self {
            contract_id: contract_id(contract)?.to_string(),
            email: format!("{}@faults.example", number.to_lowercase()),
            password: PASSWORD,
            phones: VecDeque::from([PhoneNumber::parse(policyholder.phones.first()?).ok()?.national()]),
            scheduled: false,
            accident: open
                .and_then(|open| Some((accident_id(open)?.to_string(), open.adjuster_id.clone())))
                .filter(|(_, adjuster)| !adjuster.is_empty()),
            account_id: String::new(),
            access_token: String::new(),
            user_id: contract.row.policy_number.clone(),
            code: contract.credential.code.clone(),
        })
    }

    /// Another number that may count from now on.
    pub(super) fn may_have(&mut self, phone: String) {
        self.phones.push_back(phone);
        if self.phones.len() > PHONES {
            self.phones.pop_front();
        }
    }

    pub(super) fn bearer(&self) -> Bearer {
        Bearer::new(&self.access_token)
    }

    /// The scope of this customer's request ids.
    pub(super) fn scope(&self) -> String {
        format!("account:{}", self.account_id)
    }
}

/// The id services know a contract by.
pub(super) fn contract_id(contract: &BookContract) -> Option<ContractId> {
    files::contract_id(&contract.row.policy_number, &contract.row.branch_number).ok()
}

/// The id services know an accident by.
pub(super) fn accident_id(accident: &AccidentRow) -> Option<AccidentId> {
    files::accident_id(&accident.claim_number).ok()
}

impl Work<'_> {
    /// Registers (ID-3): over three streams, so its effect is looked for in the contract's.
    pub(super) async fn register(&self, customer: &mut Customer) -> Result<(), NoAnswer> {
        let request = RegisterWithInitialCredentialsRequest {
            request_id: request_id(),
            initial_user_id: customer.user_id.clone(),
            initial_password: customer.code.clone(),
            email: customer.email.clone(),
            password: customer.password.to_owned(),
        };
        let registered = Effect {
            service: IDENTITY.to_owned(),
            event_type: "entitlement.registered.v1".to_owned(),
            stream: Some(format!("{IDENTITY}.entitlement-{}", customer.contract_id)),
            key: None,
            login: None,
        };
        let command = Command {
            service: IDENTITY,
            what: "register",
            effects: vec![registered],
        };
        let attempt = async || {
            let mut identity = self.client.identity(&Bearer::nobody());
            identity.register_with_initial_credentials(request.clone()).await
        };
        let answer = self
            .calls
            .send(command, attempt, |answer| {
                let account = Effect {
                    service: IDENTITY.to_owned(),
                    event_type: "account.registered.v1".to_owned(),
                    stream: Some(format!("{IDENTITY}.account-{}", answer.account_id)),
                    key: None,
                    login: None,
                };
                let proof = answer.consistency_token.parse().ok().map(Proof::Token);
                (vec![account], proof)
            })
            .await?;
        customer.account_id = answer.account_id;
        Ok(())
    }
}
