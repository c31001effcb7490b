//! The parent's side of confinement: what it gives away of itself, whether a kernel that lacks a means is served on, and what it
//! says about that when the service starts (docs/adr/0031).

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use service::StartError;
use tokio::process::Command;

use super::confine::{self, Lacking};

/// Longer than trying the means takes on any machine.
const TRIAL: Duration = Duration::from_secs(10);
const SETTING: &str = "service.decoder_confinement";
/// How a child ends that was to be confined by every means and was not: it looked at no picture.
pub(super) const NOT_CONFINED: u8 = 77;

/// Whether pictures are decoded where the kernel lacks a means (`decoder_confinement`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confinement {
    /// Every means, or the service does not start.
    Required,
    /// The means that the kernel has.
    Available,
}

impl Confinement {
    /// The first argument of a child.
    pub(super) const fn argument(self) -> &'static str {
        match self {
            Self::Required => "decode-confined",
            Self::Available => "decode",
        }
    }

    pub(super) fn of_argument(argument: &str) -> Option<Self> {
        [Self::Required, Self::Available]
            .into_iter()
            .find(|confinement| confinement.argument() == argument)
    }

    /// Confines the child that calls this; says whether it may look at its picture.
    pub(super) fn confine(self) -> std::io::Result<bool> {
        let lacking = confine::confine()?;
        Ok(lacking.is_empty() || self == Self::Available)
    }
}

/// Nobody of the same user reads this process's memory or environment from here on: the master key is in them. Nor is it dumped.
pub fn hide_memory() -> std::io::Result<()> {
    Ok(nix::sys::prctl::set_dumpable(false)?)
}

/// Says what this machine's kernel lacks, a line for each means, as a child of this program finds it. Served on where the setting
/// says so.
pub(super) async fn check(program: &Path, confinement: Confinement) -> Result<(), StartError> {
    let lacking = match (lacking(program).await, confinement) {
        (Ok(lacking), _) => lacking,
        (Err(error), Confinement::Available) => {
            tracing::warn!(
                error = messaging::chain(&error),
                "whether decoders are confined is not known: the program does not say"
            );
            return Ok(());
        }
        (Err(error), Confinement::Required) => {
            return Err(StartError::new("asking how decoders are confined", error));
        }
    };
    for Lacking { means, why } in &lacking {
        tracing::warn!(
            ?means,
            why,
            advice = means.advice(),
            "decoders lack a means of confinement"
        );
    }
    if lacking.is_empty() || confinement == Confinement::Available {
        return Ok(());
    }
    let lacking: Vec<String> = lacking
        .iter()
        .map(|lacking| {
            format!(
                "{:?} ({}): {}",
                lacking.means,
                lacking.why,
                lacking.means.advice()
            )
        })
        .collect();
    let why = format!(
        "is \"required\", and this kernel lacks {}; or say \"available\"",
        lacking.join("; ")
    );
    Err(StartError::setting(SETTING, why))
}

async fn lacking(program: &Path) -> std::io::Result<Vec<Lacking>> {
    let trial = Command::new(program)
        .arg(confine::ARGUMENT)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(TRIAL, trial).await??;
    Ok(serde_json::from_slice(&output.stdout)?)
}
