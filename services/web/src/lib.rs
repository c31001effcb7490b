//! The pages of customers, and once they are built those of the back office on a listener of their own. A page decides
//! nothing: it shows what the services answer. This file is the wiring.

mod app;
mod assets;
mod backend;
mod customer;
mod frame;
mod http;
mod page;
mod problem;
mod session;
mod settings;
mod texts;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use client::Client;
use kernel::{Clock, SystemClock};
use rulebook::Rulebook;
use service::StartError;
use sqlx::postgres::PgPoolOptions;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use settings::Settings;

const NAME: &str = "web";
/// How often sessions that are over are deleted.
const SWEEP_EVERY: Duration = Duration::from_mins(5);

/// What the program's `main` returns.
pub fn main() -> ExitCode {
    service::program(NAME, Settings::help, Settings::read, |settings, stop| {
        run(settings, Arc::new(SystemClock), stop, None)
    })
}

/// Serves until `stop`; `listening` hears the customers' address once they are served.
pub async fn run(
    settings: Settings,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    listening: Option<oneshot::Sender<SocketAddr>>,
) -> Result<(), StartError> {
    let connecting = async {
        let options = PgPoolOptions::new().max_connections(settings.database_connections);
        let pool = service::connect_database("database.url", &settings.database, options).await?;
        service::migrate_database(&pool, &[&session::MIGRATIONS]).await?;
        Ok::<_, StartError>(pool)
    };
    // A database that does not come up is waited for; a signal need not wait for it.
    let pool = tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(()),
        pool = connecting => pool?,
    };
    let rulebook: Arc<Rulebook> = Arc::new(settings.rulebook);
    let sessions = session::Sessions::new(pool, settings.sessions, clock.clone());
    let app = app::App::new(
        backend::Backend::new(Client::of(settings.services), settings.own_secret),
        sessions.clone(),
        clock.clone(),
        rulebook.clone(),
        stop.clone(),
    );
    let surroundings = frame::Surroundings {
        proxies: settings.customer.proxies,
        rulebook,
        clock,
    };
    let router = customer::router(app, Arc::new(surroundings));

    let listen = settings.customer.listen;
    let failed = |error| StartError::new(format!("listening on {listen} (customer.listen)"), error);
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    if let Some(file) = &settings.address_file {
        let written = tokio::fs::write(file, address.to_string()).await;
        written.map_err(|error| StartError::new(format!("writing {}", file.display()), error))?;
    }
    tracing::info!(service = NAME, address = %address, "serving");
    if let Some(listening) = listening {
        // A starter that went away cancels `stop` itself.
        let _ = listening.send(address);
    }
    let tasks = TaskTracker::new();
    tasks.spawn(sweep(sessions, stop.clone()));
    let connections = settings.customer.connections;
    let Ok(()) =
        http::listener::serve(listener, router, connections, tasks.clone(), stop, settings.drain).await;
    tasks.close();
    // What outlived the drain ends with the runtime.
    let _ = tokio::time::timeout(Duration::from_secs(1), tasks.wait()).await;
    Ok(())
}

async fn sweep(sessions: session::Sessions, stop: CancellationToken) {
    while tokio::time::timeout(SWEEP_EVERY, stop.cancelled()).await.is_err() {
        match sessions.sweep().await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(rows, "sessions that were over are deleted"),
            Err(problem) => tracing::warn!(problem = ?problem, "sessions that are over stay"),
        }
    }
}
