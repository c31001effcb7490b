//! `madoguchi erasure`: what two members of staff do to have a person erased (OP-4), and how anybody proves a certificate.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use contracts::identity::v1::{
    ApproveErasureRequest, Erasure as Told, ErasureGround, GetCertificateKeysRequest, GetErasureRequest,
    HoldReason, ListPendingErasuresRequest, PlaceLegalHoldRequest, RejectErasureRequest,
    ReleaseLegalHoldRequest, RequestErasureRequest,
};
use kernel::{CustomerNumber, SubjectId, Timestamp};
use service::{ErasureCertificate, verify_certificate};

use super::{Failure, Ground};
use crate::say;
use client::{Bearer, answered, request_id};

/// What can be done about a person's data.
#[derive(Subcommand)]
pub(super) enum Erasure {
    /// Ask for a person's erasure
    Request {
        #[command(flatten)]
        person: Person,
        /// Why
        #[arg(long, value_enum, default_value = "subject-request")]
        ground: Why,
        /// Staff id of who asks
        #[arg(long, value_name = "ID", default_value = "S001")]
        by: String,
    },
    /// Approve it, as another person; there is no way back
    Approve {
        #[command(flatten)]
        person: Person,
        /// Staff id of who approves
        #[arg(long, value_name = "ID", default_value = "S002")]
        by: String,
    },
    /// Reject it, or take it back
    Reject {
        #[command(flatten)]
        person: Person,
        /// Staff id
        #[arg(long, value_name = "ID", default_value = "S002")]
        by: String,
    },
    /// Hold a person's data: no erasure until it is released
    Hold {
        #[command(flatten)]
        person: Person,
        /// Why
        #[arg(long, value_enum)]
        reason: Reason,
        /// The matter, as it is filed; no names
        #[arg(long)]
        reference: String,
        /// Staff id
        #[arg(long, value_name = "ID", default_value = "S001")]
        by: String,
    },
    /// Release a hold
    Release {
        #[command(flatten)]
        person: Person,
        /// The hold, see `erasure show`
        #[arg(long, value_name = "UUID")]
        hold: String,
        /// Staff id
        #[arg(long, value_name = "ID", default_value = "S001")]
        by: String,
    },
    /// Show how a person stands, with the certificate
    Show {
        #[command(flatten)]
        person: Person,
    },
    /// List what waits for a second person
    List,
    /// Prove a certificate: of a person, or of a file
    Verify(Verify),
}

/// Who it is about.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Person {
    /// Customer number in the core system
    #[arg(long, value_name = "NUMBER")]
    customer: Option<String>,
    /// Subject (UUID)
    #[arg(long, value_name = "UUID")]
    subject: Option<SubjectId>,
}

