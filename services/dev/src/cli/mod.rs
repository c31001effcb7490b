//! The `madoguchi` program's commands: `run` for everything at once, and a small client for what runs.

mod book;
mod carrier;
mod customer;
mod erasure;
mod keyring;
mod load;
mod operations;
mod parked;
mod run;
mod staff;
mod views;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::output;
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
    /// Import contracts.csv, credentials.csv and accidents.csv of a folder; goes on where it was interrupted
    Import(book::Import),
    /// Log in with password and phone call
    Login(customer::Login),
    /// List the customer's contracts
    Contracts,
    /// List the customer's accidents
    Accidents,
    /// Hand in a picture
    Upload(customer::Upload),
    /// Send the pictures handed in for an accident
    Send(customer::Send),
    /// List an adjuster's queue
    Queue(staff::Queue),
    /// List the pictures of an accident, and save their thumbnails
    Gallery(staff::Gallery),
    /// Be the carrier: report a call to a line
    Call(carrier::Call),
    /// Have the views rebuilt from the services' feeds, while they serve; says what differed
    Rebuild(views::Rebuild),
    /// Have the views compared with what the services' feeds make; names the rows that differ
    Audit(views::Audit),
    /// Write a backup of all databases, at one moment, and of the files into a new folder; everything may go on meanwhile
    Backup(operations::Backup),
    /// Restore a backup into new, empty databases and folders, before any service is started on them
    Restore(operations::Restore),
    /// See the messages a service could not apply; have them replayed or discarded
    Parked(parked::Parked),
    /// Make what was deleted or erased vanish from the databases' files; locks each table while it is rewritten
    Housekeeping(operations::Housekeeping),
    /// Have a person erased, hold their data, prove a certificate
    #[command(subcommand)]
    Erasure(erasure::Erasure),
    /// Change the keyring's master key
    #[command(subcommand)]
    Keyring(keyring::Keyring),
    /// Multiply what a stopped stack has written, and measure a rebuild of the views over it
    Load(load::Load),
    /// Print a staff token
    StaffToken(staff::StaffToken),
}

/// Runs the command that was typed.
pub fn main() -> ExitCode {
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
        Command::Import(import) => return import.execute(&Ground::open(&data)?).await,
        Command::Login(login) => login.execute(&mut Ground::open(&data)?).await?,
        Command::Contracts => customer::contracts(&mut Ground::open(&data)?).await?,
        Command::Accidents => customer::accidents(&mut Ground::open(&data)?).await?,
        Command::Upload(upload) => upload.execute(&mut Ground::open(&data)?).await?,
        Command::Send(send) => send.execute(&mut Ground::open(&data)?).await?,
        Command::Queue(queue) => queue.execute(&Ground::open(&data)?).await?,
        Command::Gallery(gallery) => gallery.execute(&Ground::open(&data)?).await?,
        Command::Call(call) => call.execute(&Ground::open(&data)?).await?,
        Command::Rebuild(rebuild) => rebuild.execute(&Ground::open(&data)?).await?,
        Command::Audit(audit) => audit.execute(&Ground::open(&data)?).await?,
        Command::Backup(backup) => backup.execute(&data).await?,
        Command::Restore(restore) => restore.execute(&data).await?,
        Command::Parked(parked) => parked.execute(&Ground::open(&data)?).await?,
        Command::Housekeeping(housekeeping) => housekeeping.execute(&data).await?,
        Command::Erasure(erasure) => erasure.execute(&Ground::open(&data)?).await?,
        Command::Keyring(keyring) => keyring.execute(&Ground::open(&data)?).await?,
        Command::Load(load) => load.execute(&data).await?,
        Command::StaffToken(token) => token.execute(&Ground::open(&data)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn fail(failure: &Failure) -> ExitCode {
    output::error(format_args!("madoguchi: {failure}"));
    ExitCode::FAILURE
}

/// What a command against a running stack works with.
struct Ground {
    folder: DataFolder,
    client: Client,
    secrets: Secrets,
    session: Session,
}

impl Ground {
    fn open(data: &std::path::Path) -> Result<Self, Failure> {
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
