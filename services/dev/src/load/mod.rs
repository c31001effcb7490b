//! A long history, made of the short one that a stack has: every contract and accident the services wrote is written again
//! and again, each time under ids of its own, for people of their own, sealed with their own keys. Knows no event by its
//! type: what the services decided is multiplied, not imitated. The copies stand in the stores as if everybody but the
//! views had heard of them long ago, and JetStream has forgotten them: the views have the feeds to read.

mod copies;
mod follow;
mod heard;
mod measure;
mod template;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use contracts::names::{CLAIM_IMAGES, ENDORSEMENT};
use privacy::{Keyring, MasterKey};
use sqlx::{Connection as _, PgConnection, PgPool};

use crate::stack::{SERVICES, Stack, StackError};

pub use follow::{Following, follow};
pub use measure::{Figures, Load, measure};
use template::Template;

/// What is multiplied: a service and the category of its streams.
const MULTIPLIED: [(&str, &str); 2] = [(ENDORSEMENT, "contract"), (CLAIM_IMAGES, "accident")];

/// Why no history was made, or none was measured.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The stack has written nothing that could be multiplied.
    #[error("there is no {0} yet: import a book first")]
    Nothing(&'static str),
    /// A stored event is not what it should be.
    #[error("a stored event cannot be copied: {0}")]
    Event(String),
    /// A service, NATS or PostgreSQL.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// NATS did not come back.
    #[error(transparent)]
    Server(#[from] testkit::ServerError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Keyring(#[from] privacy::KeyringError),
    #[error("{}: {source}", path.display())]
    File {
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A service refused what was asked.
    #[error(transparent)]
    Refused(#[from] client::Refusal),
    /// Something did not happen in time, or not as it must.
    #[error("{0}")]
    Not(String),
}

/// Makes the stores hold at least `events` events more. Stops every service meanwhile; JetStream is empty afterwards.
/// Answers how many events were written.
pub async fn load(stack: &mut Stack, events: u64) -> Result<u64, LoadError> {
    for service in SERVICES {
        stack.kill(service).await;
    }
    let keyring = keyring(stack).await?;
    let written = multiply(stack, &keyring, events, MULTIPLIED).await?;
    heard::by_everybody_but_the_views(stack).await?;
    wipe_jetstream(stack).await?;
    for service in SERVICES {
        stack.restart(service).await?;
    }
    Ok(written)
}

async fn multiply(
    stack: &Stack,
    keyring: &Keyring,
    events: u64,
    multiplied: impl IntoIterator<Item = (&'static str, &'static str)>,
) -> Result<u64, LoadError> {
    let mut sources = Vec::new();
    for (service, category) in multiplied {
        let mut connection = PgConnection::connect(&stack.database_url(service)).await?;
        let template = Template::read(&mut connection, keyring, service, category).await?;
        sources.push((connection, Arc::new(template)));
    }
    let began = Instant::now();
    let (mut written, mut told) = (0, 0);
    while written < events {
        // Other copies than any load before.
        let copy: u128 = rand::random();
        let copies = sources
            .iter_mut()
            .map(|(connection, template)| copies::write(connection, keyring, template, copy));
        written += futures::future::try_join_all(copies)
            .await?
            .into_iter()
            .sum::<u64>();
        let tenth = written * 10 / events.max(1);
        if tenth > told {
            told = tenth;
            crate::say!(
                "  {written} of {events} events written, {:.0} s",
                began.elapsed().as_secs_f64()
            );
        }
    }
    for (mut connection, _) in sources {
        sqlx::raw_sql("ANALYZE store.event")
            .execute(&mut connection)
            .await?;
    }
    Ok(written)
}

async fn keyring(stack: &Stack) -> Result<Keyring, LoadError> {
    let pool = PgPool::connect(&stack.database_url("keyring")).await?;
    let path = stack.folder().file("secrets/master_key");
    let text = std::fs::read_to_string(&path).map_err(|source| LoadError::File {
        path: path.clone(),
        source,
    })?;
    let master = MasterKey::from_hex(text.trim()).map_err(|error| LoadError::Event(error.to_string()))?;
    Ok(Keyring::new(pool, master))
}

/// What a limited stream comes to by itself in time.
async fn wipe_jetstream(stack: &mut Stack) -> Result<(), LoadError> {
    let path = stack.description().nats_store.clone();
    stack.nats().stop().await;
    std::fs::remove_dir_all(&path).map_err(|source| LoadError::File { path, source })?;
    stack.nats().restart().await?;
    Ok(())
}
