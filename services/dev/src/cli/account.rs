//! How a customer begins, and changes what stands in a contract: the two commands that write something lasting.

use clap::{Args, ValueEnum};
use client::change::{Change, phones};
use client::{Bearer, answered, request_id};
use contracts::endorsement::v1::{FieldChange, Section, field_change::After};
use contracts::identity::v1::RegisterWithInitialCredentialsRequest;

use super::customer::logged_in;
use super::{Environment, Failure};
use crate::say;

#[derive(Args)]
pub(super) struct Register {
    /// Initial user ID as printed, often the policy number
    #[arg(long)]
    initial_user_id: String,
    /// Initial password or procedure code as printed
    #[arg(long)]
    initial_password: String,
    /// E-mail address, the user ID from then on
    #[arg(long)]
    email: String,
    /// New password
    #[arg(long)]
    password: String,
}

impl Register {
    pub(super) async fn execute(self, environment: &Environment) -> Result<(), Failure> {
        let request = RegisterWithInitialCredentialsRequest {
            request_id: request_id(),
            initial_user_id: self.initial_user_id,
            initial_password: self.initial_password,
            email: self.email,
            password: self.password,
        };
        let mut identity = environment.client.identity(&Bearer::nobody());
        let registered = answered(identity.register_with_initial_credentials(request).await)?;
        say!("account {}; log in with `madoguchi login`", registered.account_id);
        Ok(())
    }
}

/// Whose numbers.
#[derive(Clone, Copy, ValueEnum)]
enum Party {
    Policyholder,
    Insured,
}

#[derive(Args)]
pub(super) struct ChangePhones {
    /// Contract (UUID), see `madoguchi contracts`
    #[arg(long, value_name = "ID")]
    contract: String,
    /// Whose; of a policyholder who is the insured, the insured's
    #[arg(long, value_enum, default_value = "insured")]
    party: Party,
    /// A number that is to stand there; several times for several, in their order
    #[arg(long, required = true, value_name = "NUMBER")]
    phone: Vec<String>,
    /// Submit it in spite of any warning; without, the command shows what would change
    #[arg(long)]
    yes: bool,
}

impl ChangePhones {
    pub(super) async fn execute(&self, environment: &mut Environment) -> Result<(), Failure> {
        let bearer = logged_in(environment).await?;
        let section = match self.party {
            Party::Policyholder => Section::Policyholder,
            Party::Insured => Section::Insured,
        };
        let numbers: Vec<&str> = self.phone.iter().map(String::as_str).collect();
        let mut change = Change::today(&self.contract, phones(section, &numbers));
        let review = answered(change.prepare(&environment.client, &bearer).await)?;
        review.changes.iter().for_each(show);
        for warning in &review.warnings {
            say!("  {}", warning.message);
        }
        if !self.yes {
            say!("from {} on; with --yes it is submitted", review.effective_date);
            return Ok(());
        }
        let warnings = review.warnings.iter();
        change.acknowledged_warnings = warnings.map(|warning| warning.reason.clone()).collect();
        let submitted = change
            .submit(&environment.client, &bearer, &review.confirm_token, &request_id())
            .await;
        let submitted = answered(submitted)?.endorsement.unwrap_or_default();
        say!(
            "receipt {}, {}",
            submitted.receipt_number,
            submitted.effective_date
        );
        Ok(())
    }
}

fn show(change: &FieldChange) {
    say!(
        "{} {}: {}",
        change.section,
        change.field,
        change.before.join(", ")
    );
    if let Some(After::Phones(list)) = &change.after {
        for phone in &list.phones {
            let verdict = if phone.usable_for_login {
                "usable for login"
            } else {
                &phone.message
            };
            say!("  → {} ({verdict})", phone.number);
        }
    }
}
