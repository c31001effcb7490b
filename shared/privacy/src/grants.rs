//! Who may do what in the keyring's database (docs/adr/0036). Its tables belong to an owner that no service logs in as; a
//! service's role has the statements it sends, and no others: none deletes a row, for a tombstone is a row.

use sqlx::migrate::{Migrate as _, MigrateError, Migrator};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::keyring::MIGRATOR;

/// Where it is written which migrations were applied, with its schema: without, a role named like a schema would look there.
pub const MIGRATIONS_TABLE: &str = "public._sqlx_migrations";

/// What a service does with keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyringUse {
    /// Opens what others sealed.
    Open,
    /// Seals too: makes keys for subjects that have none.
    Seal,
    /// Destroys keys too.
    Destroy,
    /// Wraps keys anew too, under another master key.
    Rewrap,
}

impl KeyringUse {
    /// Columns of `keyring.subject_key` that may be given in a new row, and that may be changed in one.
    const fn columns(self) -> (Option<&'static str>, Option<&'static str>) {
        const KEY: &str = "key_id, subject_id, master_key_id, nonce, wrapped";
        const KEY_OR_TOMBSTONE: &str = "key_id, subject_id, master_key_id, nonce, wrapped, destroyed_at";
        match self {
            Self::Open => (None, None),
            Self::Seal => (Some(KEY), None),
            Self::Destroy => (
                Some(KEY_OR_TOMBSTONE),
                Some("nonce, wrapped, destroyed_at, digest"),
            ),
            Self::Rewrap => (
                Some(KEY_OR_TOMBSTONE),
                Some("nonce, wrapped, destroyed_at, digest, master_key_id"),
            ),
        }
    }
}

/// Makes the keyring's tables, or brings them up to date, and gives each of these roles its use and nothing else; others
/// may not even connect. `owner` is a connection of the role that owns the database, which keeps all rights if it is
/// among the roles. Repeating it changes nothing.
///
/// # Errors
/// When a role does not exist, or the connection's role does not own the database.
pub async fn prepare(owner: &mut PgConnection, roles: &[(String, KeyringUse)]) -> Result<(), MigrateError> {
    let mut migrator = Migrator::with_migrations(MIGRATOR.iter().cloned().collect());
    migrator.dangerous_set_table_name(MIGRATIONS_TABLE);
    // A later release may have applied more.
    migrator.set_ignore_missing(true);
    migrator.run(&mut *owner).await?;
    // At once: a service that runs is never without its rights.
    let mut all = owner.begin().await?;
    let (database, own): (String, String) =
        sqlx::query_as("SELECT quote_ident(current_database()), quote_ident(current_user)")
            .fetch_one(&mut *all)
            .await?;
    let mut statements = vec![format!("REVOKE ALL ON DATABASE {database} FROM PUBLIC")];
    for (role, what) in roles {
        let role: String = sqlx::query_scalar("SELECT quote_ident($1)")
            .bind(role)
            .fetch_one(&mut *all)
            .await?;
        if role != own {
            statements.extend(of_role(&database, &role, *what));
        }
    }
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *all).await?;
    }
    Ok(all.commit().await?)
}

/// The names are quoted already.
fn of_role(database: &str, role: &str, what: KeyringUse) -> Vec<String> {
    let mut statements = vec![
        // What an earlier release gave is taken back, also of single columns.
        format!("REVOKE ALL ON ALL TABLES IN SCHEMA keyring, public FROM {role}"),
        format!("GRANT CONNECT ON DATABASE {database} TO {role}"),
        format!("GRANT USAGE ON SCHEMA keyring TO {role}"),
        format!("GRANT SELECT ON keyring.subject_key, {MIGRATIONS_TABLE} TO {role}"),
    ];
    let (given, changed) = what.columns();
    for (privilege, columns) in [("INSERT", given), ("UPDATE", changed)] {
        statements.extend(
            columns.map(|columns| format!("GRANT {privilege} ({columns}) ON keyring.subject_key TO {role}")),
        );
    }
    statements
}

/// Whether the tables are those of this release already, or of a later one: then nobody who merely uses them needs to own them.
pub async fn is_prepared(connection: &mut PgConnection) -> bool {
    // No table and no right to look into it come to the same.
    let Ok(applied) = connection.list_applied_migrations(MIGRATIONS_TABLE).await else {
        return false;
    };
    MIGRATOR.iter().all(|wanted| {
        let same = |one: &&sqlx::migrate::AppliedMigration| one.version == wanted.version;
        applied
            .iter()
            .find(same)
            .is_some_and(|one| one.checksum == wanted.checksum)
    })
}
