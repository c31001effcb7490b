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
pub mod throttle;
pub mod tokens;
pub mod waiting;

use std::sync::Arc;

use contracts::identity::v1::erasure_service_server::ErasureServiceServer;
use contracts::identity::v1::identity_service_server::IdentityServiceServer;
use contracts::identity::v1::keyring_service_server::KeyringServiceServer;
use contracts::names;
use service::{Context, ReactionError, Secret, Service, StartError, Wiring};

use crate::api::{Api, ErasureApi, KeyringApi};
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
use crate::signing::Signer;
use crate::throttle::Throttle;
use crate::tokens::TokenIssuer;
use crate::waiting::Waiting;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// The service's texts for people.
pub const MESSAGES: &str = include_str!("../messages.toml");

service::configuration! {
    /// What identity alone needs.
    pub struct Config {
        /// Private Ed25519 key that tokens are signed with, PKCS #8 PEM.
        pub signing_key: Secret,
        /// Public keys (SPKI PEM) tokens were signed with before the last rotation.
        pub previous_signing_keys: Vec<String> = Vec::new(),
        /// Public keys (SPKI PEM) erasure certificates were ever signed with, other than the current one: certificates do not
        /// expire, and are verified by these for ever.
        pub certificate_keys: Vec<String> = Vec::new(),
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
        wire(&config, &context, wiring).map(|_| ())
    }
}

/// Everything the service is made of, plugged in; the parts are given out for whoever wants to look at them.
pub fn wire(config: &Config, context: &Context, wiring: &mut Wiring) -> Result<Api, StartError> {
    let signer = Signer::from_pem(config.signing_key.expose())
        .map_err(|error| StartError::setting("service.signing_key", error))?;
    let signer = Arc::new(signer);
    let api = build(config, context, signer.clone())?;
    react(&api, wiring)?;
    let erasures = erasures(config, &api, signer)?;
    let eraser = erasures.eraser.clone();
    wiring.own_reaction("identity-erasure", move |event| {
        let eraser = eraser.clone();
        async move { Ok(eraser.heard(&event).await?) }
    });
    wiring.grpc(IdentityServiceServer::new(api.clone()));
    wiring.grpc(ErasureServiceServer::new(erasures));
    let context = context.clone();
    wiring.grpc(KeyringServiceServer::new(KeyringApi { context }));
    Ok(api)
}

fn build(config: &Config, context: &Context, signer: Arc<Signer>) -> Result<Api, StartError> {
    let secrets = Secrets::new(context.pepper.clone());
    let tokens = issuer(config, signer, &secrets)?;
    context.tokens.use_local_keys(Arc::new(tokens.clone()));
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

fn erasures(config: &Config, api: &Api, signer: Arc<Signer>) -> Result<ErasureApi, StartError> {
    let keys = signer
        .key_set(&config.certificate_keys)
        .map_err(|error| StartError::setting("service.certificate_keys", error))?;
    let rows = ErasureRows::new(api.context.pool.clone());
    let eraser = Eraser::new(
        &api.context,
        signer,
        (api.credentials.clone(), api.addresses.clone()),
        rows.clone(),
    );
    Ok(ErasureApi {
        context: api.context.clone(),
        subjects: api.context.repository(),
        eraser,
        rows,
        keys,
    })
}

fn issuer(config: &Config, signer: Arc<Signer>, secrets: &Secrets) -> Result<TokenIssuer, StartError> {
    let keys = signer
        .key_set(&config.previous_signing_keys)
        .map_err(|error| StartError::setting("service.previous_signing_keys", error))?;
    Ok(TokenIssuer::new(signer, keys, secrets.clone()))
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
