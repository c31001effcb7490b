//! One instant of several databases. First no cursor of any consumer may move, then no event may be appended; then every
//! database exports its snapshot, the keyring's last, and all go on. In this order, because a handler appends while it
//! holds its cursor: the other way round it would wait for us, and we for it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};

use super::BackupError;

/// How long a database may keep us, and so all others, waiting.
const LOCK_WITHIN: &str = "SET lock_timeout = '1s'; SET idle_in_transaction_session_timeout = 0";
const ATTEMPTS: u32 = 6;
/// PostgreSQL: a lock could not be had in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Every batch of a handler begins by locking its cursor.
const HOLD_CURSORS: &str = "BEGIN; LOCK TABLE messaging.subscription IN EXCLUSIVE MODE";
/// No rebuild ends while this is held: a dump names tables as its snapshot does not, and would read those of another generation.
const HOLD_VIEWS: &str = "BEGIN; LOCK TABLE rebuild.run IN SHARE MODE";
/// Every append holds this lock shared until it is committed.
const HOLD_APPENDS: &str = "SELECT pg_advisory_xact_lock(store.epoch_lock())";

/// The snapshots of one instant, good for as long as this lives.
pub struct Moment {
    snapshots: BTreeMap<String, (String, PgConnection)>,
    /// Hold the views' generations where they are.
    views: Vec<PgConnection>,
    paused: Duration,
}

struct Member {
    name: String,
    /// Holds the locks; a keyring has nothing to hold back.
    gate: Option<PgConnection>,
    /// Holds the views' generations where they are.
    views: Option<PgConnection>,
    reader: PgConnection,
}

impl Moment {
    /// Of these databases (URL by name). Those of services are held back while the snapshots are taken; others, like the
    /// keyring's, should stand at the end.
    pub async fn seize(databases: &[(&str, &str)]) -> Result<Self, BackupError> {
        let mut members = Vec::new();
        for (name, url) in databases {
            members.push(Member::open(name, url).await?);
        }
        let mut attempt = 1;
        let began = loop {
            match hold(&mut members).await {
                Ok(began) => break began,
                Err(BackupError::NoPause { .. }) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        };
        let mut snapshots = BTreeMap::new();
        let (mut gates, mut kept) = (Vec::new(), Vec::new());
        for Member {
            name,
            gate,
            views,
            mut reader,
        } in members
        {
            let snapshot = export(&mut reader)
                .await
                .map_err(BackupError::database(&name, "exporting its snapshot"))?;
            snapshots.insert(name, (snapshot, reader));
            gates.extend(gate);
            kept.extend(views);
        }
        for gate in gates {
            // A connection that breaks lets go as well.
            let _ = gate.close().await;
        }
        Ok(Self {
            snapshots,
            views: kept,
            paused: began.elapsed(),
        })
    }

    /// The id of a database's snapshot, for `pg_dump --snapshot`; empty for an unknown one, which it refuses.
    pub fn snapshot(&self, name: &str) -> &str {
        self.snapshots.get(name).map_or("", |(snapshot, _)| snapshot)
    }

    /// For how long appends and handlers were held back.
    pub const fn paused(&self) -> Duration {
        self.paused
    }

    /// Lets PostgreSQL clean up again what the snapshots still show, and the views be rebuilt.
    pub async fn release(self) {
        let readers = self.snapshots.into_values().map(|(_, reader)| reader);
        for connection in readers.chain(self.views) {
            let _ = connection.close().await;
        }
    }
}

impl Member {
    async fn open(name: &str, url: &str) -> Result<Self, BackupError> {
        let options: PgConnectOptions = url.parse().map_err(|_| BackupError::Url {
            database: name.to_owned(),
        })?;
        let options = options.application_name("madoguchi-backup");
        let reader = connect(&options)
            .await
            .map_err(BackupError::database(name, "connecting"))?;
        let mut gate = connect(&options)
            .await
            .map_err(BackupError::database(name, "connecting"))?;
        let service: bool = sqlx::query_scalar("SELECT to_regclass('messaging.subscription') IS NOT NULL")
            .fetch_one(&mut gate)
            .await
            .map_err(BackupError::database(name, "looking for its cursors"))?;
        Ok(Self {
            name: name.to_owned(),
            gate: service.then_some(gate),
            views: hold_views(name, &options).await?,
            reader,
        })
    }

    async fn hold(&mut self, what: &'static str) -> Result<(), BackupError> {
        let Some(gate) = &mut self.gate else {
            return Ok(());
        };
        match sqlx::raw_sql(what).execute(gate).await {
            Ok(_) => Ok(()),
            Err(error) if busy(&error) => Err(BackupError::NoPause {
                database: self.name.clone(),
            }),
            Err(error) => Err(BackupError::database(&self.name, "holding it back")(error)),
        }
    }
}

/// A connection that keeps rebuilds from ending, if this is the views' database.
async fn hold_views(name: &str, options: &PgConnectOptions) -> Result<Option<PgConnection>, BackupError> {
    let failed = || BackupError::database(name, "holding back rebuilds");
    let mut views = connect(options).await.map_err(failed())?;
    let are_here: bool = sqlx::query_scalar("SELECT to_regclass('rebuild.run') IS NOT NULL")
        .fetch_one(&mut views)
        .await
        .map_err(failed())?;
    if !are_here {
        return Ok(None);
    }
    sqlx::raw_sql(HOLD_VIEWS)
        .execute(&mut views)
        .await
        .map_err(failed())?;
    Ok(Some(views))
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    sqlx::raw_sql(LOCK_WITHIN).execute(&mut connection).await?;
    Ok(connection)
}

/// Holds all cursors, then all appends; since when. Lets go of everything when one cannot be had.
async fn hold(members: &mut [Member]) -> Result<Instant, BackupError> {
    let began = Instant::now();
    for what in [HOLD_CURSORS, HOLD_APPENDS] {
        for at in 0..members.len() {
            if let Err(error) = members[at].hold(what).await {
                for member in members.iter_mut() {
                    if let Some(gate) = &mut member.gate {
                        sqlx::raw_sql("ROLLBACK")
                            .execute(gate)
                            .await
                            .map_err(BackupError::database(&member.name, "letting go of it"))?;
                    }
                }
                return Err(error);
            }
        }
    }
    Ok(began)
}

async fn export(reader: &mut PgConnection) -> Result<String, sqlx::Error> {
    sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .execute(&mut *reader)
        .await?;
    sqlx::query_scalar("SELECT pg_export_snapshot()")
        .fetch_one(reader)
        .await
}

fn busy(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.as_deref() == Some(LOCK_NOT_AVAILABLE)
}
