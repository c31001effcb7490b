//! `import`: the core system's files; `import differences`: what customers changed and newer rows contradict.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use client::files::{BadRow, Encoding, Mapping, Reading};
use client::import::{FileSummary, Files, Plan, import};
use contracts::endorsement::v1::{Difference, ListDifferencesRequest};
use contracts::names::{CLAIM_IMAGES, ENDORSEMENT, IDENTITY};
use kernel::Timestamp;
use serde::Serialize;

use super::{Context, time};
use crate::failure::{Failure, Kind};
use crate::output::ImportProgress;

/// Where an import remembers how far it is, and reports, unless told otherwise.
const STATE: &str = "import";

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Import {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    files: FilesArgs,
    /// Folder for the reports, and for what an interrupted import goes on from; by default `import` beside the files
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// When the core system wrote the files, RFC 3339; by default when each was last modified
    #[arg(long, value_name = "INSTANT")]
    as_of: Option<Timestamp>,
    /// The files' encoding (utf-8, utf-16le, utf-16be, cp932); by default told from their bytes
    #[arg(long)]
    encoding: Option<Encoding>,
    /// A TOML file that says what the columns are called in the files' headers
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Read and judge everything, and record nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
#[group(id = "import_files", required = true, multiple = true)]
struct FilesArgs {
    /// Folder with contracts.csv, credentials.csv and accidents.csv, which are all imported
    #[arg(conflicts_with_all = ["contracts", "credentials", "accidents"])]
    dir: Option<PathBuf>,
    /// A file of contracts, by itself or beside others
    #[arg(long, value_name = "FILE")]
    contracts: Option<PathBuf>,
    /// A file of credentials
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// A file of accidents
    #[arg(long, value_name = "FILE")]
    accidents: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// List the fields that customers changed online and that newer rows of the core system contradict
    Differences,
}

/// What became of the files.
#[derive(Serialize)]
struct Imported {
    files: Vec<FileSummary>,
    reports: PathBuf,
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            writeln!(f, "{}", file.reading())?;
            file.problems
                .iter()
                .try_for_each(|problem| told(f, file, problem))?;
            let taken = |trouble: &BadRow| told(f, file, trouble);
            file.troubles.iter().try_for_each(taken)?;
        }
        let dry_run = self.files.iter().any(|file| file.dry_run);
        if dry_run {
            writeln!(
                f,
                "dry run: nothing was recorded; this is what would become of the rows"
            )?;
        }
        for file in &self.files {
            writeln!(f, "{}", file.counts())?;
        }
        let reports = if dry_run { "*.dry-run.csv" } else { "*.report.csv" };
        write!(f, "reports: {}", self.reports.join(reports).display())
    }
}

fn told(f: &mut fmt::Formatter<'_>, file: &FileSummary, problem: &BadRow) -> fmt::Result {
    let column = if problem.column.is_empty() {
        "the line"
    } else {
        &problem.column
    };
    let (message, reason) = (&problem.message, &problem.reason);
    writeln!(
        f,
        "{}:{}: {column}: {message} ({reason})",
        file.file, problem.line
    )
}

impl Import {
    pub(super) async fn execute(self, context: &Context) -> Result<(), Failure> {
        match self.command {
            Some(Command::Differences) => differences(context).await,
            None => self.import(context).await,
        }
    }

    async fn import(self, context: &Context) -> Result<(), Failure> {
        let plan = self.plan()?;
        let client = context.deployment.client_of(&services_of(&plan.files))?;
        let administrator = context.deployment.staff()?;
        let files = import(&client, &administrator, &plan, &ImportProgress::default()).await?;
        let refused: usize = files.iter().map(|file| file.refused).sum();
        context.result(&Imported {
            files,
            reports: plan.state,
        });
        if refused > 0 {
            let others = if plan.dry_run {
                "would be taken"
            } else {
                "are imported"
            };
            let told = format!("{refused} lines were refused; the others {others}");
            return Err(
                Failure::new(Kind::Found, told).hint("mend these rows in the core system and import again")
            );
        }
        Ok(())
    }

