//! Identity: registers policyholders, logs them in with a phone call as second factor, issues the tokens other services
//! accept. Here is the wiring; what is decided is in `domain`.

pub mod api;
pub mod credentials;
pub mod device_tokens;
pub mod domain;
pub mod eraser;
pub mod erasure_rows;
pub mod gates;
pub mod hashing;
pub mod known_addresses;
pub mod listen;
pub mod pace;
pub mod publish;
pub mod random;
pub mod react;
pub mod refresh_families;
pub mod registrar;
pub mod secrets;
pub mod sessions;
pub mod signing;
pub mod signing_key_rows;
pub mod signing_keys;
pub mod throttle;
pub mod tokens;
pub mod waiting;

use std::sync::Arc;

use contracts::identity::v1::erasure_service_server::ErasureServiceServer;
use contracts::identity::v1::identity_service_server::IdentityServiceServer;
use contracts::identity::v1::keyring_service_server::KeyringServiceServer;
use contracts::identity::v1::signing_key_service_server::SigningKeyServiceServer;
use contracts::names;
use jiff::SignedDuration;
use service::{Context, ReactionError, Service, StartError, Wiring};

use crate::api::{Api, ErasureApi, KeyringApi, SigningKeyApi};
use crate::credentials::Credentials;
use crate::domain::password::HashCost;
use crate::eraser::Eraser;
use crate::erasure_rows::ErasureRows;
use crate::gates::Gates;
use crate::hashing::HashingPool;
use crate::known_addresses::KnownAddresses;
use crate::refresh_families::RefreshFamilies;
use crate::registrar::Registrar;
use crate::secrets::Secrets;
use crate::sessions::Sessions;
use crate::signing_keys::{EARLIEST_NOTICE, RotationSettings, SigningKeys};
use crate::throttle::Throttle;
use crate::tokens::TokenIssuer;
use crate::waiting::Waiting;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// The service's texts for people.
pub const MESSAGES: &str = include_str!("../messages.toml");

service::configuration! {
    /// What identity alone needs.
    pub struct Config {
        /// Days for which tokens are signed with one key.
        pub signing_key_days: u16 = 30,
        /// Minutes for which a new key is published before tokens are signed with it, at least 2.
        pub signing_key_notice_min: u16 = 60,
        /// Threads that hash passwords; each holds `hash_memory_kib`.
        pub hash_workers: usize = 2,
        /// Logins that may wait for a thread; more are told to come back (ID-15).
        pub hash_queue: usize = 64,
        /// Memory of one hash in KiB, at least 19456 (ID-14).
        pub hash_memory_kib: u32 = HashCost::MINIMUM.m_kib,
        /// Passes of one hash, at least 2 (ID-14).
        pub hash_passes: u32 = HashCost::MINIMUM.t,
    }
}

pub struct Identity;

impl Service for Identity {
    const NAME: &'static str = names::IDENTITY;
    const MESSAGES: &'static str = MESSAGES;
    const PRIVATE: &'static [&'static str] = publish::PRIVATE;
    type Config = Config;

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        vec![&MIGRATIONS]
    }

    fn publish() -> Option<messaging::Publish> {
        Some(publish::publish)
    }

    async fn start(config: Config, context: Context, wiring: &mut Wiring) -> Result<(), StartError> {
        wire(&config, &context, wiring).await.map(|_| ())
    }
}

/// Everything the service is made of, plugged in; the parts are given out for whoever wants to look at them.
pub async fn wire(config: &Config, context: &Context, wiring: &mut Wiring) -> Result<Api, StartError> {
    let keys = signing_keys(config, context).await?;
    let api = build(config, context, keys.clone())?;
    react(&api, wiring)?;
    tend(&keys, wiring);
    let erasures = erasures(&api, keys.clone());
    let eraser = erasures.eraser.clone();
    wiring.own_reaction("identity-erasure", move |event| {
        let eraser = eraser.clone();
        async move { Ok(eraser.heard(&event).await?) }
    });
    wiring.grpc(IdentityServiceServer::new(api.clone()));
    wiring.grpc(ErasureServiceServer::new(erasures));
    let context = context.clone();
    wiring.grpc(SigningKeyServiceServer::new(SigningKeyApi {
        context: context.clone(),
        keys,
    }));
    wiring.grpc(KeyringServiceServer::new(KeyringApi { context }));
    Ok(api)
}

async fn signing_keys(config: &Config, context: &Context) -> Result<SigningKeys, StartError> {
    let settings = RotationSettings {
        every: SignedDuration::from_hours(24 * i64::from(config.signing_key_days)),
        notice: SignedDuration::from_mins(config.signing_key_notice_min.into()),
    };
    if settings.notice < EARLIEST_NOTICE {
        return Err(StartError::setting(
            "service.signing_key_notice_min",
            format!("must be at least {}", EARLIEST_NOTICE.as_mins()),
        ));
    }
    if settings.every <= settings.notice {
        return Err(StartError::setting(
            "service.signing_key_days",
            "must be longer than service.signing_key_notice_min",
        ));
    }
    SigningKeys::open(
        context.pool.clone(),
        &context.pepper,
        context.clock.clone(),
        settings,
    )
    .await
    .map_err(|error| StartError::new("opening the signing keys", error))
}

