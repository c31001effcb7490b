//! `erasure`: what two members of staff do to have a person erased (OP-4), and how anybody proves a certificate. Who acts is
//! who the token says.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use client::{Bearer, Client, answered, request_id};
use contracts::identity::v1::{
    ApproveErasureRequest, Erasure as Shown, ErasureGround, GetCertificateKeysRequest, GetErasureRequest,
    HoldReason, ListPendingErasuresRequest, PlaceLegalHoldRequest, RejectErasureRequest,
    ReleaseLegalHoldRequest, RequestErasureRequest,
};
use contracts::names::IDENTITY;
use kernel::{CustomerNumber, SubjectId};
use serde::Serialize;
use service::{ErasureCertificate, verify_certificate};

use super::{Context, time};
use crate::failure::{Failure, Kind};

/// What can be done about a person's data.
#[derive(Subcommand)]
pub(super) enum Erasure {
    /// Ask for a person's erasure
    Request {
        #[command(flatten)]
        person: Person,
        /// Why
        #[arg(long, value_enum, default_value = "subject-request")]
        ground: Ground,
    },
    /// Approve it, as another person than the one who asked; there is no way back
    Approve {
        #[command(flatten)]
        person: Person,
    },
    /// Reject it, or take it back
    Reject {
        #[command(flatten)]
        person: Person,
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
    },
    /// Release a hold
    Release {
        #[command(flatten)]
        person: Person,
        /// The hold, see `erasure show`
        #[arg(long, value_name = "UUID")]
        hold: String,
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
    certificate: Certificate,
    /// Key set to verify by, kept from another time; by default the one identity serves
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Certificate {
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
pub(super) enum Ground {
    SubjectRequest,
    RetentionOver,
    Unlawful,
}

impl From<Ground> for ErasureGround {
    fn from(ground: Ground) -> Self {
        match ground {
            Ground::SubjectRequest => Self::SubjectRequest,
            Ground::RetentionOver => Self::RetentionOver,
            Ground::Unlawful => Self::Unlawful,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Reason {
    RetentionDuty,
    Litigation,
    OpenClaim,
    Authority,
}

impl From<Reason> for HoldReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::RetentionDuty => Self::RetentionDuty,
            Reason::Litigation => Self::Litigation,
            Reason::OpenClaim => Self::OpenClaim,
            Reason::Authority => Self::Authority,
        }
    }
}

impl Person {
    fn subject_id(&self) -> Result<String, Failure> {
        match (&self.customer, self.subject) {
            (Some(number), _) => {
                let number = CustomerNumber::parse(number)
                    .map_err(|error| Failure::usage(format!("--customer {number}: {error}")))?;
                Ok(SubjectId::of_customer(&number).to_string())
            }
            (None, Some(subject)) => Ok(subject.to_string()),
            (None, None) => Err(Failure::usage("name a person: --customer or --subject")),
        }
    }
}

/// How a person stands.
#[derive(Serialize)]
struct ErasureStatus {
    subject_id: String,
    state: String,
    requested_by: String,
    requested_at: String,
    approved_by: String,
    approved_at: String,
    holds: Vec<LegalHold>,
    certificate: String,
}

#[derive(Serialize)]
struct LegalHold {
    hold_id: String,
    reason: String,
    reference: String,
}

impl From<Shown> for ErasureStatus {
    fn from(shown: Shown) -> Self {
        let holds = shown.holds.iter().map(|hold| LegalHold {
            hold_id: hold.hold_id.clone(),
            reason: plain(hold.reason().as_str_name(), "HOLD_REASON_"),
            reference: hold.reference.clone(),
        });
        Self {
            holds: holds.collect(),
            state: plain(shown.state().as_str_name(), "ERASURE_STATE_"),
            requested_at: time(shown.requested_at_us),
            approved_at: time(shown.approved_at_us),
            subject_id: shown.subject_id,
            requested_by: shown.requested_by,
            approved_by: shown.approved_by,
            certificate: shown.certificate,
        }
    }
}

/// The name of a value without that of its kind.
fn plain(name: &str, kind: &str) -> String {
    name.strip_prefix(kind).unwrap_or(name).to_owned()
}

impl fmt::Display for ErasureStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  {}", self.subject_id, self.state)?;
        for (what, by, at) in [
            ("requested", &self.requested_by, &self.requested_at),
            ("approved", &self.approved_by, &self.approved_at),
        ] {
            if !by.is_empty() {
                writeln!(f, "  {what} by {by} at {at}")?;
            }
        }
        for hold in &self.holds {
            writeln!(f, "  hold {}  {}  {}", hold.hold_id, hold.reason, hold.reference)?;
        }
        if self.certificate.is_empty() {
            return Ok(());
        }
        writeln!(f, "  certificate {}", self.certificate)
    }
}

impl Erasure {
    pub(super) async fn execute(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Request { person, ground } => request(context, &person, ground).await,
            Self::Approve { person } => approve(context, &person).await,
            Self::Reject { person } => reject(context, &person).await,
            Self::Hold {
                person,
                reason,
                reference,
            } => hold(context, &person, reason, reference).await,
            Self::Release { person, hold } => release(context, &person, hold).await,
            Self::Show { person } => {
                let (client, staff) = identity(context)?;
                show(
                    context,
                    Some(erasure_of(&client, &staff, person.subject_id()?).await?),
                );
                Ok(())
            }
            Self::List => list(context).await,
            Self::Verify(verify) => verify.execute(context).await,
        }
    }
}

