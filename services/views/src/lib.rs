//! The read models of the customer and the adjuster, built from the services' integration events and from nothing else.
//! A projection never decides. This file is the wiring.

mod accident_order;
mod adjuster;
mod admin;
mod apply;
mod customer;
mod freshness;
mod generation;
mod problem;
mod read;
mod runs;

use std::sync::Arc;

use contracts::names::SERVICES;
use contracts::views::v1::adjuster_view_service_server::AdjusterViewServiceServer;
use contracts::views::v1::customer_view_service_server::CustomerViewServiceServer;
use contracts::views::v1::views_admin_service_server::ViewsAdminServiceServer;
use service::{Context, Service, StartError, Wiring};

use crate::apply::Applier;
use crate::freshness::Sources;
use crate::generation::Generation;
use crate::runs::{Registry, Worker};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// The service.
pub struct Views;

impl Service for Views {
    const NAME: &'static str = contracts::names::VIEWS;
    const MESSAGES: &'static str = include_str!("../messages.toml");
    const LISTENS_TO: &'static [&'static str] = &SERVICES;
    type Config = ();

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        vec![&MIGRATIONS]
    }

    async fn start((): (), context: Context, wiring: &mut Wiring) -> Result<(), StartError> {
        let registry = Registry::new(context.pool.clone(), context.clock.clone());
        let mut handles = Vec::with_capacity(SERVICES.len());
        for source in SERVICES {
            let applier = Applier::of(source, context.keyring.clone(), Generation::Serving);
            let applier = applier.rebuilt_by(registry.clone());
            let consumer = Generation::Serving.consumer();
            handles.push((source, wiring.subscribe(consumer, source, Arc::new(applier))?));
        }
        let sources = Arc::new(Sources::new(context.pool.clone(), handles));
        wiring.grpc(CustomerViewServiceServer::new(customer::Api::new(
            context.clone(),
            sources.clone(),
        )));
        wiring.grpc(AdjusterViewServiceServer::new(adjuster::Api::new(
            context.clone(),
            sources.clone(),
        )));
        let worker = Worker::new(context.clone(), registry.clone())?;
        wiring.task("runs", worker.run(context.shutdown.clone()));
        wiring.grpc(ViewsAdminServiceServer::new(admin::Api::new(
            context, sources, registry,
        )));
        Ok(())
    }
}
