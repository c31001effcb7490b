//! Durable appends of single events at 1, 16 and 64 clients: the store, a bare INSERT, cqrs-es and disintegrate take turns on
//! one server.

use crate::extent::Extent;
use crate::failure::Failure;
use crate::report::Report;
use crate::rivals::Rivals;
use crate::{clients, server};

const CLIENTS: [usize; 3] = [1, 16, 64];
const CRATES: [&str; 2] = ["cqrs-es", "disintegrate"];

pub(crate) async fn measure(extent: Extent, rivals: &Rivals, report: &mut Report) -> Result<(), Failure> {
    let mut postgres = server::start().await?;
    let store = server::store(&postgres, "ours").await?;
    for database in CRATES.into_iter().chain(["bare"]) {
        postgres.create_database(database).await?;
    }
    for count in CLIENTS {
        // Connections and caches are warm before the clock runs.
        clients::appends(&store, count, extent.turn / 2).await?;
        let (mut ours, mut bare, mut crates) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new()]);
        for _ in 0..extent.rounds {
            ours.push(clients::appends(&store, count, extent.turn).await?);
            bare.push(rivals.inserts(&postgres.url("bare"), count, extent.turn).await?);
            for (name, rates) in CRATES.into_iter().zip(&mut crates) {
                let url = postgres.url(name);
                rates.push(rivals.crate_appends(name, &url, count, extent.turn).await?);
            }
        }
        report.turns(
            format!("appends, {count} clients ÷ bare INSERT"),
            "1/s",
            &ours,
            &bare,
        );
        for (name, rates) in CRATES.into_iter().zip(&crates) {
            report.turns(format!("appends, {count} clients ÷ {name}"), "1/s", &ours, rates);
        }
    }
    postgres.stop().await;
    Ok(())
}
