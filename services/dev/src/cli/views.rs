//! `madoguchi rebuild`: has the views emptied and refilled from the feeds, and shows how far they are.

use std::collections::BTreeMap;
use std::time::Duration;

use contracts::views::v1::{GetViewsStatusRequest, GetViewsStatusResponse, RebuildViewsRequest};

use super::customer::told;
use super::{Failure, Ground};
use crate::client::{Bearer, request_id};
use crate::say;

/// How long a rebuild of a sample book may take.
const REFILLED_WITHIN: Duration = Duration::from_mins(10);

pub(super) async fn rebuild(ground: &Ground) -> Result<(), Failure> {
    let bearer = Bearer::new(&ground.staff_token("operator", &["administrator"])?);
    let before = status(ground, &bearer).await?;
    let request = RebuildViewsRequest {
        request_id: request_id(),
    };
    told(ground.client.views_admin(&bearer).rebuild_views(request).await)?;

    let goal = cursors(&before);
    let mut shown = 0;
    let look = async || {
        // A passing failure is looked past; the deadline ends it.
        let now = status(ground, &bearer).await.map_err(|_| ())?;
        if rows(&now) >= shown + rows(&before) / 10 {
            shown = rows(&now);
            say!("{shown} of {} rows", rows(&before));
        }
        let cursors = cursors(&now);
        goal.iter()
            .all(|(source, cursor)| cursors.get(source) >= Some(cursor))
            .then_some(now)
            .ok_or(())
    };
    let after = testkit::poll(REFILLED_WITHIN, look)
        .await
        .map_err(|_| "the views were not refilled in ten minutes")?;
    for table in &after.tables {
        say!("{:<26}{:>8} rows", table.name, table.rows);
    }
    Ok(())
}

async fn status(ground: &Ground, bearer: &Bearer) -> Result<GetViewsStatusResponse, Failure> {
    let mut admin = ground.client.views_admin(bearer);
    Ok(told(admin.get_views_status(GetViewsStatusRequest {}).await)?)
}

fn rows(status: &GetViewsStatusResponse) -> i64 {
    status.tables.iter().map(|table| table.rows).sum()
}

/// The last event applied of each source; cursors compare as their text does.
fn cursors(status: &GetViewsStatusResponse) -> BTreeMap<String, String> {
    let sources = status.freshness.iter().flat_map(|freshness| &freshness.sources);
    sources
        .map(|source| (source.service.clone(), source.cursor.clone()))
        .collect()
}
