//! OP-8: whatever is accepted is recorded, published, applied and shown again; whatever cannot be is refused at the door with
//! its field, and nothing else suffers. Values are generated for every field of every RPC from the committed descriptors and
//! sent to the running services. `make doors` is the long form: every control character, every class of odd code points.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../system/setup.rs"]
#[allow(dead_code, reason = "the journey is not played here")]
mod setup;

#[path = "../system/restored.rs"]
#[allow(dead_code, reason = "only the restore itself is needed here")]
mod restored;

mod changes;
mod instants;
mod kept;
mod raw;
mod rows;
mod stage;
mod sweep;
mod values;

use crate::kept::Kept;
use crate::stage::Stage;

#[tokio::test]
async fn op_8_whatever_is_accepted_comes_back_equal_and_all_else_is_refused_by_its_field() {
    let mut stage = Stage::new().await;
    let mut kept = Kept::default();
    stage.plant_what_nobody_can_read().await;
    rows::contracts(&stage, &mut kept).await;
    rows::accidents(&stage, &mut kept).await;
    instants::of_rows(&stage, &mut kept).await;
    rows::submissions(&stage, &mut kept).await;
    changes::addresses(&stage, &mut kept).await;
    kept.is_shown(&stage, "after it was accepted").await;
    stage.accident.clone_from(&kept.accident);
    sweep::every_field(&stage).await;
    sweep::largest_messages(&stage).await;
    stage.nothing_suffered().await;
    stage.rebuild().await;
    kept.is_shown(&stage, "after a rebuild of the views").await;
    let mut stage = stage.restored().await;
    kept.is_shown(&stage, "on new servers after a restore").await;
    stage.nothing_suffered().await;
    stage.stop().await;
}
