//! Into new databases and folders, before any service is started on them.

use std::path::Path;

use sqlx::{Connection as _, PgConnection};

use super::{BackupError, Manifest, VIEWS, files, program};
use crate::deployment::Places;

/// Tables of anybody but PostgreSQL itself.
const HAS_TABLES: &str = "SELECT EXISTS (SELECT FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema'))";

/// Restores the backup in `from` into `places`, whose databases and folders must be empty. Nothing is written before
/// the whole backup and all places were looked at.
///
/// # Errors
/// When the backup is damaged, a place is not empty, or a program fails; a database then holds all of its dump or nothing.
pub async fn restore(
    places: &Places,
    from: &Path,
    mut tell: impl FnMut(&str),
) -> Result<Manifest, BackupError> {
    let manifest = Manifest::read(from)?;
    let databases = places.databases();
    let unmatched = |part: &str, there, missing| BackupError::Unmatched {
        part: part.to_owned(),
        there,
        missing,
    };
    let mut matched = Vec::new();
    for dump in &manifest.dumps {
        let place = databases.iter().find(|(name, _)| *name == dump.name);
        let (name, url) = place.ok_or_else(|| unmatched(&dump.name, "backup", "settings"))?;
        matched.push((*name, *url));
    }
    for (name, url) in &databases {
        let there = manifest.dumps.iter().any(|dump| dump.name == *name);
        if !there && *name != VIEWS {
            return Err(unmatched(name, "settings", "backup"));
        }
        refuse_tables(name, url).await?;
    }
    let mut folders = Vec::new();
    for part in &manifest.files {
        let folder = places.files.get(&part.service);
        let folder = folder.ok_or_else(|| unmatched(&part.service, "backup", "settings"))?;
        if !files::is_empty(folder) {
            return Err(BackupError::NotEmpty {
                place: folder.display().to_string(),
            });
        }
        folders.push((part, folder));
    }

    for (name, url) in matched {
        program::restore(name, url, &from.join(format!("{name}.dump"))).await?;
        tell(&format!("{name}: restored"));
    }
    for (part, folder) in folders {
        let source = from.join("files").join(&part.service);
        let copied = files::copy_folder(&source, folder)?;
        if (copied.files, copied.bytes) != (part.files, part.bytes) {
            return Err(BackupError::Damaged { path: source });
        }
        tell(&format!("{}: {} files restored", part.service, copied.files));
    }
    Ok(manifest)
}

async fn refuse_tables(name: &str, url: &str) -> Result<(), BackupError> {
    let failed = |doing| BackupError::database(name, doing);
    let mut connection = PgConnection::connect(url).await.map_err(failed("connecting"))?;
    let has_tables: bool = sqlx::query_scalar(HAS_TABLES)
        .fetch_one(&mut connection)
        .await
        .map_err(failed("looking for tables"))?;
    connection.close().await.map_err(failed("closing"))?;
    if has_tables {
        return Err(BackupError::NotEmpty {
            place: format!("database {name}"),
        });
    }
    Ok(())
}
