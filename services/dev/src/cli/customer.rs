//! The commands a customer would use.

use std::path::PathBuf;

use clap::Args;
use client::login::{self, Credentials};
use client::{Bearer, UploadSource, answered, request_id, send_submission};
use contracts::claim_images::v1::{ImageCategory, ImageState};
use contracts::views::v1::{ListAccidentsRequest, ListContractsRequest};

use super::carrier::report_call;
use super::{Environment, Failure};
use crate::say;
use crate::session::LoggedIn;

#[derive(Args)]
pub(super) struct Login {
    /// E-mail address
    #[arg(long)]
    user_id: String,
    /// Password
    #[arg(long)]
    password: String,
    /// Report the call yourself, as if it came from this number
    #[arg(long, value_name = "NUMBER")]
    call_from: Option<String>,
}

impl Login {
    pub(super) async fn execute(&self, environment: &mut Environment) -> Result<(), Failure> {
        let device_token = environment.session.device_tokens.get(&self.user_id);
        let credentials = Credentials {
            user_id: &self.user_id,
            password: &self.password,
            device: "madoguchi",
            device_token: device_token.map_or("", String::as_str),
        };
        let login = answered(login::password(&environment.client, &credentials).await)?;
        if login.phone_call_required {
            let opened = login::open_challenge(&environment.client, &login.login_token, &request_id()).await;
            let challenge = answered(opened)?.challenge.unwrap_or_default();
            say!("{}", challenge.instruction);
            match &self.call_from {
                Some(number) => report_call(environment, &challenge.line_to_dial, Some(number)).await?,
                None => say!(
                    "madoguchi call --line {} --from YOUR-NUMBER",
                    challenge.line_to_dial
                ),
            }
        }
        let completed = login::completed(&environment.client, &login).await?;
        let completed = completed.ok_or("no call came in time")?;
        let mut customer = LoggedIn {
            email: self.user_id.clone(),
            password: self.password.clone(),
            phone: self.call_from.clone().unwrap_or_default(),
            access_token: String::new(),
            access_expires_at_us: 0,
            refresh_token: String::new(),
        };
        customer.take(completed.tokens.unwrap_or_default());
        let device_tokens = &mut environment.session.device_tokens;
        device_tokens.insert(self.user_id.clone(), completed.device_token);
        environment.session.customer = Some(customer);
        environment.session.write(&environment.folder)?;
        say!("logged in");
        Ok(())
    }
}

pub(super) async fn contracts(environment: &mut Environment) -> Result<(), Failure> {
    let bearer = logged_in(environment).await?;
    let mut request = ListContractsRequest::default();
    loop {
        let page = answered(
            environment
                .client
                .customer_view(&bearer)
                .list_contracts(request.clone())
                .await,
        )?;
        for row in page.contracts {
            say!(
                "{}  {}-{}  {}",
                row.contract_id,
                row.policy_number,
                row.branch_number,
                row.product_name
            );
            say!("    insured: {}; {}", row.insured_name, row.object_address);
            for phone in row.phones {
                let verdict = if phone.usable_for_login {
                    "usable for login"
                } else {
                    &phone.message
                };
                say!("    {} ({verdict})", phone.number);
            }
        }
        if page.next_page_token.is_empty() {
            return Ok(());
        }
        request.page_token = page.next_page_token;
    }
}

pub(super) async fn accidents(environment: &mut Environment) -> Result<(), Failure> {
    let bearer = logged_in(environment).await?;
    let mut request = ListAccidentsRequest::default();
    loop {
        let page = answered(
            environment
                .client
                .customer_view(&bearer)
                .list_accidents(request.clone())
                .await,
        )?;
        for row in page.accidents {
            say!(
                "{}  {}  {}  {}",
                row.accident_id,
                row.claim_number,
                row.kind,
                row.state
            );
            say!(
                "    {}; {} pictures sent, {} not sent yet",
                row.place,
                row.sent_images,
                row.unsent_images
            );
        }
        if page.next_page_token.is_empty() {
            return Ok(());
        }
        request.page_token = page.next_page_token;
    }
}

#[derive(Args)]
pub(super) struct Upload {
    /// The picture
    file: PathBuf,
    /// Accident (UUID), see `madoguchi accidents`
    #[arg(long, value_name = "ID")]
    accident: String,
}

impl Upload {
    pub(super) async fn execute(&self, environment: &mut Environment) -> Result<(), Failure> {
        let bearer = logged_in(environment).await?;
        let source = UploadSource {
            file_name: self
                .file
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default(),
            category: ImageCategory::DamagedProperty,
            bytes: std::fs::read(&self.file).map_err(|error| format!("{}: {error}", self.file.display()))?,
        };
        let finished = client::Upload::whole(&environment.client, &bearer, &self.accident, &source).await?;
        let image = finished.image.unwrap_or_default();
        match image.state() {
            ImageState::Refused => say!("refused: {} ({})", image.refusal_message, image.refusal_reason),
            _ => say!(
                "{}  {}  {} × {}",
                image.image_id,
                image.content_type,
                image.width,
                image.height
            ),
        }
        Ok(())
    }
}

#[derive(Args)]
pub(super) struct Send {
    /// Accident (UUID), see `madoguchi accidents`
    #[arg(long, value_name = "ID")]
    accident: String,
    /// A word to the adjuster
    #[arg(long, default_value = "")]
    note: String,
}

impl Send {
    pub(super) async fn execute(&self, environment: &mut Environment) -> Result<(), Failure> {
        let bearer = logged_in(environment).await?;
        let sent = send_submission(
            &environment.client,
            &bearer,
            &self.accident,
            &self.note,
            &request_id(),
        )
        .await;
        let sent = answered(sent)?;
        say!("{}  {} pictures", sent.submission_id, sent.image_ids.len());
        Ok(())
    }
}

/// The customer who logged in last, with tokens that are good.
pub(super) async fn logged_in(environment: &mut Environment) -> Result<Bearer, Failure> {
    let Some(customer) = &mut environment.session.customer else {
        return Err("nobody is logged in: madoguchi login --user-id … --password …".into());
    };
    let renewed = customer.refresh_if_due(&environment.client).await?;
    let bearer = customer.bearer();
    if renewed {
        environment.session.write(&environment.folder)?;
    }
    Ok(bearer)
}
