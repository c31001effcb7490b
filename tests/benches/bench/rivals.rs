//! The other sides: a bare INSERT by pgbench, and the crates cqrs-es and disintegrate, in the program tests/bench-baselines.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tokio::process::Command;

use crate::failure::Failure;
use crate::ledger::{event, random, stream};
use crate::server;

/// One row of what an event is, with a primary key and nothing else to keep: less than any event store can do with.
const BARE_TABLE: &str = "CREATE TABLE IF NOT EXISTS bare (id bigserial PRIMARY KEY, stream text NOT NULL,
    revision bigint NOT NULL, event_id uuid NOT NULL, request_key uuid NOT NULL, type text NOT NULL, data json NOT NULL,
    metadata json NOT NULL, recorded_at timestamptz NOT NULL DEFAULT clock_timestamp())";

pub(crate) struct Rivals {
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Rivals {
    pub(crate) fn new(program: PathBuf) -> Result<Self, Failure> {
        if !program.is_file() {
            let missing = format!("{} is missing: `make bench` builds it", program.display());
            return Err(missing.into());
        }
        Ok(Self {
            program,
            folder: tempfile::tempdir()?,
        })
    }

    /// Appends a second of one of the crates.
    pub(crate) async fn crate_appends(
        &self,
        name: &str,
        url: &str,
        clients: usize,
        time: Duration,
    ) -> Result<f64, Failure> {
        let mut command = Command::new(&self.program);
        command.args([name, url, &clients.to_string(), &time.as_secs_f64().to_string()]);
        Ok(output(&mut command).await?.trim().parse()?)
    }

    /// Bare INSERTs a second, prepared, each its own transaction.
    pub(crate) async fn inserts(&self, url: &str, clients: usize, time: Duration) -> Result<f64, Failure> {
        let mut connection = PgConnection::connect(url).await?;
        sqlx::query(BARE_TABLE).execute(&mut connection).await?;
        connection.close().await?;
        let script = self.script()?;
        // Its clock runs while it connects, and without one transaction it reports no rate.
        let seconds = time.as_secs().max(3).to_string();
        let threads = std::thread::available_parallelism()?
            .get()
            .min(clients)
            .to_string();
        let mut command = Command::new(server::program("pgbench"));
        command.args([
            "--no-vacuum",
            "--protocol=prepared",
            "--client",
            &clients.to_string(),
        ]);
        command.args(["--jobs", &threads, "--time", &seconds, "--file"]);
        command.arg(&script).arg(url);
        rate(&output(&mut command).await?)
    }

    fn script(&self) -> Result<PathBuf, Failure> {
        let stream = stream(random());
        let event = event(&stream);
        let script = format!(
            "INSERT INTO bare (stream, revision, event_id, request_key, type, data, metadata) \
             VALUES ('{stream}', 0, '{}', '{}', '{}', '{}', '{}');\n",
            event.id.as_uuid(),
            event.metadata.request_key,
            event.event_type,
            event.data,
            serde_json::to_string(&event.metadata)?,
        );
        let path: &Path = self.folder.path();
        let path = path.join("insert.sql");
        std::fs::write(&path, script)?;
        Ok(path)
    }
}

/// pgbench's own figure, which leaves out connecting.
fn rate(report: &str) -> Result<f64, Failure> {
    let line = report.lines().find_map(|line| line.strip_prefix("tps = "));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("pgbench reported no rate")?.parse()?)
}

async fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command.output().await?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        let program = command.as_std().get_program().display();
        return Err(format!("{program} failed: {words}").into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
