//! What is kept where something is wrong: logs, the ledger, and every store's events as they are, sealed.

use std::fs;
use std::path::Path;

use crate::environment::{Environment, STORES};
use crate::failure::Failure;

const EVENTS: &str = "SELECT row_to_json(event)::text FROM store.event ORDER BY epoch, event.xid, position";

/// Copies it all into `folder`, over what an earlier run left there.
pub(crate) async fn keep(folder: &Path, environment: &Environment) -> Result<(), Failure> {
    fs::create_dir_all(folder)?;
    let data = environment.disks.folder();
    for entry in fs::read_dir(data.join("logs"))?.flatten() {
        fs::copy(entry.path(), folder.join(entry.file_name()))?;
    }
    for log in ["ledger.jsonl", "nats/nats.log", "postgres/postgres.log"] {
        let from = data.join(log);
        if let (true, Some(name)) = (from.is_file(), from.file_name()) {
            fs::copy(&from, folder.join(name))?;
        }
    }
    for service in STORES {
        let events: Vec<String> = sqlx::query_scalar(EVENTS)
            .fetch_all(environment.pool(service)?)
            .await?;
        fs::write(folder.join(format!("{service}.events.jsonl")), events.join("\n"))?;
    }
    Ok(())
}