fn identity(context: &Context) -> Result<(Client, Bearer), Failure> {
    Ok((
        context.deployment.client_of(&[IDENTITY])?,
        context.deployment.staff()?,
    ))
}

fn show(context: &Context, erasure: Option<Shown>) {
    context.result(&ErasureStatus::from(erasure.unwrap_or_default()));
}

async fn request(context: &Context, person: &Person, ground: Ground) -> Result<(), Failure> {
    let request = RequestErasureRequest {
        request_id: request_id(),
        subject_id: person.subject_id()?,
        ground: ErasureGround::from(ground).into(),
    };
    let (client, staff) = identity(context)?;
    show(
        context,
        answered(client.erasures(&staff).request_erasure(request).await)?.erasure,
    );
    Ok(())
}

async fn approve(context: &Context, person: &Person) -> Result<(), Failure> {
    let request = ApproveErasureRequest {
        request_id: request_id(),
        subject_id: person.subject_id()?,
    };
    let (client, staff) = identity(context)?;
    show(
        context,
        answered(client.erasures(&staff).approve_erasure(request).await)?.erasure,
    );
    Ok(())
}

async fn reject(context: &Context, person: &Person) -> Result<(), Failure> {
    let request = RejectErasureRequest {
        request_id: request_id(),
        subject_id: person.subject_id()?,
    };
    let (client, staff) = identity(context)?;
    show(
        context,
        answered(client.erasures(&staff).reject_erasure(request).await)?.erasure,
    );
    Ok(())
}

/// A hold that was placed or released.
#[derive(Serialize)]
struct Held {
    hold_id: String,
    released: bool,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let released = if self.released { " released" } else { "" };
        write!(f, "hold {}{released}", self.hold_id)
    }
}

async fn hold(context: &Context, person: &Person, reason: Reason, reference: String) -> Result<(), Failure> {
    let request = PlaceLegalHoldRequest {
        request_id: request_id(),
        subject_id: person.subject_id()?,
        reason: HoldReason::from(reason).into(),
        reference,
    };
    let (client, staff) = identity(context)?;
    let hold_id = answered(client.erasures(&staff).place_legal_hold(request).await)?.hold_id;
    context.result(&Held {
        hold_id,
        released: false,
    });
    Ok(())
}