    fn plan(self) -> Result<Plan, Failure> {
        let FilesArgs {
            dir,
            contracts,
            credentials,
            accidents,
        } = self.files;
        let first = [&contracts, &credentials, &accidents]
            .into_iter()
            .flatten()
            .next();
        let beside = first.and_then(|file| file.parent()).map(PathBuf::from);
        let folder = dir.clone().or(beside).unwrap_or_default();
        let files = match dir {
            Some(dir) => Files::in_folder(&dir),
            None => Files {
                contracts,
                credentials,
                accidents,
            },
        };
        let mapping = self.mapping.as_deref().map(Mapping::read).transpose();
        let mapping = mapping.map_err(|error| Failure::new(Kind::Usage, error.to_string()))?;
        Ok(Plan {
            files,
            state: self.state.unwrap_or_else(|| folder.join(STATE)),
            reading: Reading {
                encoding: self.encoding,
                mapping: mapping.unwrap_or_default(),
            },
            as_of: self.as_of,
            dry_run: self.dry_run,
        })
    }
}

/// Whose addresses are needed: endorsement knows the policies that the other files name.
fn services_of(files: &Files) -> Vec<&'static str> {
    let credentials = files.credentials.as_ref().map(|_| IDENTITY);
    let accidents = files.accidents.as_ref().map(|_| CLAIM_IMAGES);
    let named = [Some(ENDORSEMENT), credentials, accidents];
    named.into_iter().flatten().collect()
}

/// What differs from the core system.
#[derive(Serialize)]
struct Differences {
    differences: Vec<Differing>,
    unreadable_contract_ids: Vec<String>,
}

#[derive(Serialize)]
struct Differing {
    contract_id: String,
    policy_number: String,
    branch_number: String,
    role: String,
    field: String,
    changed_at: String,
    core_as_of: String,
}

impl From<Difference> for Differing {
    fn from(difference: Difference) -> Self {
        Self {
            contract_id: difference.contract_id,
            policy_number: difference.policy_number,
            branch_number: difference.branch_number,
            role: difference.role,
            field: difference.field,
            changed_at: time(difference.changed_at_us),
            core_as_of: time(difference.core_as_of_us),
        }
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for one in &self.differences {
            let Differing {
                policy_number,
                branch_number,
                role,
                field,
                changed_at,
                core_as_of,
                ..
            } = one;
            let role = role.to_lowercase();
            writeln!(
                f,
                "{policy_number}-{branch_number}: {field} of {role}: changed online {changed_at}, the core system says \
                 otherwise as of {core_as_of}"
            )?;
        }
        for id in &self.unreadable_contract_ids {
            writeln!(f, "contract {id}: what is recorded of it cannot be read")?;
        }
        match self.differences.len() {
            0 => write!(f, "nothing differs"),
            count => write!(f, "{count} differ"),
        }
    }
}

async fn differences(context: &Context) -> Result<(), Failure> {
    let client = context.deployment.client_of(&[ENDORSEMENT])?;
    let administrator = context.deployment.staff()?;
    let mut found = Differences {
        differences: Vec::new(),
        unreadable_contract_ids: Vec::new(),
    };
    let mut page_token = String::new();
    loop {
        let request = ListDifferencesRequest {
            page_size: 0,
            page_token,
        };
        let mut endorsement = client.endorsement(&administrator);
        let page = client::answered(endorsement.list_differences(request).await)?;
        found
            .differences
            .extend(page.differences.into_iter().map(Differing::from));
        found.unreadable_contract_ids.extend(page.unreadable_contract_ids);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let count = found.differences.len();
    context.result(&found);
    if count == 0 {
        return Ok(());
    }
    let told = format!("{count} fields differ from the core system");
    Err(Failure::new(Kind::Found, told)
        .hint("have the core system take over what its customers changed; its next file then confirms it"))
}
