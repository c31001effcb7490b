//! `madoguchi run`: what `make run` does.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use kernel::clock::jst_date;
use kernel::{Clock as _, SystemClock};
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;
use crate::journey::{self, Setting, Step};
use crate::sample::{self, Book, Recipe, SampleFile};
use crate::say;
use crate::session::Session;
use crate::stack::{DataFolder, SERVICES, Secrets, Stack, StackError};
use client::Client;

/// How often a stack that stays up is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long the token that is written for operators is good for.
const OPERATOR_TOKEN_HOURS: u32 = 12;
/// What a shell expects of a program ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

#[derive(Args)]
pub(super) struct Run {
    /// Stop after the journey; exit status 0 only if every check held
    #[arg(long)]
    once: bool,
    /// Hand in the pictures of this folder too
    #[arg(long, value_name = "DIR")]
    photos: Option<PathBuf>,
    /// Contracts of the sample book
    #[arg(long, value_name = "N", default_value_t = 2_016)]
    contracts: u32,
    /// Seed of the sample book
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Where the journey's result is written
    #[arg(long, value_name = "FILE", default_value = "target/journey.json")]
    report: PathBuf,
    /// Folder of the services' programs; by default this program's own
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

impl Run {
    pub(super) async fn execute(self, data: &Path) -> Result<ExitCode, Failure> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let played = tokio::select! {
            // Where a signal comes first, the stack is dropped with this work, and every process with the stack.
            played = Box::pin(self.start_and_play(data)) => Some(played?),
            _ = interrupt.recv() => None,
            _ = terminate.recv() => None,
        };
        let Some((mut stack, steps)) = played else {
            say!("\nstopped");
            return Ok(ExitCode::from(INTERRUPTED));
        };
        let passed = self.report(&mut stack, &steps)?;
        if !self.once {
            invite(&stack, &self.programs()?);
            tokio::select! {
                fallen = fallen(&mut stack) => say!("{fallen}"),
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        say!("\nstopping");
        stack.stop().await;
        Ok(if passed {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    async fn start_and_play(&self, data: &Path) -> Result<(Stack, Vec<Step>), Failure> {
        let programs = self.programs()?;
        say!(
            "starting PostgreSQL, NATS, {} services and the pages in {}",
            SERVICES.len(),
            data.display()
        );
        let mut stack = Stack::start(data, &programs).await?;
        let steps = self.play(&mut stack, &programs).await?;
        Ok((stack, steps))
    }

    fn programs(&self) -> Result<PathBuf, Failure> {
        Ok(match &self.programs {
            Some(programs) => programs.clone(),
            None => std::env::current_exe()?
                .parent()
                .map(Path::to_owned)
                .unwrap_or_default(),
        })
    }

    /// Prints and writes the result; whether every check held and every service still stands.
    fn report(&self, stack: &mut Stack, steps: &[Step]) -> Result<bool, Failure> {
        journey::print_table(steps);
        self.write_report(steps)?;
        let fallen = stack.fallen();
        if let Some(fallen) = &fallen {
            say!("\n{fallen}");
        }
        let passed = fallen.is_none() && steps.iter().all(|step| step.passed);
        say!(
            "\n{}; {}",
            if passed {
                "every check held"
            } else {
                "NOT every check held"
            },
            self.report.display()
        );
        Ok(passed)
    }

    async fn play(&self, stack: &mut Stack, programs: &Path) -> Result<Vec<Step>, Failure> {
        let folder = &stack.folder().clone();
        let (book, files) = book(folder, self.seed, self.contracts)?;
        let client = Client::new(&stack.description().services)?;
        let secrets = Secrets::open(folder)?;
        let photos = self.photos.clone();
        let setting = Setting {
            client: &client,
            secrets: &secrets,
            book: &book,
            files: &files,
            folder,
            programs,
            photos,
        };
        Ok(journey::play(&setting, stack).await)
    }

    fn write_report(&self, steps: &[Step]) -> Result<(), Failure> {
        if let Some(parent) = self.report.parent() {
            std::fs::create_dir_all(parent)?;
        }
        Ok(std::fs::write(&self.report, serde_json::to_vec_pretty(steps)?)?)
    }
}

/// The book of the run before if it was the same one, so that a second run on another day imports the same rows.
fn book(folder: &DataFolder, seed: u64, contracts: u32) -> Result<(Book, [SampleFile; 3]), Failure> {
    let kept = folder.file("sample/recipe.json");
    let before: Option<Recipe> = std::fs::read(&kept)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok());
    let recipe = before
        .filter(|before| (before.seed, before.contracts) == (seed, contracts))
        .unwrap_or_else(|| Recipe {
            seed,
            contracts,
            as_of: jst_date(SystemClock.now()),
        });
    let book = Book::compute(recipe);
    let files = sample::compose(&book);
    sample::write(&files, &folder.file("sample"))?;
    folder.write(&kept, &serde_json::to_string(&recipe)?)?;
    Ok((book, files))
}

/// The addresses, and commands to try.
fn invite(stack: &Stack, programs: &Path) {
    let data = stack.folder().path().display();
    let program = programs.join("madoguchi");
    let program = program.display();
    say!("\nThe services (gRPC, with reflection and health):");
    for (service, address) in &stack.description().services {
        say!("  {service:<20} {address}");
    }
    let session = Session::read(stack.folder());
    pages(stack, &session, &program.to_string());
    say!("\nLogs, secrets and stack.json are in {data}.\n\nTry, in another terminal:");
    say!("  {program} --data {data} contracts");
    say!("  {program} --data {data} queue");
    match session.customer {
        Some(customer) => say!(
            "  {program} --data {data} login --user-id {} --password '{}' --call-from {}",
            customer.email,
            customer.password,
            customer.phone
        ),
        None => say!("  {program} --data {data} call --help"),
    }
    operators(stack, programs);
    say!("\nCtrl-C stops everything.");
}

/// Where the customers' pages are, and with what the journey's customer logs in there.
fn pages(stack: &Stack, session: &Session, program: &str) {
    say!("\nThe customers' pages: {}", stack.pages_url());
    if let Some(customer) = &session.customer {
        say!("  user ID  {}\n  password {}", customer.email, customer.password);
        say!("  then be the carrier, with the line that the page shows:");
        say!(
            "  {program} --data {} call --line LINE --from {}",
            stack.folder().path().display(),
            customer.phone
        );
    }
}

/// What operators would type on this deployment, which knows it by its settings files and a token alone.
fn operators(stack: &Stack, programs: &Path) {
    let folder = stack.folder();
    let config = folder.file("config");
    say!("\nAs an operator (the token is good for {OPERATOR_TOKEN_HOURS} hours):");
    let token = Secrets::open(folder).and_then(|secrets| secrets.write_operator_token(OPERATOR_TOKEN_HOURS));
    match token {
        Ok(token) => {
            for command in ["audit", "rebuild", "parked list"] {
                say!(
                    "  {} {command} --settings {} --token-file {}",
                    programs.join("madoguchi-operate").display(),
                    config.display(),
                    token.display()
                );
            }
        }
        Err(error) => say!("  no token could be written: {error}"),
    }
}

/// Until a service ends by itself.
async fn fallen(stack: &mut Stack) -> StackError {
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        if let Some(fallen) = stack.fallen() {
            return fallen;
        }
    }
}
