//! The one sequence of a service's life: settings → telemetry → databases → start → listening → SERVING → a signal or
//! a failed task → `NOT_SERVING` → drain, bounded → flush → exit code.

use std::{convert::Infallible, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use eventsourcing::{BoundedStore, PostgresStore};
use kernel::clock::{Clock, SystemClock};
use messaging::{Feed, JetStreamConfig, MessageSize, Relay, RelaySettings, chain};
use privacy::Keyring;
use tokio::sync::{mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::config::start_error::StartError;
use crate::follow::set_aside_admin::SetAsideAdmin;
use crate::follow::wiring::Wiring;
use crate::grpc::admission::Rules;
use crate::grpc::context::Context;
use crate::grpc::identity_keys::IdentityKeys;
use crate::grpc::messages::Catalogue;
use crate::grpc::parking::ParkingAdmin;
use crate::grpc::peers::{PeerChannel, PeerCredentials, lazy_channel};
use crate::grpc::server;
use crate::limits::Limits;
use crate::start::database;
use crate::start::event_store::{OpenStore, Presence};
use crate::start::program::program;
use crate::start::service::Service;
use crate::start::settings::Settings;
use crate::start::{help, keyring, nats, settings};
use crate::tokens::keys::KeySource;
use crate::tokens::verifier::TokenVerifier;
use crate::watch::Watch;

/// How long closing the pool may take after the drain.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// What a service's `main` returns: reads the arguments and the configuration, runs the service, gives the exit code.
pub fn main<S: Service>() -> ExitCode {
    let read = |keys| {
        let (settings, config) = settings::read::<S>(keys)?;
        Ok((settings.telemetry.clone(), (settings, config)))
    };
    program(S::NAME, help::text::<S>, read, |(settings, config), stop| {
        run::<S>(settings, config, Arc::new(SystemClock), stop, None)
    })
}

/// Everything between telemetry and flush. `listening` hears the address once health says SERVING.
pub(crate) async fn run<S: Service>(
    settings: Settings,
    config: S::Config,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    listening: Option<oneshot::Sender<SocketAddr>>,
) -> Result<(), StartError> {
    let grpc = settings.grpc.clone();
    let address_file = settings.address_file.clone();
    let catalogue = Catalogue::with_own(S::MESSAGES)
        .map_err(|error| StartError::new(format!("reading the messages of {}", S::NAME), error))?;
    // A database that does not come up is waited for; a signal need not wait for it.
    let (context, wiring, mut store) = tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(()),
        started = start::<S>(settings, config, clock) => started?,
    };
    let (health, health_service) = tonic_health::server::health_reporter();
    let Wiring {
        mut routes,
        services,
        tasks,
        ..
    } = wiring;
    routes.add_service(health_service);
    server::add_reflection(&mut routes, &services)?;
    let rules = Arc::new(Rules::new(&context, catalogue, &grpc, &services));
    let (listener, address) = server::listen(grpc.listen).await?;

    let (failures, failed) = mpsc::channel(1);
    for (name, task) in tasks {
        spawn(&context, name, task, failures.clone());
    }
    let draining = CancellationToken::new();
    let serving = server::serve(listener, routes, (rules, grpc.clone()), draining.clone());
    let serving = Box::pin(async move {
        serving.await;
        Ok(())
    });
    spawn(&context, "gRPC server".to_owned(), serving, failures);

    report(&health, &services, status(store.now())).await;
    if let Some(file) = &address_file {
        server::write_address(file, address).await?;
    }
    tracing::info!(service = S::NAME, address = %address, "serving");
    if let Some(listening) = listening {
        // A starter that went away cancels `stop` itself.
        let _ = listening.send(address);
    }
    let outcome = until_stopped(&stop, failed, &health, &services, store).await;
    report(&health, &services, ServingStatus::NotServing).await;
    context.shutdown.cancel();
    draining.cancel();
    drain(&context, grpc.drain).await;
    outcome
}

async fn start<S: Service>(
    settings: Settings,
    config: S::Config,
    clock: Arc<dyn Clock>,
) -> Result<(Context, Wiring, Presence), StartError> {
    let alarms = settings.alarms.clone();
    let (context, store) = context::<S>(settings, clock).await?;
    let mut wiring = Wiring::new(context.clone());
    S::start(config, context.clone(), &mut wiring).await?;
    publish::<S>(&context, &mut wiring)?;
    let parkings = std::mem::take(&mut wiring.parkings);
    if !parkings.is_empty() {
        wiring.grpc(ParkingAdmin::new(context.clone(), parkings).into_service());
    }
    let reactions = std::mem::take(&mut wiring.reactions);
    let set_aside = SetAsideAdmin::new(context.clone(), reactions, S::publish(), S::PRIVATE);
    wiring.grpc(set_aside.into_service());
    let subscriptions = std::mem::take(&mut wiring.subscriptions);
    let watch = Watch::new(context.clone(), alarms, S::publish().is_some(), subscriptions)
        .rotation(wiring.rotation.take());
    wiring.task("watch", watch.run());
    let presence = store.presence();
    let watching = store.watch(context.shutdown.clone());
    wiring.task("event store", async move {
        watching.await;
        Ok::<(), Infallible>(())
    });
    Ok((context, wiring, presence))
}

/// Databases, keys, connections: everything a start may rely on.
async fn context<S: Service>(
    settings: Settings,
    clock: Arc<dyn Clock>,
) -> Result<(Context, OpenStore), StartError> {
    let options = PostgresStore::pool_options().max_connections(settings.database_connections);
    let pool = database::connect("database.url", &settings.database, options).await?;
    let mut migrators = vec![
        &eventsourcing::MIGRATOR,
        &messaging::MIGRATOR,
        &database::MIGRATOR,
    ];
    migrators.extend(S::migrations());
    database::migrate(&pool, &migrators).await?;
    // Idle keyring connections cost the machine more than opening one now and then.
    let options = sqlx::postgres::PgPoolOptions::new()
        .max_connections(4)
        .idle_timeout(Duration::from_mins(1))
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(eventsourcing::outside_transactions(connection)));
    let keyring_pool = database::connect("keyring.url", &settings.keyring, options).await?;
    keyring::prepared(&keyring_pool).await?;
    let nats = nats::connect(S::NAME, settings.nats.as_ref()).await?;
    let keys = settings.identity.map(|endpoint| {
        let credentials = PeerCredentials::new(settings.own_secret.as_ref());
        Arc::new(IdentityKeys::new(PeerChannel::new(
            lazy_channel(endpoint),
            credentials,
        ))) as Arc<dyn KeySource>
    });
    let store = OpenStore::open(S::NAME, settings.event_store, &pool).await?;
    let context = Context {
        name: S::NAME,
        store: Arc::new(BoundedStore::new(
            store.shared(),
            largest_event(settings.nats.as_ref()),
        )),
        pool,
        keyring: Keyring::with_other(keyring_pool, settings.master_key, settings.other_master_key),
        pepper: settings.pepper,
        tokens: Arc::new(TokenVerifier::new(
            clock.clone(),
            settings.staff,
            settings.accepted_peers,
            keys,
        )),
        clock,
        nats,
        rulebook: Arc::new(settings.rulebook),
        shutdown: CancellationToken::new(),
        tasks: TaskTracker::new(),
        jetstream: settings.nats,
        lease: settings.lease,
        feeds: Arc::new(settings.feeds),
        own_secret: settings.own_secret,
        limits: Arc::new(
            Limits::compile().map_err(|error| StartError::new("reading the rules of the protos", error))?,
        ),
    };
    Ok((context, store))
}