#[derive(Args)]
pub(super) struct Verify {
    #[command(flatten)]
    of: Of,
    /// Key set to verify by, kept from another time; by default the one identity serves
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Of {
    /// Customer number in the core system
    #[arg(long, value_name = "NUMBER")]
    customer: Option<String>,
    /// Subject (UUID)
    #[arg(long, value_name = "UUID")]
    subject: Option<SubjectId>,
    /// File with a certificate
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Why {
    SubjectRequest,
    RetentionOver,
    Unlawful,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Reason {
    RetentionDuty,
    Litigation,
    OpenClaim,
    Authority,
}

impl Person {
    fn subject(&self) -> Result<SubjectId, Failure> {
        match (&self.customer, self.subject) {
            (Some(number), _) => Ok(SubjectId::of_customer(&CustomerNumber::parse(number)?)),
            (None, Some(subject)) => Ok(subject),
            (None, None) => Err("name a person: --customer or --subject".into()),
        }
    }
}

impl Erasure {
    pub(super) async fn execute(&self, ground: &Ground) -> Result<(), Failure> {
        match self {
            Self::Request {
                person,
                ground: why,
                by,
            } => {
                let request = RequestErasureRequest {
                    request_id: request_id(),
                    subject_id: person.subject()?.to_string(),
                    ground: why.on_the_wire().into(),
                };
                let mut client = ground.client.erasures(&staff(ground, by)?);
                show(answered(client.request_erasure(request).await)?.erasure);
            }
            Self::Approve { person, by } => {
                let request = ApproveErasureRequest {
                    request_id: request_id(),
                    subject_id: person.subject()?.to_string(),
                };
                let mut client = ground.client.erasures(&staff(ground, by)?);
                show(answered(client.approve_erasure(request).await)?.erasure);
            }
            Self::Reject { person, by } => {
                let request = RejectErasureRequest {
                    request_id: request_id(),
                    subject_id: person.subject()?.to_string(),
                };
                let mut client = ground.client.erasures(&staff(ground, by)?);
                show(answered(client.reject_erasure(request).await)?.erasure);
            }
            Self::Hold {
                person,
                reason,
                reference,
                by,
            } => {
                let request = PlaceLegalHoldRequest {
                    request_id: request_id(),
                    subject_id: person.subject()?.to_string(),
                    reason: reason.on_the_wire().into(),
                    reference: reference.clone(),
                };
                let mut client = ground.client.erasures(&staff(ground, by)?);
                let hold = answered(client.place_legal_hold(request).await)?.hold_id;
                say!("hold {hold}");
            }
            Self::Release { person, hold, by } => {
                let request = ReleaseLegalHoldRequest {
                    request_id: request_id(),
                    subject_id: person.subject()?.to_string(),
                    hold_id: hold.clone(),
                };
                let mut client = ground.client.erasures(&staff(ground, by)?);
                answered(client.release_legal_hold(request).await)?;
                say!("released");
            }
            Self::Show { person } => show(Some(look_at(ground, person.subject()?).await?)),
            Self::List => list(ground).await?,
            Self::Verify(verify) => verify.execute(ground).await?,
        }
        Ok(())
    }
}

impl Why {
    const fn on_the_wire(self) -> ErasureGround {
        match self {
            Self::SubjectRequest => ErasureGround::SubjectRequest,
            Self::RetentionOver => ErasureGround::RetentionOver,
            Self::Unlawful => ErasureGround::Unlawful,
        }
    }
}

impl Reason {
    const fn on_the_wire(self) -> HoldReason {
        match self {
            Self::RetentionDuty => HoldReason::RetentionDuty,
            Self::Litigation => HoldReason::Litigation,
            Self::OpenClaim => HoldReason::OpenClaim,
            Self::Authority => HoldReason::Authority,
        }
    }
}

fn staff(ground: &Ground, id: &str) -> Result<Bearer, Failure> {
    Ok(Bearer::new(&ground.staff_token(id, &["supervisor"])?))
}

async fn look_at(ground: &Ground, subject: SubjectId) -> Result<Told, Failure> {
    let request = GetErasureRequest {
        subject_id: subject.to_string(),
    };
    let mut client = ground.client.erasures(&staff(ground, "S001")?);
    Ok(answered(client.get_erasure(request).await)?
        .erasure
        .unwrap_or_default())
}

async fn list(ground: &Ground) -> Result<(), Failure> {
    let mut client = ground.client.erasures(&staff(ground, "S001")?);
    let mut request = ListPendingErasuresRequest::default();
    loop {
        let page = answered(client.list_pending_erasures(request.clone()).await)?;
        if page.erasures.is_empty() && request.page_token.is_empty() {
            say!("nothing waits");
        }
        for erasure in page.erasures {
            say!("{}  asked for by {}", erasure.subject_id, erasure.requested_by);
        }
        if page.next_page_token.is_empty() {
            return Ok(());
        }
        request.page_token = page.next_page_token;
    }
}

fn show(erasure: Option<Told>) {
    let Some(erasure) = erasure else { return };
    let at = |micros| Timestamp::from_microsecond(micros).unwrap_or_default();
    say!("{}  {}", erasure.subject_id, erasure.state().as_str_name());
    if !erasure.requested_by.is_empty() {
        say!(
            "  asked for by {} at {}",
            erasure.requested_by,
            at(erasure.requested_at_us)
        );
    }
    if !erasure.approved_by.is_empty() {
        say!(
            "  approved by {} at {}",
            erasure.approved_by,
            at(erasure.approved_at_us)
        );
    }
    for hold in &erasure.holds {
        let reason = hold.reason().as_str_name();
        say!("  hold {}  {reason}  {}", hold.hold_id, hold.reference);
    }
    if !erasure.certificate.is_empty() {
        say!("  certificate {}", erasure.certificate);
    }
}

impl Verify {
    async fn execute(&self, ground: &Ground) -> Result<(), Failure> {
        let person = Person {
            customer: self.of.customer.clone(),
            subject: self.of.subject,
        };
        let certificate = match &self.of.file {
            Some(file) => std::fs::read_to_string(file)?,
            None => look_at(ground, person.subject()?).await?.certificate,
        };
        let keys = if let Some(file) = &self.keys {
            std::fs::read_to_string(file)?
        } else {
            let mut client = ground.client.erasures(&Bearer::nobody());
            answered(client.get_certificate_keys(GetCertificateKeysRequest {}).await)?.jwks_json
        };
        let proven = verify_certificate(certificate.trim(), &serde_json::from_str(&keys)?)?;
        print(&proven);
        Ok(())
    }
}

fn print(proven: &ErasureCertificate) {
    say!("the certificate holds");
    say!("  subject     {}", proven.sub);
    say!("  key         {} ({})", proven.key_id, proven.algorithm);
    let digest = proven
        .key_digest
        .as_deref()
        .unwrap_or("none: no key had been made");
    say!("  key digest  {digest}");
    say!("  destroyed   {}", proven.destroyed_at);
    say!("  ground      {}", proven.ground);
    say!("  asked       {} at {}", proven.requested_by, proven.requested_at);
    say!("  approved    {} at {}", proven.approved_by, proven.approved_at);
    if let Some(with) = proven.with_subject {
        say!("  with        {with}, the last person the account saw");
    }
}
