//! The command of the carrier.

use clap::Args;
use client::login::{self, IncomingCall};
use client::{Bearer, answered, request_id};

use super::{Environment, Failure};
use crate::say;

#[derive(Args)]
pub(super) struct Call {
    /// The line that is dialled
    #[arg(long)]
    line: String,
    /// The number the call comes from; withheld if absent
    #[arg(long, value_name = "NUMBER")]
    from: Option<String>,
}

impl Call {
    pub(super) async fn execute(&self, environment: &Environment) -> Result<(), Failure> {
        report_call(environment, &self.line, self.from.as_deref()).await
    }
}

/// Reports a call as the carrier does.
pub(super) async fn report_call(
    environment: &Environment,
    line: &str,
    from: Option<&str>,
) -> Result<(), Failure> {
    let call = IncomingCall::new("madoguchi", line, from);
    let carrier = Bearer::new(environment.secrets.carrier());
    answered(login::report_call(&environment.client, &carrier, &call, &request_id()).await)?;
    say!("the call is reported");
    Ok(())
}
