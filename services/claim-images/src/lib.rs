//! Claim images: accidents as imported, pictures taken in safely, and their way to the adjuster. This file is the wiring
//! and nothing else.

mod api;
pub mod content;
pub mod decoder;
pub mod domain;
mod erasure;
mod expiry;
mod failures;
mod folders;
mod judging;
mod originals;
mod publish;
mod sealing;
mod spool;
mod turns;
pub mod upload_limits;
mod uploads;
mod wire;

pub use publish::publish;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use contracts::claim_images::v1::claim_images_service_server::ClaimImagesServiceServer;
use service::{Context, Service, StartError, Wiring};
use tokio::sync::Semaphore;

use crate::decoder::{Confinement, Decoder};
use crate::domain::Accident;
use crate::erasure::Erasure;
use crate::expiry::Expiry;
use crate::judging::OneEach;
use crate::originals::Originals;
use crate::spool::Spool;
use crate::turns::Turns;
use crate::upload_limits::{MAX_FILE_BYTES, MIB, Quotas};
use crate::uploads::Uploads;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// A decoding child is killed after this time, one of HEIC after four times, whatever its own limits make of it.
const DECODER_WALL_CLOCK: Duration = Duration::from_secs(30);
const SECONDS_PER_HOUR: u64 = 3600;

service::configuration! {
    /// What this service alone needs.
    pub struct Config {
        /// Local folder for uploads on their way; each replica its own.
        pub spool_folder: PathBuf,
        /// Folder of originals and derivatives.
        pub originals_folder: PathBuf,
        /// Files judged at the same time; each holds the file in memory and runs a decoder of up to 768 MiB.
        pub decoders: u8 = 2,
        /// HEIC files judged at the same time, beside the others; each runs a decoder of up to 1536 MiB.
        pub heic_decoders: u8 = 1,
        /// The program to start as `program decode`; empty = this program itself.
        pub decoder_program: PathBuf = PathBuf::new(),
        /// Whether decoders are confined by every means, or by those that the kernel has: "required" or "available".
        pub decoder_confinement: Confinement = Confinement::Available,
        /// Seconds a file waits for its turn to be judged before the client is asked to come back.
        pub decoder_wait_s: u32 = 20,
        /// Seconds after which a connection that sends nothing is taken for dead.
        pub idle_timeout_s: u32 = 60,
        /// Hours after which an unfinished upload is dropped.
        pub upload_lifetime_h: u32 = 24,
        /// Uploads that one account may have under way.
        pub uploads_per_account: u32 = 20,
        /// MiB that one account's uploads under way may have together, as declared; at least 32.
        pub spool_mib_per_account: u32 = 256,
        /// MiB that all uploads under way may have together, as declared, on all replicas; at least 32.
        pub spool_mib: u32 = 10_240,
    }
}

pub struct ClaimImages;

impl Service for ClaimImages {
    const NAME: &'static str = contracts::names::CLAIM_IMAGES;
    const MESSAGES: &'static str = include_str!("../messages.toml");
    const LISTENS_TO: &'static [&'static str] = &[contracts::names::IDENTITY];
    type Config = Config;

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        vec![&MIGRATIONS]
    }

    fn publish() -> Option<messaging::Publish> {
        Some(publish)
    }

    async fn start(config: Config, context: Context, wiring: &mut Wiring) -> Result<(), StartError> {
        let quotas = quotas(&config)?;
        decoder::hide_memory().map_err(|error| StartError::new("hiding this process's memory", error))?;
        let decoder = Decoder::new(
            decoder_program(&config)?,
            DECODER_WALL_CLOCK,
            config.decoder_confinement,
        );
        decoder.check_confinement().await?;
        let accidents = context.repository::<Accident>();
        let spool = Spool::open(config.spool_folder.clone(), context.keyring.clone())
            .map_err(|error| StartError::setting("service.spool_folder", error))?;
        let originals = Originals::in_folder(&config.originals_folder, context.keyring.clone())
            .map_err(|error| StartError::setting("service.originals_folder", error))?;
        let (uploads, turns) = (Uploads(context.pool.clone()), Turns::default());
        let expiry = Expiry {
            uploads: uploads.clone(),
            spool: spool.clone(),
            originals: originals.clone(),
            turns: turns.clone(),
            accidents: accidents.clone(),
            tidied_at: Arc::default(),
        };
        expiry
            .tidy(context.clock.now())
            .await
            .map_err(|error| StartError::new("tidying the spool", error))?;
        wiring.deadlines("expired uploads", move |now| {
            let expiry = expiry.clone();
            async move {
                let dropped = expiry.drop_expired(now).await?;
                expiry.tidy(now).await?;
                Ok(dropped)
            }
        });
        wiring.on_erasure(
            "claim-images-erasures",
            Erasure {
                uploads: uploads.clone(),
                originals: originals.clone(),
            },
        )?;
        wiring.grpc(ClaimImagesServiceServer::new(api::Api {
            accidents,
            uploads,
            spool,
            originals,
            turns,
            decoder,
            one_each: OneEach::default(),
            judging: Arc::new(Semaphore::new(config.decoders.max(1).into())),
            judging_heic: Arc::new(Semaphore::new(config.heic_decoders.max(1).into())),
            decoder_wait: Duration::from_secs(config.decoder_wait_s.into()),
            idle_timeout: Duration::from_secs(config.idle_timeout_s.into()),
            quotas,
            upload_lifetime: Duration::from_secs(u64::from(config.upload_lifetime_h) * SECONDS_PER_HOUR),
            context,
        }));
        Ok(())
    }
}

fn quotas(config: &Config) -> Result<Quotas, StartError> {
    let bytes = |key: &str, mib: u32| {
        let bytes = u64::from(mib) * MIB;
        if bytes < MAX_FILE_BYTES {
            let least = MAX_FILE_BYTES / MIB;
            return Err(StartError::setting(
                key,
                format!("must be at least {least}, one file"),
            ));
        }
        Ok(bytes)
    };
    if config.uploads_per_account == 0 {
        return Err(StartError::setting(
            "service.uploads_per_account",
            "must be greater than 0",
        ));
    }
    Ok(Quotas {
        uploads_per_account: config.uploads_per_account,
        bytes_per_account: bytes("service.spool_mib_per_account", config.spool_mib_per_account)?,
        bytes: bytes("service.spool_mib", config.spool_mib)?,
    })
}

fn decoder_program(config: &Config) -> Result<PathBuf, StartError> {
    if config.decoder_program.as_os_str().is_empty() {
        return std::env::current_exe()
            .map_err(|error| StartError::setting("service.decoder_program", error));
    }
    Ok(config.decoder_program.clone())
}
