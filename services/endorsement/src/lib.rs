//! Contracts and their changes (異動): imported from the core system, changed by endorsement, told to the others by
//! events. This file is the wiring and nothing else.

mod api;
mod differing;
pub mod domain;
mod publish;
mod schedule;
mod wire;

pub use publish::publish;

use contracts::endorsement::v1::endorsement_service_server::EndorsementServiceServer;
use service::{Context, Service, StartError, Wiring};

use crate::differing::Differing;
use crate::domain::Contract;
use crate::schedule::Schedule;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

pub struct Endorsement;

impl Service for Endorsement {
    const NAME: &'static str = contracts::names::ENDORSEMENT;
    const MESSAGES: &'static str = include_str!("../messages.toml");
    const LISTENS_TO: &'static [&'static str] = &[contracts::names::IDENTITY];
    type Config = ();

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        vec![&MIGRATIONS]
    }

    fn publish() -> Option<messaging::Publish> {
        Some(publish)
    }

    async fn start((): (), context: Context, wiring: &mut Wiring) -> Result<(), StartError> {
        let schedule = Schedule::new(context.pool.clone(), context.repository::<Contract>());
        let listening = schedule.clone();
        wiring.own_reaction("schedule", move |event| {
            let schedule = listening.clone();
            async move { schedule.heard(event).await }
        });
        let differing = Differing::new(context.pool.clone());
        wiring.own_reaction("differing", move |event| {
            let differing = differing.clone();
            async move { differing.heard(event).await }
        });
        wiring.deadlines("effective", move |now| {
            let schedule = schedule.clone();
            async move { schedule.take_effect(now).await }
        });
        // Scheduled requests are ids and instants; they take effect as facts whose content nobody can read.
        wiring.on_erasure("endorsement-erasures", ())?;
        wiring.grpc(EndorsementServiceServer::new(api::Api::new(context)));
        Ok(())
    }
}