/// In bytes: what the bus carries of an event, it carries whole (docs/adr/0027).
fn largest_event(nats: Option<&JetStreamConfig>) -> usize {
    let largest = nats.map_or(MessageSize::STANDARD, |nats| nats.max_message);
    largest.stored_event()
}

/// Relay and feed of a service that publishes.
fn publish<S: Service>(context: &Context, wiring: &mut Wiring) -> Result<(), StartError> {
    let Some(publish) = S::publish() else {
        return Ok(());
    };
    let (Some(nats), Some(jetstream)) = (context.nats.clone(), context.jetstream.clone()) else {
        return Err(StartError::setting(
            "nats.url",
            "is missing, and this service publishes events",
        ));
    };
    let (store, pool) = (context.store.clone(), context.pool.clone());
    let feed = Feed::new(S::NAME, store, pool, publish, jetstream.max_message);
    wiring.grpc(feed.keeping(S::PRIVATE).into_service());
    let settings = RelaySettings {
        jetstream,
        lease_ttl: context.lease,
        ..RelaySettings::default()
    };
    let relay = Relay::new(
        S::NAME,
        context.store.clone(),
        context.pool.clone(),
        nats,
        publish,
        settings,
    );
    let relay = relay.keeping(S::PRIVATE);
    wiring.task("relay", relay.run(context.shutdown.clone()));
    Ok(())
}

/// A task of the tracker whose failure, or panic, stops the service.
fn spawn(
    context: &Context,
    name: String,
    task: crate::follow::wiring::Task,
    failures: mpsc::Sender<StartError>,
) {
    let task = context.tasks.spawn(task);
    context.tasks.spawn(async move {
        let failure = match task.await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => StartError::new(format!("task {name} failed"), error),
            Err(error) => StartError::new(format!("task {name} was torn down"), error),
        };
        tracing::error!(
            task = name,
            error = chain(&failure),
            "a task failed; the service stops"
        );
        // Only the first failure is waited for.
        let _ = failures.try_send(failure);
    });
}

/// Until a signal or a failed task. Health follows the store meanwhile; who speaks of health is here alone, so that
/// nobody calls a stopping service healthy.
async fn until_stopped(
    stop: &CancellationToken,
    mut failed: mpsc::Receiver<StartError>,
    health: &HealthReporter,
    services: &[&'static str],
    mut store: Presence,
) -> Result<(), StartError> {
    loop {
        tokio::select! {
            biased;
            failure = failed.recv() => return failure.map_or(Ok(()), Err),
            () = stop.cancelled() => return Ok(()),
            () = store.changed() => report(health, services, status(store.now())).await,
        }
    }
}

/// A service cannot serve without its events.
const fn status(store_is_there: bool) -> ServingStatus {
    if store_is_there {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    }
}

async fn report(health: &HealthReporter, services: &[&'static str], status: ServingStatus) {
    health.set_service_status("", status).await;
    for service in services {
        health.set_service_status(*service, status).await;
    }
}

/// Lets calls and tasks end, but not for ever.
async fn drain(context: &Context, within: Duration) {
    context.tasks.close();
    if tokio::time::timeout(within, context.tasks.wait()).await.is_err() {
        tracing::warn!(
            left = context.tasks.len(),
            waited_ms = within.as_millis(),
            "the drain is over, tasks are left"
        );
    }
    // Waits for connections in use, which a task left behind may hold.
    let _ = tokio::time::timeout(CLOSE_WITHIN, context.pool.close()).await;
}
