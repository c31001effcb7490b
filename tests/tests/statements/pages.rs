//! Whoever asks for a page must not sort everything behind it: an index gives the order. Seen once at `$all`, whose order
//! named what is selected instead of the columns.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::schema;
use crate::sources::{self, Statement};

/// Where sorting costs little, whatever the tables hold: the file, and what is sorted.
const SORTED: [(&str, &str); 7] = [
    (
        "messaging/src/parking/rows.rs",
        "what is parked, which is bounded",
    ),
    ("views/src/adjuster/timeline.rs", "what happened to one person"),
    ("views/src/customer/requests.rs", "the requests of one customer"),
    ("views/src/generations/registry.rs", "the runs there were"),
    ("service/src/watch/held_back.rs", "transactions that run"),
    ("operate/src/housekeeping/horizon.rs", "transactions that run"),
    ("dev/src/load/template.rs", "once for each load"),
];

#[tokio::test]
async fn a_page_is_read_in_the_order_of_an_index() {
    let pages = sources::find().statements.into_iter().filter(is_page).collect();
    let mut seen = 0;
    let mut sorting = Vec::new();
    for (database, statements) in schema::by_database(pages) {
        let tables = schema::database(database).await;
        let mut connection = PgConnection::connect(&tables.url).await.unwrap();
        // Tables are empty here: what the planner would choose for size is ruled out, so that only what it must do is left.
        run(&mut connection, "SET search_path TO view").await;
        for forced in [
            "enable_seqscan = off",
            "enable_sort = off",
            "plan_cache_mode = force_generic_plan",
        ] {
            run(&mut connection, &format!("SET {forced}")).await;
        }
        for statement in statements {
            let plan = plan(&mut connection, &statement.text).await;
            seen += 1;
            if plan.contains("Sort") {
                sorting.push((statement, plan));
            }
        }
    }
    assert!(seen > 10, "{seen} pages are found");
    let unknown: Vec<_> = sorting
        .iter()
        .filter(|(statement, _)| !SORTED.iter().any(|(file, _)| statement.file.ends_with(file)))
        .map(|(statement, plan)| format!("{}\n{}\n{plan}", statement.file, statement.text))
        .collect();
    assert!(unknown.is_empty(), "pages that sort:\n\n{}", unknown.join("\n\n"));
    let gone: Vec<_> = SORTED
        .iter()
        .filter(|(file, _)| {
            !sorting
                .iter()
                .any(|(statement, _)| statement.file.ends_with(file))
        })
        .collect();
    assert!(gone.is_empty(), "no pages that sort any more: {gone:?}");
}

fn is_page(statement: &Statement) -> bool {
    statement.text.contains("ORDER BY") && statement.text.contains("LIMIT")
}

async fn plan(connection: &mut PgConnection, statement: &str) -> String {
    run(connection, &format!("PREPARE page AS {statement}")).await;
    let parameters: i32 = sqlx::query_scalar(
        "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'page'",
    )
    .fetch_one(&mut *connection)
    .await
    .unwrap();
    let nulls = vec!["NULL"; usize::try_from(parameters).unwrap()].join(", ");
    let explain = if nulls.is_empty() {
        "EXPLAIN (COSTS OFF) EXECUTE page".to_owned()
    } else {
        format!("EXPLAIN (COSTS OFF) EXECUTE page({nulls})")
    };
    let lines: Vec<String> = sqlx::query_scalar(AssertSqlSafe(explain))
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    run(connection, "DEALLOCATE page").await;
    lines.join("\n")
}

async fn run(connection: &mut PgConnection, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{error}: {statement}"));
}
