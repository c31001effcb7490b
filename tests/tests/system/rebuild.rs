//! The views rebuilt from a long history while commands and queries go on: no query fails, no row differs, memory bounded. The
//! same with a million events is `madoguchi load`.

use client::import::{Plan, Silent, import};
use client::{Bearer, Client};
use dev::load::{Load, load, measure};
use dev::sample::{Book, Recipe, compose, write};
use dev::stack::{Secrets, Stack};
use kernel::{Clock as _, SystemClock};

use crate::setup::{data_folder, programs};

const EVENTS: u64 = 6_000;
/// What the views' process may need at most, in MiB.
const MEMORY: f64 = 200.0;

#[tokio::test]
async fn a_rebuild_while_commands_go_on_fails_no_query_changes_no_row_and_needs_bounded_memory() {
    let folder = data_folder();
    let mut stack = Stack::start(&folder.path().join("data"), &programs())
        .await
        .unwrap();
    a_book(&stack).await;
    let written = load(&mut stack, EVENTS).await.unwrap();
    assert!(written >= EVENTS);
    let figures = measure(&mut stack, Load::QueriesAndCommands).await.unwrap();
    stack.stop().await;
    let least = i64::try_from(EVENTS).unwrap();
    assert!(figures.events >= least && figures.rows > least, "{figures:?}");
    assert_eq!(figures.queries_failed, 0, "{figures:?}");
    assert!(figures.queries > 0 && figures.commands > 0, "{figures:?}");
    assert_eq!(figures.differing_rows, 0, "{figures:?}");
    assert!(figures.peak_mib < MEMORY, "{figures:?}");
}

async fn a_book(stack: &Stack) {
    let client = Client::new(&stack.description().services).unwrap();
    let recipe = Recipe {
        seed: 7,
        contracts: 120,
        as_of: kernel::clock::jst_date(SystemClock.now()),
    };
    let files = stack.folder().file("sample");
    let plan = Plan::of_folder(&files, &stack.folder().file("import"));
    write(&compose(&Book::compute(recipe)), &files).unwrap();
    let secrets = Secrets::open(stack.folder()).unwrap();
    let token = secrets
        .staff()
        .token("M001", &["administrator"], SystemClock.now().as_second(), 600)
        .unwrap();
    import(&client, &Bearer::new(&token), &plan, &Silent)
        .await
        .unwrap();
}
