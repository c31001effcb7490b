//! The program's commands. A command prints one result to standard output; progress goes to standard error.

mod databases;
mod erasure;
mod import;
mod keyring;
mod parked;
mod run;
mod service;
mod set_aside;
mod signing_keys;
mod views;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::deployment::Deployment;
use crate::failure::{EXIT_CODES, Failure, Kind};
use crate::output::{self, Format};

#[derive(Parser)]
#[command(
    name = "madoguchi-operate",
    version,
    about = "Operates a deployment of Madoguchi",
    long_about = "Operates a deployment of Madoguchi, whoever started it (docs/operations.md says when to do what).\n\n\
                  Commands that ask services need their addresses (--settings, or --identity http://host:port and so on) and a \
                  staff token (--token-file). Commands that work on databases and files (backup, restore, housekeeping) need the \
                  services' settings files (--settings) and no token; the services may run or not.",
    after_help = EXIT_CODES
)]
struct Cli {
    #[command(flatten)]
    deployment: Deployment,
    /// How the result is written to standard output
    #[arg(long, global = true, value_enum, default_value = "text")]
    output: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// See the messages a service could not apply; have them replayed or discarded
    #[command(subcommand)]
    Parked(parked::Parked),
    /// See the events a service could not publish or handle itself; have them tried again, or give them up
    #[command(subcommand)]
    SetAside(set_aside::SetAside),
    /// Show how current the views are, what they hold, and how the last rebuild or audit stands
    Views(views::Views),
    /// Have the views rebuilt from the services' feeds, while they serve; says what differed
    Rebuild(views::Rebuild),
    /// Have the views compared with what the services' feeds make; names the rows that differ
    Audit(views::Audit),
    /// Have a person erased, hold their data, prove a certificate
    #[command(subcommand)]
    Erasure(erasure::Erasure),
    /// Make the keyring's tables and give services their rights there; change its master key
    #[command(subcommand)]
    Keyring(keyring::Keyring),
    /// See the keys that identity signs with; change them before their time
    #[command(subcommand)]
    SigningKeys(signing_keys::SigningKeys),
    /// Make what was deleted or erased vanish from the databases' files; locks each table while it is rewritten
    Housekeeping(databases::Housekeeping),
    /// Write a backup of all databases, at one moment, and of the files into a new folder; everything may go on meanwhile
    Backup(databases::Backup),
    /// Restore a backup into new, empty databases and folders, before any service is started on them
    Restore(databases::Restore),
    /// Import the core system's contracts.csv, credentials.csv and accidents.csv; goes on where it was interrupted
    Import(import::Import),
}

/// What every command works with.
struct Context {
    deployment: Deployment,
    output: Format,
}

impl Context {
    /// Writes the command's result.
    fn result(&self, result: &(impl std::fmt::Display + serde::Serialize)) {
        output::result(self.output, result);
    }
}

/// The program as it is described: every command with its options.
pub fn program() -> clap::Command {
    Cli::command()
}

/// Runs the command that was typed.
pub fn main() -> ExitCode {
    ::service::private_files();
    let Cli {
        deployment,
        output,
        command,
    } = Cli::parse();
    let context = Context { deployment, output };
    let outcome = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(command.execute(&context)),
        Err(error) => Err(Failure::new(Kind::Failed, error.to_string())),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failure(output, &failure);
            failure.exit_code()
        }
    }
}

impl Command {
    async fn execute(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Parked(parked) => parked.execute(context).await,
            Self::SetAside(set_aside) => set_aside.execute(context).await,
            Self::Views(views) => views.execute(context).await,
            Self::Rebuild(rebuild) => rebuild.execute(context).await,
            Self::Audit(audit) => audit.execute(context).await,
            Self::Erasure(erasure) => erasure.execute(context).await,
            Self::Keyring(keyring) => keyring.execute(context).await,
            Self::SigningKeys(keys) => keys.execute(context).await,
            Self::Housekeeping(housekeeping) => housekeeping.execute(context).await,
            Self::Backup(backup) => backup.execute(context).await,
            Self::Restore(restore) => restore.execute(context).await,
            Self::Import(import) => import.execute(context).await,
        }
    }
}

/// A time as services tell it, in microseconds since the Unix epoch; empty where it is none.
fn time(micros: i64) -> String {
    if micros == 0 {
        return String::new();
    }
    kernel::Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_well_formed_and_every_one_and_every_option_says_what_it_is_for() {
        fn look(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} {}",
                    command.get_name(),
                    argument.get_id()
                );
            }
            command.get_subcommands().for_each(look);
        }
        let command = program();
        command.clone().debug_assert();
        look(&command);
    }
}
