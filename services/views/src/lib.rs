//! The read models of the customer and the adjuster, built from the services' integration events and from nothing else.
//! A projection never decides. This file is the wiring.

mod accident_order;
mod adjuster;
mod customer;
mod generations;
mod model;
mod problem;
mod read;
mod sources;
mod submissions;

use std::sync::Arc;

use contracts::names::SERVICES;
use contracts::views::v1::adjuster_view_service_server::AdjusterViewServiceServer;
use contracts::views::v1::customer_view_service_server::CustomerViewServiceServer;
use contracts::views::v1::views_admin_service_server::ViewsAdminServiceServer;
use service::{Context, Service, StartError, Wiring};

use crate::generations::admin;
use crate::generations::freshness::Sources;
use crate::generations::generation::Generation;
use crate::generations::registry::Registry;
use crate::generations::restored::RebuiltOnDivergence;
use crate::generations::worker::Worker;
use crate::sources::projector;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

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
            let serving = Generation::Serving;
            let projector = projector(source, context.keyring.clone(), serving.schema());
            let rebuilt = RebuiltOnDivergence::new(projector, registry.clone());
            handles.push((
                source,
                wiring.subscribe(serving.consumer(), source, Arc::new(rebuilt))?,
            ));
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
