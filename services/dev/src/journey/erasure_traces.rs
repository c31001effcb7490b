//! What a person's data look like wherever something is written down, searched for before and after the erasure: a search
//! that found nothing before would prove nothing after.

use std::path::PathBuf;

use contracts::endorsement::v1::PartyRow;
use kernel::PhoneNumber;
use sqlx::{Connection as _, PgConnection};
use testkit::search::{Needle, Place, Search, files, tables};

use super::checks::{Checks, Halt};
use super::{Setting, until};
use crate::sample::Book;
use crate::stack::Description;

/// The schema whose plaintext is its purpose.
const VIEWS: &str = "view";

/// The values to look for.
pub(super) struct Traces(Vec<Needle>);

impl Traces {
    /// What the book says of this customer and of nobody else, and what the customer wrote.
    pub(super) fn of(book: &Book, customer_number: &str, own: &[&str]) -> Self {
        let mut theirs = Vec::new();
        let mut others = String::new();
        for contract in &book.contracts {
            let is_theirs = contract.credential.customer_number == customer_number;
            let parties = contract.row.policyholder.iter().chain(&contract.row.insured);
            let mut values: Vec<String> = vec![contract.row.object_address.clone()];
            let mut foreign = Vec::new();
            for party in parties {
                let of = if party.customer_number == customer_number {
                    &mut values
                } else {
                    &mut foreign
                };
                of.extend(of_party(party));
            }
            if is_theirs {
                theirs.extend(values);
                others.extend(foreign);
            } else {
                others.extend(values);
                others.extend(foreign);
            }
        }
        for accident in &book.accidents {
            if accident.customer_number == customer_number {
                theirs.push(accident.place.clone());
            } else {
                others.push_str(&accident.place);
            }
        }
        theirs.retain(|value| !others.contains(value.as_str()));
        theirs.sort();
        theirs.dedup();
        let named = theirs.iter().map(String::as_str).chain(own.iter().copied());
        Self(
            named
                .zip(1..)
                .filter_map(|(value, number)| Needle::text(&format!("value {number}"), value))
                .collect(),
        )
    }

    /// In the view's tables and in its database's files; nowhere else, because everything else is sealed.
    pub(super) async fn lie_where_they_should(
        &self,
        setting: &Setting<'_>,
        checks: &mut Checks,
    ) -> Result<(), Halt> {
        let search = Search::new(&self.0);
        let description = checks.done("the stack is described", Description::read(setting.folder.path()))?;
        let dumped = checks.done("the databases are dumped", dump(&description).await)?;
        let (views, elsewhere): (Vec<_>, Vec<_>) = dumped
            .into_iter()
            .partition(|place| place.name.contains(&format!(": {VIEWS}.")));
        let seen = search.lines(&views);
        checks.check(
            "canary: the search finds the person in the view",
            seen.len() >= 4,
            format_args!("{seen:?}"),
        );
        let unsealed = search.lines(&elsewhere);
        checks.check(
            "everywhere else their data are sealed",
            unsealed.is_empty(),
            unsealed.join("; "),
        );
        checks.done("the server writes its files", checkpoint(&description).await)?;
        let seen = search.lines_of_files(&description.postgres_data);
        let seen = checks.done("the server's files are read", seen)?;
        checks.check(
            "canary: the search finds the person in the database's files",
            seen.len() >= 4,
            format_args!("{seen:?}"),
        );
        Ok(())
    }

    /// OP-4, at once: what the services have heard from identity is gone within the time an event takes.
    pub(super) async fn are_in_no_dump(
        &self,
        setting: &Setting<'_>,
        checks: &mut Checks,
    ) -> Result<(), Halt> {
        const WHAT: &str = "OP-4: in no dump of any database, nor in JetStream, object files or logs";
        let search = Search::new(&self.0);
        let description = checks.done("the stack is described", Description::read(setting.folder.path()))?;
        let places = until(checks, WHAT, async || {
            let mut places = dump(&description).await.map_err(|error| error.to_string())?;
            for path in written(setting, &description) {
                places.extend(files(&path).map_err(|error| format!("{}: {error}", path.display()))?);
            }
            let seen = search.lines(&places);
            if seen.is_empty() {
                Ok(places)
            } else {
                Err(seen.join("; "))
            }
        })
        .await?;
        let bytes: usize = places.iter().map(|place| place.bytes.len()).sum();
        checks.check(
            WHAT,
            bytes > 1_000_000,
            format_args!("only {bytes} bytes were searched"),
        );
        Ok(())
    }

    pub(super) async fn are_in_no_file_after_housekeeping(
        &self,
        setting: &Setting<'_>,
        checks: &mut Checks,
    ) -> Result<(), Halt> {
        let done = setting.operate(&["housekeeping"]).await;
        checks.done("housekeeping is done while everything runs", done)?;
        let description = checks.done("the stack is described", Description::read(setting.folder.path()))?;
        let seen = Search::new(&self.0).lines_of_files(&description.postgres_data);
        let seen = checks.done("the server's files are read", seen)?;
        checks.check(
            "OP-4: after housekeeping they are in no database file: heap, index, WAL",
            seen.is_empty(),
            seen.join("; "),
        );
        Ok(())
    }
}

fn of_party(party: &PartyRow) -> Vec<String> {
    let mut values = vec![
        party.name.clone(),
        party.name_kana.clone(),
        party.address.clone(),
        party.email.clone(),
    ];
    for phone in &party.phones {
        let Ok(number) = PhoneNumber::parse(phone) else {
            continue;
        };
        // Without the plus, which some encodings change.
        values.extend([
            number.as_e164()[1..].to_owned(),
            number.national(),
            number.display(),
        ]);
    }
    values.retain(|value| !value.is_empty());
    values
}

/// Every table of every database, the keyring's too.
async fn dump(description: &Description) -> Result<Vec<Place>, sqlx::Error> {
    let mut places = Vec::new();
    for (database, url) in &description.databases {
        places.extend(tables(database, url, &[]).await?);
    }
    Ok(places)
}

/// JetStream, logs, spool and originals.
fn written(setting: &Setting<'_>, description: &Description) -> Vec<PathBuf> {
    let folder = setting.folder;
    let mut paths = vec![description.nats_store.clone()];
    paths.extend(["logs", "services", "nats/nats.log"].map(|part| folder.file(part)));
    let server = description.postgres_data.with_file_name("postgres.log");
    paths.extend(server.is_file().then_some(server));
    paths
}

/// What was written so far stands in heap and index too, not in WAL alone.
async fn checkpoint(description: &Description) -> Result<(), sqlx::Error> {
    let url = description.databases.get("views").map_or("", String::as_str);
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query("CHECKPOINT").execute(&mut connection).await?;
    connection.close().await
}
