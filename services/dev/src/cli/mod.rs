//! The `madoguchi` program's commands: `run` for everything at once, and a small client for what runs.

mod account;
mod book;
mod carrier;
mod customer;
mod load;
mod run;
mod staff;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::output;
use crate::reference;
use crate::session::Session;
use crate::stack::{DataFolder, Description, Secrets};
use client::Client;

/// Any reason why a command failed, told once, to whoever typed it.
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(
    name = "madoguchi",
    version,
    about = "Madoguchi on your machine: all services, sample data, a small client"
)]
struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

/// Where the stack keeps its data.
#[derive(Args)]
struct Place {
    /// Data folder: servers, secrets, logs, stack.json
    #[arg(long, global = true, value_name = "DIR", default_value = "data")]
    data: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Start everything, import the sample book, play the journey, stay up until Ctrl-C
    Run(run::Run),
    /// Write the sample book as CSV files
    Sample(book::Sample),
    /// Register with the printed initial credentials
    Register(account::Register),
    /// Log in with password and phone call
    Login(customer::Login),
    /// List the customer's contracts
    Contracts,
    /// Change the telephone numbers of a contract: shown first, with --yes submitted
    ChangePhones(account::ChangePhones),
    /// List the customer's accidents
    Accidents,
    /// Hand in a picture
    Upload(customer::Upload),
    /// Send the pictures handed in for an accident
    Send(customer::Send),
    /// List an adjuster's queue
    Queue(staff::Queue),
    /// List the pictures of an accident, and save them as they are shown
    Gallery(staff::Gallery),
    /// Save the original of a picture
    Download(staff::Download),
    /// Show what happened to a contract's policyholder: registration, logins, calls
    Timeline(staff::Timeline),
    /// Be the carrier: report a call to a line
    Call(carrier::Call),
    /// Multiply what a stopped stack has written, and measure a rebuild of the views over it
    Load(load::Load),
    /// Print a staff token
    StaffToken(staff::StaffToken),
    /// Write docs/api-reference.md anew
    ApiReference,
}

/// Runs the command that was typed.
pub fn main() -> ExitCode {
    service::private_files();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    match runtime.block_on(dispatch(cli)) {
        Ok(code) => code,
        Err(failure) => fail(&failure),
    }
}

async fn dispatch(cli: Cli) -> Result<ExitCode, Failure> {
    let data = cli.place.data;
    match cli.command {
        Command::Run(run) => return run.execute(&data).await,
        Command::Sample(sample) => sample.execute()?,
        Command::Login(login) => login.execute(&mut Environment::open(&data)?).await?,
        Command::Register(register) => register.execute(&Environment::open(&data)?).await?,
        Command::ChangePhones(change) => change.execute(&mut Environment::open(&data)?).await?,
        Command::Contracts => customer::contracts(&mut Environment::open(&data)?).await?,
        Command::Accidents => customer::accidents(&mut Environment::open(&data)?).await?,
        Command::Upload(upload) => upload.execute(&mut Environment::open(&data)?).await?,
        Command::Send(send) => send.execute(&mut Environment::open(&data)?).await?,
        Command::Queue(queue) => queue.execute(&Environment::open(&data)?).await?,
        Command::Gallery(gallery) => gallery.execute(&Environment::open(&data)?).await?,
        Command::Download(download) => download.execute(&Environment::open(&data)?).await?,
        Command::Timeline(timeline) => timeline.execute(&Environment::open(&data)?).await?,
        Command::Call(call) => call.execute(&Environment::open(&data)?).await?,
        Command::Load(load) => load.execute(&data).await?,
        Command::StaffToken(token) => token.execute(&Environment::open(&data)?)?,
        Command::ApiReference => {
            let repository = reference::repository();
            std::fs::write(repository.join(reference::PAGE), reference::compose(&repository)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn fail(failure: &Failure) -> ExitCode {
    output::error(format_args!("madoguchi: {failure}"));
    ExitCode::FAILURE
}

/// What a command against a running stack works with.
struct Environment {
    folder: DataFolder,
    client: Client,
    secrets: Secrets,
    session: Session,
}

impl Environment {
    fn open(data: &Path) -> Result<Self, Failure> {
        let description = Description::read(data)
            .map_err(|error| format!("nothing runs here yet; start it with `madoguchi run` ({error})"))?;
        let folder = DataFolder::open(data)?;
        let secrets = Secrets::open(&folder)?;
        let session = Session::read(&folder);
        Ok(Self {
            client: Client::new(&description.services)?,
            folder,
            secrets,
            session,
        })
    }

    /// A staff token of this person with these roles, good for an hour.
    fn staff_token(&self, id: &str, roles: &[&str]) -> Result<String, Failure> {
        use kernel::Clock as _;
        Ok(self
            .secrets
            .staff()
            .token(id, roles, kernel::SystemClock.now().as_second(), 3_600)?)
    }
}
