//! Who may do what in PostgreSQL: a role for each service, which owns the service's database and can connect to no other but
//! the keyring's, and one for the keyring, which no service is. What docs/operations.md tells operators to set up.

use std::collections::BTreeMap;

use service::keyring_use;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use testkit::{PrivatePostgres, ServerError};

use super::secrets::random;
use super::{DataFolder, SERVICES, StackError, WEB};

/// The keyring's database, and the role that owns it: its tables are made, its files kept tidy by that.
pub(super) const KEYRING: &str = "keyring";

/// The passwords, by role.
#[derive(Debug, Clone)]
pub(super) struct Roles(BTreeMap<&'static str, String>);

impl Roles {
    /// Reads the passwords, and makes those that are missing.
    pub(super) fn open(folder: &DataFolder) -> Result<Self, StackError> {
        let passwords = SERVICES.into_iter().chain([KEYRING, WEB]).map(|name| {
            let file = folder.secret(&format!("database_{name}"));
            Ok((name, folder.kept(&file, random)?))
        });
        passwords.collect::<Result<_, _>>().map(Self)
    }

    /// The URL of a database as the role of this name.
    pub(super) fn url(&self, postgres: &PrivatePostgres, role: &str, of: &str) -> String {
        let password = self.0.get(role).map_or("", String::as_str);
        postgres.url_as(&identifier(role), password, &identifier(of))
    }

    /// Makes roles and databases. Nobody comes by the databases that every server has.
    pub(super) async fn make(&self, postgres: &PrivatePostgres) -> Result<(), StackError> {
        let mut connection = connect(&postgres.url("postgres")).await?;
        let mut statements = vec!["REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC".to_owned()];
        for (name, password) in &self.0 {
            let (role, database) = (identifier(name), identifier(name));
            postgres.create_database(&database).await?;
            let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
                .bind(&role)
                .fetch_one(&mut connection)
                .await
                .map_err(ServerError::from)?;
            let verb = if exists { "ALTER" } else { "CREATE" };
            statements.extend([
                format!("{verb} ROLE {role} LOGIN PASSWORD '{password}'"),
                format!("ALTER DATABASE {database} OWNER TO {role}"),
                format!("REVOKE ALL ON DATABASE {database} FROM PUBLIC"),
            ]);
        }
        // What housekeeping needs beside owning what it rewrites.
        statements.push(format!("GRANT pg_monitor, pg_checkpoint TO {KEYRING}"));
        execute(&mut connection, statements).await?;
        connection.close().await.map_err(ServerError::from)?;
        let mut connection = connect(&postgres.url(KEYRING)).await?;
        let switch = format!("GRANT EXECUTE ON FUNCTION pg_switch_wal() TO {KEYRING}");
        execute(&mut connection, vec![switch]).await?;
        Ok(connection.close().await.map_err(ServerError::from)?)
    }

    /// The keyring's tables, and what each service may do with them.
    pub(super) async fn prepare_keyring(&self, postgres: &PrivatePostgres) -> Result<(), StackError> {
        let mut owner = connect(&self.url(postgres, KEYRING, KEYRING)).await?;
        let uses = SERVICES.into_iter().filter_map(|service| {
            let what = keyring_use(service)?;
            Some((identifier(service), what))
        });
        privacy::prepare(&mut owner, &uses.collect::<Vec<_>>())
            .await
            .map_err(StackError::Keyring)?;
        Ok(owner.close().await.map_err(ServerError::from)?)
    }
}

/// The name of a role, and of its database.
pub(super) fn identifier(service: &str) -> String {
    service.replace('-', "_")
}

async fn execute(connection: &mut PgConnection, statements: Vec<String>) -> Result<(), StackError> {
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut *connection)
            .await
            .map_err(ServerError::from)?;
    }
    Ok(())
}

async fn connect(url: &str) -> Result<PgConnection, StackError> {
    Ok(PgConnection::connect(url).await.map_err(ServerError::from)?)
}