/// Keys change by themselves; who looks at this service sees when they do not.
fn tend(keys: &SigningKeys, wiring: &mut Wiring) {
    let tended = keys.clone();
    wiring.deadlines("identity-signing-keys", move |now| {
        let keys = tended.clone();
        async move { Ok(keys.tend(now).await.map(|()| 0)?) }
    });
    let watched = keys.clone();
    wiring.watch_rotation(move |now| watched.overdue(now));
}

fn build(config: &Config, context: &Context, keys: SigningKeys) -> Result<Api, StartError> {
    let secrets = Secrets::new(context.pepper.clone());
    context.tokens.use_local_keys(Arc::new(keys.clone()));
    let tokens = TokenIssuer::new(keys, secrets.clone());
    let hashing = HashingPool::start(
        config.hash_workers,
        config.hash_queue,
        cost(config)?,
        secrets.hashing_key(),
    )
    .map_err(|error| StartError::new("starting the password hashers", error))?;
    let credentials = Credentials::new(context.pool.clone());
    let accounts = context.repository();
    let families = RefreshFamilies::new(context.pool.clone());
    Ok(Api {
        context: context.clone(),
        sessions: Sessions::new(accounts.clone(), families.clone()),
        families,
        accounts,
        entitlements: context.repository(),
        throttle: Throttle::new(context.pool.clone(), secrets.clone(), context.clock.clone()),
        addresses: KnownAddresses::new(context.pool.clone(), secrets.clone()),
        turns: Gates::default(),
        registrar: Registrar::new(context, credentials.clone()),
        credentials,
        hashing,
        tokens,
        waiting: Waiting::default(),
        secrets,
    })
}

fn erasures(api: &Api, keys: SigningKeys) -> ErasureApi {
    let rows = ErasureRows::new(api.context.pool.clone());
    let eraser = Eraser::new(
        &api.context,
        keys.clone(),
        (api.credentials.clone(), api.addresses.clone()),
        rows.clone(),
    );
    ErasureApi {
        context: api.context.clone(),
        subjects: api.context.repository(),
        eraser,
        rows,
        keys,
    }
}

fn cost(config: &Config) -> Result<HashCost, StartError> {
    let least = HashCost::MINIMUM;
    if config.hash_memory_kib < least.m_kib {
        return Err(StartError::setting(
            "service.hash_memory_kib",
            format!("must be at least {}", least.m_kib),
        ));
    }
    if config.hash_passes < least.t {
        return Err(StartError::setting(
            "service.hash_passes",
            format!("must be at least {}", least.t),
        ));
    }
    Ok(HashCost {
        m_kib: config.hash_memory_kib,
        t: config.hash_passes,
        p: least.p,
    })
}

/// Names here key checkpoints and leases; they never change.
fn react(api: &Api, wiring: &mut Wiring) -> Result<(), StartError> {
    let rows = listen::Rows {
        credentials: api.credentials.clone(),
        families: api.families.clone(),
        addresses: api.addresses.clone(),
    };
    wiring.own_reaction("identity-credential-index", move |event| {
        let rows = rows.clone();
        async move { rows.index(&event).await }
    });
    let (registrar, context) = (api.registrar.clone(), api.context.clone());
    wiring.own_reaction("identity-registration", move |event| {
        let (registrar, context) = (registrar.clone(), context.clone());
        async move { listen::roll_forward(&registrar, &context, &event).await }
    });
    let throttle = api.throttle.clone();
    wiring.deadlines("identity-attempts", move |now| {
        let throttle = throttle.clone();
        async move { throttle.forget(now).await.map_err(ReactionError::from) }
    });
    let addresses = api.addresses.clone();
    wiring.deadlines("identity-known-addresses", move |now| {
        let addresses = addresses.clone();
        async move { addresses.forget(now).await.map_err(ReactionError::from) }
    });
    let sessions = api.sessions.clone();
    wiring.deadlines("identity-sessions", move |now| {
        let sessions = sessions.clone();
        async move { sessions.end_due(now).await }
    });
    wiring.subscribe(
        "identity-contracts",
        names::ENDORSEMENT,
        Arc::new(listen::Contracts::new(&api.context)),
    )?;
    let calls = listen::Calls::new(&api.context, api.waiting.clone());
    wiring.subscribe_asking_source("identity-calls", names::PHONE_VERIFICATION, Arc::new(calls))?;
    Ok(())
}
