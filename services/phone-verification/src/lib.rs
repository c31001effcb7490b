//! Phone verification: a login is verified by a call from a registered number (PV-1 to PV-16). This file is the wiring.

mod api;
mod calls;
mod changes;
pub mod domain;
mod expiry_rows;
pub mod hashing;
mod line_rows;
mod listen;
mod login_rows;
mod metrics;
mod openings;
mod publish;
mod react;
mod roll_forward;
mod unknown_days;

use std::sync::Arc;

use contracts::names;
use contracts::phone_verification::v1::phone_verification_service_server::PhoneVerificationServiceServer;
use service::{Context, Service, StartError, Wiring};

use api::Api;
use calls::Calls;
use changes::Changes;
use domain::{Call, Challenge, LinePool, Numbers};
use expiry_rows::ExpiryRows;
use line_rows::LineRows;
use listen::Listener;
use metrics::Metrics;
use openings::Openings;
use roll_forward::{CallReaction, ChallengeReaction};
use unknown_days::UnknownDays;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

service::configuration! {
    /// What this service alone needs.
    pub struct Config {
        /// The dedicated lines customers dial: 8 to 16 numbers, in any notation (PV-8).
        pub lines: Vec<String>,
    }
}

pub struct PhoneVerification;

impl Service for PhoneVerification {
    const NAME: &'static str = names::PHONE_VERIFICATION;
    const MESSAGES: &'static str = include_str!("../messages.toml");
    const LISTENS_TO: &'static [&'static str] = &[names::ENDORSEMENT, names::IDENTITY];
    const PRIVATE: &'static [&'static str] = publish::PRIVATE;
    type Config = Config;

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        vec![&MIGRATIONS]
    }

    fn publish() -> Option<messaging::Publish> {
        Some(publish::publish)
    }

    async fn start(config: Config, context: Context, wiring: &mut Wiring) -> Result<(), StartError> {
        let pool =
            LinePool::parse(&config.lines).map_err(|error| StartError::setting("service.lines", error))?;
        let api = api(&context, pool);
        listen(&context, wiring)?;
        wiring.on_erasure("phone-verification-erasures", api.rows.clone())?;
        react(&context, &api, wiring);
        wiring.grpc(PhoneVerificationServiceServer::new(api));
        Ok(())
    }
}

fn api(context: &Context, pool: LinePool) -> Api {
    let (rows, changes, pool) = (
        LineRows::new(context.pool.clone()),
        Changes::default(),
        Arc::new(pool),
    );
    let challenges = context.repository::<Challenge>();
    let openings = Openings {
        challenges: challenges.clone(),
        numbers: context.repository::<Numbers>(),
        rows: rows.clone(),
        pool: pool.clone(),
        rulebook: context.rulebook.clone(),
        pepper: context.pepper.clone(),
    };
    let calls = Calls {
        repository: context.repository::<Call>(),
        challenges: challenges.clone(),
        rows: rows.clone(),
        pepper: context.pepper.clone(),
        changes: changes.clone(),
        unknown: UnknownDays {
            pool: context.pool.clone(),
            keyring: context.keyring.clone(),
            rulebook: context.rulebook.clone(),
            service: context.name,
        },
    };
    Api {
        context: context.clone(),
        openings,
        calls,
        challenges,
        rows,
        pool,
        changes,
        metrics: Metrics::new(&opentelemetry::global::meter(names::PHONE_VERIFICATION)),
    }
}

/// Numbers in force come from endorsement by events only.
fn listen(context: &Context, wiring: &mut Wiring) -> Result<(), StartError> {
    let numbers = context.repository::<Numbers>();
    let listener = Listener::new(numbers, context.keyring.clone(), context.clock.clone());
    wiring.subscribe(
        "phone-verification-numbers",
        names::ENDORSEMENT,
        Arc::new(listener),
    )?;
    Ok(())
}

fn react(context: &Context, api: &Api, wiring: &mut Wiring) {
    let calls = CallReaction {
        calls: api.calls.clone(),
        clock: context.clock.clone(),
    };
    wiring.own_reaction("calls", move |recorded| {
        let calls = calls.clone();
        async move { calls.handle(recorded).await }
    });
    let unknown = api.calls.unknown.clone();
    wiring.deadlines("unknown callers", move |now| {
        let unknown = unknown.clone();
        async move { unknown.end(now).await }
    });
    let challenges = ChallengeReaction {
        challenges: api.challenges.clone(),
        rows: api.rows.clone(),
        expiries: ExpiryRows::new(context.pool.clone()),
        changes: api.changes.clone(),
        clock: context.clock.clone(),
    };
    let expiring = challenges.clone();
    wiring.own_reaction("challenges", move |recorded| {
        let challenges = challenges.clone();
        async move { challenges.handle(recorded).await }
    });
    wiring.deadlines("challenge expiry", move |now| {
        let expiring = expiring.clone();
        async move { expiring.expire(now).await }
    });
}
