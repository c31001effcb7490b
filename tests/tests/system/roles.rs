//! Who may do what in the databases of `make run`: a service that was taken over reads no other service's database, and does
//! with keys what it does anyway.

use std::path::Path;

use dev::stack::{SERVICES, Stack};
use privacy::KeyringUse;
use service::keyring_use;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres};
use toml::Table;

use crate::setup::{data_folder, programs};

/// PostgreSQL: the role may not do this.
const DENIED: &str = "42501";

/// What some service does with keys, by what it takes: on rows that are not there, since rights are looked at first.
const STATEMENTS: [(Statement, &str); 6] = [
    (Statement::Read, "SELECT wrapped FROM keyring.subject_key LIMIT 1"),
    (
        Statement::Make,
        "INSERT INTO keyring.subject_key (key_id, subject_id, master_key_id, nonce, wrapped)
         SELECT gen_random_uuid(), gen_random_uuid(), '', '', '' WHERE false
         ON CONFLICT (subject_id) DO NOTHING",
    ),
    (
        Statement::Destroy,
        "INSERT INTO keyring.subject_key (key_id, subject_id, master_key_id, nonce, wrapped, destroyed_at)
         SELECT gen_random_uuid(), gen_random_uuid(), '', '', '', now() WHERE false",
    ),
    (
        Statement::Destroy,
        "UPDATE keyring.subject_key SET nonce = '', wrapped = '', destroyed_at = now(), digest = '' WHERE false",
    ),
    (
        Statement::Rewrap,
        "UPDATE keyring.subject_key SET master_key_id = '' WHERE false",
    ),
    (Statement::Never, "DELETE FROM keyring.subject_key WHERE false"),
];

/// What nobody but the owner does.
const NEVER: [&str; 6] = [
    "TRUNCATE keyring.subject_key",
    "UPDATE keyring.subject_key SET subject_id = gen_random_uuid() WHERE false",
    "UPDATE keyring.subject_key SET key_id = gen_random_uuid() WHERE false",
    "ALTER TABLE keyring.subject_key ADD COLUMN more text",
    "CREATE TABLE public.more (id int)",
    "CREATE SCHEMA more",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Statement {
    Read,
    Make,
    Destroy,
    Rewrap,
    Never,
}

const fn most(what: KeyringUse) -> Statement {
    match what {
        KeyringUse::Open => Statement::Read,
        KeyringUse::Seal => Statement::Make,
        KeyringUse::Destroy => Statement::Destroy,
        KeyringUse::Rewrap => Statement::Rewrap,
    }
}

/// The URLs of a settings file: database and keyring.
fn urls(data: &Path, service: &str) -> [String; 2] {
    let text = std::fs::read_to_string(data.join(format!("config/{service}.toml"))).unwrap();
    let settings: Table = text.parse().unwrap();
    ["database", "keyring"].map(|section| settings[section]["url"].as_str().unwrap().to_owned())
}

/// The SQLSTATE, where it is refused.
async fn refused(connection: &mut PgConnection, sql: &str) -> Option<String> {
    let outcome = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await;
    state(outcome.err()?)
}

fn state(error: sqlx::Error) -> Option<String> {
    let error = error.into_database_error().unwrap();
    error.code().map(std::borrow::Cow::into_owned)
}

#[tokio::test]
async fn a_service_reads_no_others_database_and_does_with_keys_what_is_its_own() {
    let folder = data_folder();
    let data = folder.path().join("data");
    // Roles that are named like schemas find the same tables again.
    Stack::start(&data, &programs()).await.unwrap().stop().await;
    let stack = Stack::start(&data, &programs()).await.unwrap();
    for service in SERVICES {
        let [database, keyring] = urls(&data, service);
        let role = database.split("//").nth(1).unwrap().split('@').next().unwrap();
        no_other_database(&database, role).await;
        nothing_of_the_server(&database).await;
        its_own_keyring_statements(service, &keyring).await;
        let wrong = database.replace(role, &format!("{}:wrong", role.split(':').next().unwrap()));
        assert!(
            PgConnection::connect(&wrong).await.is_err(),
            "any password is good for {service}"
        );
    }
    stack.stop().await;
}

async fn no_other_database(url: &str, role: &str) {
    let mut own = PgConnection::connect(url).await.unwrap();
    let others: Vec<String> = sqlx::query_scalar(
        "SELECT datname::text FROM pg_database WHERE datallowconn AND datname <> ALL (ARRAY[current_database(), 'keyring'])",
    )
    .fetch_all(&mut own)
    .await
    .unwrap();
    // The other services', and those that every server has.
    assert!(others.len() > SERVICES.len(), "{others:?}");
    let (server, _) = url.rsplit_once('/').unwrap();
    for other in others {
        let error = PgConnection::connect(&format!("{server}/{other}")).await;
        let code = state(
            error
                .err()
                .unwrap_or_else(|| panic!("{role} may connect to {other}")),
        );
        assert_eq!(code.as_deref(), Some(DENIED), "{other}");
    }
}

/// No superuser, and none of what makes one or reads around tables.
async fn nothing_of_the_server(url: &str) {
    let mut own = PgConnection::connect(url).await.unwrap();
    let attributes: (bool, bool, bool, bool, bool, i64) = sqlx::query_as::<Postgres, _>(
        "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls,
                (SELECT count(*) FROM pg_auth_members WHERE member = r.oid)
         FROM pg_roles r WHERE rolname = current_user",
    )
    .fetch_one(&mut own)
    .await
    .unwrap();
    assert_eq!(attributes, (false, false, false, false, false, 0));
    for sql in [
        "CREATE DATABASE more",
        "CREATE ROLE more",
        "SELECT pg_read_file('PG_VERSION')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT rolpassword FROM pg_authid",
    ] {
        assert_eq!(refused(&mut own, sql).await.as_deref(), Some(DENIED), "{sql}");
    }
}

async fn its_own_keyring_statements(service: &str, url: &str) {
    let most = most(keyring_use(service).unwrap());
    let mut keyring = PgConnection::connect(url).await.unwrap();
    for (needs, sql) in STATEMENTS {
        let expected = (needs > most).then_some(DENIED);
        assert_eq!(
            refused(&mut keyring, sql).await.as_deref(),
            expected,
            "{service}: {sql}"
        );
    }
    for sql in NEVER {
        let code = refused(&mut keyring, sql).await;
        assert!(code.as_deref() == Some(DENIED), "{service}: {sql}: {code:?}");
    }
}
