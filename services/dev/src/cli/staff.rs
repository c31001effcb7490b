//! The commands of staff.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use client::{Bearer, Refusal, answered};
use contracts::claim_images::v1::{DerivativeSize, DownloadOriginalRequest, GetDerivativesRequest};
use contracts::views::v1::{
    CaptureFacts, CaptureState, ListGalleryRequest, ListQueueRequest, ListTimelineRequest,
};
use kernel::clock::instant_of_micros;

use super::{Environment, Failure};
use crate::say;

/// Who the adjuster commands ask as, if nobody is named and no journey was played.
const SOME_ADJUSTER: &str = "A001";

#[derive(Args)]
pub(super) struct Queue {
    /// Staff id; by default the adjuster of the last journey
    #[arg(long, value_name = "ID")]
    adjuster: Option<String>,
    /// Add this office's accidents without adjuster
    #[arg(long, default_value = "")]
    office: String,
}

impl Queue {
    pub(super) async fn execute(&self, environment: &Environment) -> Result<(), Failure> {
        let bearer = adjuster(environment, self.adjuster.as_deref())?;
        let mut request = ListQueueRequest {
            office: self.office.clone(),
            ..ListQueueRequest::default()
        };
        loop {
            let page = answered(
                environment
                    .client
                    .adjuster_view(&bearer)
                    .list_queue(request.clone())
                    .await,
            )?;
            if page.items.is_empty() && request.page_token.is_empty() {
                say!("nothing waits");
            }
            for item in page.items {
                say!(
                    "{}  {}  {} pictures  {}",
                    item.accident_id,
                    item.claim_number,
                    item.image_count,
                    item.policyholder_name
                );
                if !item.note.is_empty() {
                    say!("    {}", item.note);
                }
            }
            if page.next_page_token.is_empty() {
                return Ok(());
            }
            request.page_token = page.next_page_token;
        }
    }
}

#[derive(Args)]
pub(super) struct Gallery {
    /// Accident (UUID), see `madoguchi queue`
    #[arg(long, value_name = "ID")]
    accident: String,
    /// Staff id; by default the adjuster of the last journey
    #[arg(long, value_name = "ID")]
    adjuster: Option<String>,
    /// Folder to save the pictures in, as they are shown
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Save them large (1,600 px) instead of small (400 px)
    #[arg(long, requires = "out")]
    large: bool,
}

