//! Every SQL statement in the code is prepared by PostgreSQL against the tables that the migrations make, so that a wrong
//! table, column, parameter or type fails here whether or not a test ever runs it (docs/adr/0022). Statements are found in
//! the sources by themselves; what is put together at run time stands in `assembled.rs`, with the test that runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod assembled;
mod pages;
mod schema;
mod sources;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqlSafeStr as _};

use assembled::FRAGMENTS;
use sources::Found;

#[tokio::test]
async fn every_statement_is_one_that_postgresql_accepts_for_the_tables_there_are() {
    let found = sources::find();
    assert!(
        found.statements.len() > 150,
        "{} statements are found",
        found.statements.len()
    );
    let mut refused = Vec::new();
    for (database, statements) in schema::by_database(found.statements) {
        let tables = schema::database(database).await;
        let mut connection = PgConnection::connect(&tables.url).await.unwrap();
        sqlx::raw_sql("SET search_path TO view")
            .execute(&mut connection)
            .await
            .unwrap();
        for statement in statements {
            let text = AssertSqlSafe(statement.text.clone()).into_sql_str();
            if let Err(error) = connection.prepare(text).await {
                refused.push((statement, error.to_string()));
            }
        }
    }
    let unknown: Vec<_> = refused
        .iter()
        .filter(|(statement, _)| !FRAGMENTS.iter().any(|fragment| fragment.is(statement)))
        .map(|(statement, error)| format!("{}: {error}\n{}", statement.file, statement.text))
        .collect();
    assert!(
        unknown.is_empty(),
        "PostgreSQL refuses\n\n{}",
        unknown.join("\n\n")
    );
    let unused: Vec<_> = FRAGMENTS
        .iter()
        .filter(|fragment| !refused.iter().any(|(statement, _)| fragment.is(statement)))
        .map(|fragment| fragment.begins)
        .collect();
    assert!(unused.is_empty(), "no fragments any more: {unused:?}");
}

#[test]
fn what_is_put_together_at_run_time_is_known() {
    let Found { assembled, .. } = sources::find();
    if let Err(differ) = assembled::compare(&assembled) {
        panic!(
            "calls whose statement is no constant: {}\nWrite it as a constant, or say in assembled.rs which test runs it",
            differ.join(", ")
        );
    }
}