async fn release(context: &Context, person: &Person, hold_id: String) -> Result<(), Failure> {
    let request = ReleaseLegalHoldRequest {
        request_id: request_id(),
        subject_id: person.subject_id()?,
        hold_id: hold_id.clone(),
    };
    let (client, staff) = identity(context)?;
    answered(client.erasures(&staff).release_legal_hold(request).await)?;
    context.result(&Held {
        hold_id,
        released: true,
    });
    Ok(())
}

async fn erasure_of(client: &Client, staff: &Bearer, subject_id: String) -> Result<Shown, Failure> {
    let request = GetErasureRequest { subject_id };
    let shown = answered(client.erasures(staff).get_erasure(request).await)?;
    Ok(shown.erasure.unwrap_or_default())
}

/// What waits for a second person.
#[derive(Serialize)]
struct Pending {
    erasures: Vec<ErasureStatus>,
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.erasures.is_empty() {
            return f.write_str("nothing waits");
        }
        self.erasures.iter().try_for_each(|erasure| erasure.fmt(f))
    }
}

async fn list(context: &Context) -> Result<(), Failure> {
    let (client, staff) = identity(context)?;
    let mut request = ListPendingErasuresRequest::default();
    let mut erasures = Vec::new();
    loop {
        let page = answered(
            client
                .erasures(&staff)
                .list_pending_erasures(request.clone())
                .await,
        )?;
        erasures.extend(page.erasures.into_iter().map(ErasureStatus::from));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    context.result(&Pending { erasures });
    Ok(())
}

/// A certificate that holds.
#[derive(Serialize)]
#[serde(transparent)]
struct Proven(ErasureCertificate);

impl fmt::Display for Proven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proven = &self.0;
        let digest = proven
            .key_digest
            .as_deref()
            .unwrap_or("none: no key had been made");
        writeln!(f, "the certificate holds")?;
        writeln!(f, "  subject     {}", proven.sub)?;
        writeln!(f, "  key         {} ({})", proven.key_id, proven.algorithm)?;
        writeln!(f, "  key digest  {digest}")?;
        writeln!(f, "  destroyed   {}", proven.destroyed_at)?;
        writeln!(f, "  ground      {}", proven.ground)?;
        writeln!(
            f,
            "  requested   {} at {}",
            proven.requested_by, proven.requested_at
        )?;
        writeln!(
            f,
            "  approved    {} at {}",
            proven.approved_by, proven.approved_at
        )?;
        match &proven.with_subject {
            Some(with) => writeln!(f, "  with        {with}, the last person the account saw"),
            None => Ok(()),
        }
    }
}

impl Verify {
    /// A certificate and a key set from files need no service and no token.
    async fn execute(self, context: &Context) -> Result<(), Failure> {
        let certificate = self.certificate.text(context).await?;
        let keys = if let Some(file) = &self.keys {
            read(file)?
        } else {
            let client = context.deployment.client_of(&[IDENTITY])?;
            let mut public = client.erasures(&Bearer::nobody());
            answered(public.get_certificate_keys(GetCertificateKeysRequest {}).await)?.jwks_json
        };
        let keys =
            serde_json::from_str(&keys).map_err(|error| Failure::usage(format!("the key set: {error}")))?;
        let proven = verify_certificate(certificate.trim(), &keys)
            .map_err(|error| Failure::new(Kind::Found, format!("the certificate proves nothing: {error}")))?;
        context.result(&Proven(proven));
        Ok(())
    }
}

impl Certificate {
    async fn text(self, context: &Context) -> Result<String, Failure> {
        if let Some(file) = &self.file {
            return read(file);
        }
        let person = Person {
            customer: self.customer,
            subject: self.subject,
        };
        let (client, staff) = identity(context)?;
        let erasure = erasure_of(&client, &staff, person.subject_id()?).await?;
        if erasure.certificate.is_empty() {
            return Err(Failure::new(
                Kind::Refused,
                "this person has no certificate: nobody has erased them",
            ));
        }
        Ok(erasure.certificate)
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))
}