impl Gallery {
    pub(super) async fn execute(&self, environment: &Environment) -> Result<(), Failure> {
        let bearer = adjuster(environment, self.adjuster.as_deref())?;
        let mut request = ListGalleryRequest {
            accident_id: self.accident.clone(),
            ..ListGalleryRequest::default()
        };
        loop {
            let page = answered(
                environment
                    .client
                    .adjuster_view(&bearer)
                    .list_gallery(request.clone())
                    .await,
            )?;
            for image in page.images {
                say!(
                    "{}  {}  {} × {}  {}",
                    image.image_id,
                    image.content_type,
                    image.width,
                    image.height,
                    image.state().as_str_name()
                );
                for hint in &image.hints {
                    say!("    {}: {}", hint.code, hint.message);
                }
                if let Some(capture) = &image.capture {
                    say!("    {}", told(capture));
                }
            }
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        self.save(environment, &bearer).await
    }

    async fn save(&self, environment: &Environment, bearer: &Bearer) -> Result<(), Failure> {
        let Some(out) = &self.out else { return Ok(()) };
        std::fs::create_dir_all(out)?;
        let size = if self.large {
            DerivativeSize::Large
        } else {
            DerivativeSize::Small
        };
        let request = GetDerivativesRequest {
            accident_id: self.accident.clone(),
            image_ids: Vec::new(),
            size: size.into(),
        };
        let mut pictures = answered(
            environment
                .client
                .claim_images(bearer)
                .get_derivatives(request)
                .await,
        )?;
        while let Some(picture) = pictures.message().await.map_err(Refusal::from)? {
            if picture.missing_reason.is_empty() {
                let path = out.join(format!("{}.jpg", picture.image_id));
                std::fs::write(&path, picture.jpeg)?;
                say!("{}  {} × {}", path.display(), picture.width, picture.height);
            } else {
                say!("{}  {}", picture.image_id, picture.missing_message);
            }
        }
        Ok(())
    }
}

/// What the camera says, in one line.
fn told(capture: &CaptureFacts) -> String {
    let facts = [
        ("taken", &capture.taken_at),
        ("camera", &capture.camera),
        ("orientation", &capture.orientation),
        ("position", &capture.position),
    ];
    let facts = facts.map(|(name, fact)| {
        let fact = fact.clone().unwrap_or_default();
        match fact.state() {
            CaptureState::Parsed => format!("{name} {}", fact.value),
            CaptureState::Unreadable => format!("{name} unreadable"),
            CaptureState::Absent | CaptureState::Unspecified => format!("no {name}"),
        }
    });
    facts.join(", ")
}

#[derive(Args)]
pub(super) struct Download {
    /// Accident (UUID), see `madoguchi queue`
    #[arg(long, value_name = "ID")]
    accident: String,
    /// Picture (UUID), see `madoguchi gallery`
    #[arg(long, value_name = "ID")]
    image: String,
    /// File to write the original to; that it was handed out is recorded
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Staff id; by default the adjuster of the last journey
    #[arg(long, value_name = "ID")]
    adjuster: Option<String>,
}

impl Download {
    pub(super) async fn execute(&self, environment: &Environment) -> Result<(), Failure> {
        let bearer = adjuster(environment, self.adjuster.as_deref())?;
        let request = DownloadOriginalRequest {
            accident_id: self.accident.clone(),
            image_id: self.image.clone(),
        };
        let mut images = environment.client.claim_images(&bearer);
        let mut stream = answered(images.download_original(request).await)?;
        let mut original = Vec::new();
        while let Some(message) = stream.message().await.map_err(Refusal::from)? {
            original.extend(message.data);
        }
        std::fs::write(&self.out, &original)?;
        say!("{}  {} bytes", self.out.display(), original.len());
        Ok(())
    }
}

#[derive(Args)]
pub(super) struct Timeline {
    /// Contract (UUID) whose policyholder it is about
    #[arg(long, value_name = "ID")]
    contract: String,
    /// Staff id; by default the adjuster of the last journey
    #[arg(long, value_name = "ID")]
    adjuster: Option<String>,
}

impl Timeline {
    pub(super) async fn execute(&self, environment: &Environment) -> Result<(), Failure> {
        let bearer = adjuster(environment, self.adjuster.as_deref())?;
        let mut request = ListTimelineRequest {
            contract_id: self.contract.clone(),
            ..ListTimelineRequest::default()
        };
        loop {
            let mut view = environment.client.adjuster_view(&bearer);
            let page = answered(view.list_timeline(request.clone()).await)?;
            for entry in page.entries {
                let at = instant_of_micros(entry.occurred_at_us);
                say!("{at}  {}  {}  {}", entry.account_id, entry.kind, entry.detail);
            }
            if page.next_page_token.is_empty() {
                return Ok(());
            }
            request.page_token = page.next_page_token;
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Role {
    Adjuster,
    Supervisor,
    CallCentre,
    Administrator,
}

#[derive(Args)]
pub(super) struct StaffToken {
    /// What the person may do; may be given several times
    #[arg(long, required = true)]
    role: Vec<Role>,
    /// Staff id
    #[arg(long)]
    id: String,
}

impl StaffToken {
    pub(super) fn execute(&self, environment: &Environment) -> Result<(), Failure> {
        let roles: Vec<_> = self.role.iter().map(|role| role.name()).collect();
        say!("{}", environment.staff_token(&self.id, &roles)?);
        Ok(())
    }
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Adjuster => "adjuster",
            Self::Supervisor => "supervisor",
            Self::CallCentre => "call_centre",
            Self::Administrator => "administrator",
        }
    }
}

fn adjuster(environment: &Environment, named: Option<&str>) -> Result<Bearer, Failure> {
    let remembered = Some(environment.session.adjuster.as_str()).filter(|id| !id.is_empty());
    let id = named.or(remembered).unwrap_or(SOME_ADJUSTER);
    Ok(Bearer::new(&environment.staff_token(id, &["adjuster"])?))
}
