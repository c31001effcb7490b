//! The journey: the main job from import to the adjuster's desk, played against the running services as their callers
//! would, each thing that must hold written down as a check.

mod address;
mod adjuster;
mod change;
mod checks;
mod customer;
mod erasure;
mod erasure_traces;
mod images;
mod importing;
mod login;
mod next_login;
mod outage;
mod pictures;
mod register;
mod sending;

use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel::{Clock as _, SystemClock};

use crate::sample::{Book, SampleFile};
use crate::session::{LoggedIn, Session};
use crate::stack::{DataFolder, Secrets, Stack};
use client::{Bearer, Client, answered};
use tonic::{Response, Status};

pub use checks::{Check, Step, print_table};
use checks::{Checks, Halt};
use customer::Customer;

/// How long an effect that travels over NATS may take to be seen: far longer than it does, so that no slow machine fails.
const SEEN_WITHIN: Duration = Duration::from_mins(5);
/// How long staff tokens are good for.
const STAFF_TOKEN_S: u32 = 3_600;

/// The steps' names, in order.
pub const STEPS: [&str; 9] = [
    "Import of the book of business",
    "Registration with the printed code",
    "Login with a phone call",
    "A changed phone number",
    "A changed address",
    "Pictures of an accident",
    "The adjuster's desk",
    "Views killed, JetStream wiped",
    "A customer is erased",
];

/// What the journey is played with.
pub struct Setting<'a> {
    /// Channels to the services.
    pub client: &'a Client,
    /// The staff issuer and the carrier's secret.
    pub secrets: &'a Secrets,
    pub book: &'a Book,
    /// Its files, as they were written to the data folder.
    pub files: &'a [SampleFile],
    /// Where things are remembered.
    pub folder: &'a DataFolder,
    /// The folder of the built programs.
    pub programs: &'a Path,
    /// A folder of the user's own pictures.
    pub photos: Option<PathBuf>,
}

/// The journey under way.
struct Journey<'a> {
    setting: &'a Setting<'a>,
    /// To take something away from under the services, and give it back.
    stack: &'a mut Stack,
    session: Session,
    customer: Customer,
    login: Option<LoggedIn>,
    handed_in: Option<sending::HandedIn>,
}

/// Plays the steps. A step that cannot go on ends the journey; the steps after it count as failed.
pub async fn play(setting: &Setting<'_>, stack: &mut Stack) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut session = Session::read(setting.folder);
    let mut checks = Checks::start(STEPS[0]);
    let imported = importing::import_book(setting, &session.erased, &mut checks).await;
    let customer = imported.and_then(|()| {
        let chosen = customer::choose(setting.book, &session.registered);
        checks.done("a sample customer is left who has not registered yet", chosen)
    });
    steps.push(checks.finish());
    if let Ok(customer) = customer {
        session.registered.push(customer.policy_number.clone());
        let mut journey = Journey {
            setting,
            stack,
            session,
            customer,
            login: None,
            handed_in: None,
        };
        journey.go_on(&mut steps).await;
    }
    steps.extend(STEPS.into_iter().skip(steps.len()).map(Step::not_taken));
    steps
}

impl Journey<'_> {
    async fn go_on(&mut self, steps: &mut Vec<Step>) {
        for name in STEPS.into_iter().skip(1) {
            let mut checks = Checks::start(name);
            let outcome = match steps.len() {
                1 => self.register(&mut checks).await,
                2 => self.log_in(&mut checks).await,
                3 => self.change_phones(&mut checks).await,
                4 => self.change_address(&mut checks).await,
                5 => self.hand_in(&mut checks).await,
                6 => self.look_as_adjuster(&mut checks).await,
                7 => self.survive_outage(&mut checks).await,
                _ => self.erase_somebody(&mut checks).await,
            };
            let remembered = self.remember();
            if let Err(error) = remembered {
                checks.check("the session is remembered", false, error);
            }
            steps.push(checks.finish());
            if outcome.is_err() {
                break;
            }
        }
    }

    fn remember(&mut self) -> Result<(), crate::stack::StackError> {
        self.session.customer.clone_from(&self.login);
        self.customer.adjuster.clone_into(&mut self.session.adjuster);
        self.session.write(self.setting.folder)
    }

    /// For calls in the customer's name, with tokens that are good for a while.
    async fn bearer(&mut self, checks: &mut Checks) -> Result<Bearer, Halt> {
        let Some(login) = &mut self.login else {
            checks.check("the customer is logged in", false, "no tokens");
            return Err(Halt);
        };
        let refreshed = login.refresh_if_due(self.setting.client).await;
        checks.done("the tokens are renewed in time", refreshed)?;
        Ok(login.bearer())
    }
}

impl Setting<'_> {
    /// Runs a command of the operators' program on this deployment; what it says where it fails.
    async fn operate(&self, arguments: &[&str]) -> Result<(), String> {
        let output = tokio::process::Command::new(self.programs.join("madoguchi-operate"))
            .args(arguments)
            .arg("--settings")
            .arg(self.folder.file("config"))
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|error| format!("madoguchi-operate: {error}"))?;
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
        }
    }

    /// For calls in the name of a staff member with these roles.
    fn staff(&self, id: &str, roles: &[&str], checks: &mut Checks) -> Result<Bearer, Halt> {
        let token = self
            .secrets
            .staff()
            .token(id, roles, SystemClock.now().as_second(), STAFF_TOKEN_S);
        Ok(Bearer::new(&checks.done("a staff token is issued", token)?))
    }
}

/// The answer of a view, which may still be behind what it is asked to show and then says so.
async fn shown_by_a_view<T>(
    checks: &mut Checks,
    what: &str,
    mut ask: impl AsyncFnMut() -> Result<Response<T>, Status>,
) -> Result<T, Halt> {
    let seen = until(checks, what, async || answered(ask().await)).await?;
    checks.check(what, true, "");
    Ok(seen)
}

/// Looks until `look` answers, at most [`SEEN_WITHIN`]; what was seen last instead becomes a failed check.
async fn until<T, E: std::fmt::Display>(
    checks: &mut Checks,
    what: &str,
    look: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, Halt> {
    match testkit::poll(SEEN_WITHIN, look).await {
        Ok(value) => Ok(value),
        Err(seen) => {
            let seen = seen.map_or_else(|| "no answer".to_owned(), |seen| seen.to_string());
            checks.check(
                what,
                false,
                format_args!("not within {} s; last seen: {seen}", SEEN_WITHIN.as_secs()),
            );
            Err(Halt)
        }
    }
}
