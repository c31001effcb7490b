//! What a row of a view table is: each column is written once, with its type here and in SQL, and from that come the struct,
//! the statement that writes many rows of it, and the statement's parameters. `upserts.sql` shows the statements.

use std::collections::{BTreeMap, btree_map};
use std::fmt::Write as _;

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{PgTransaction, Postgres};

/// Name and SQL type.
pub(crate) type Column = (&'static str, &'static str);

/// A row that is written by [`row!`]'s statement.
pub(crate) trait Row: Sized + Send + Sync {
    type Key: Ord + Send + Sync;
    const TABLE: &'static str;
    const KEY: &'static [Column];
    /// What the newest version says.
    const NEWEST: &'static [Column];
    /// What stays as the first version said it.
    const FIRST: &'static [Column];

    fn key(&self) -> Self::Key;

    /// The revision of its owner's stream; none for rows that are written once.
    fn version(&self) -> Option<i64>;

    fn keep_first(&mut self, first: Self);

    /// Replaces what no table can hold, in every column.
    fn make_storable(&mut self);

    fn upsert() -> &'static str;

    fn query<'q>(rows: &'q [&'q Self]) -> Query<'q, Postgres, PgArguments>;
}

/// The statement that writes rows where they are newer, all of them at once.
pub(crate) fn statement<R: Row>() -> String {
    let columns = || [R::KEY, R::NEWEST, R::FIRST].into_iter().flatten();
    let names: Vec<_> = columns().map(|(name, _)| *name).collect();
    let keys: Vec<_> = R::KEY.iter().map(|(name, _)| *name).collect();
    let arrays: Vec<_> = columns()
        .zip(1..)
        .map(|((_, sql), number)| format!("${number}::{}[]", if sql.ends_with("[]") { "text" } else { sql }))
        .collect();
    let values: Vec<_> = columns()
        .map(|(name, sql)| {
            // Lists of lists are no rows: each list travels as PostgreSQL's text of it.
            if sql.ends_with("[]") {
                format!("n.{name}::{sql}")
            } else {
                format!("n.{name}")
            }
        })
        .collect();
    let (names, keys) = (names.join(", "), keys.join(", "));
    let mut text = format!(
        "INSERT INTO {table} AS old ({names})\nSELECT {values}\n  FROM unnest({arrays})\n    AS n ({names})\n\
         ON CONFLICT ({keys}) DO ",
        table = R::TABLE,
        values = values.join(", "),
        arrays = arrays.join(", "),
    );
    if R::NEWEST.is_empty() {
        text.push_str("NOTHING");
    } else {
        let set: Vec<_> = R::NEWEST
            .iter()
            .map(|(name, _)| format!("{name} = excluded.{name}"))
            .collect();
        let _ = write!(
            text,
            "UPDATE SET {}\n WHERE old.version < excluded.version",
            set.join(", ")
        );
    }
    text
}

/// Declares a table's row. `by version` where a newer one replaces it; without, the first one stays.
macro_rules! row {
    (
        $(#[$meta:meta])*
        $name:ident in $table:literal $(by $version:ident)?;
        key { $($key:ident: $key_type:ty = $key_sql:literal),+ $(,)? }
        $(newest { $($newest:ident: $newest_type:ty = $newest_sql:literal),+ $(,)? })?
        $(first { $($first:ident: $first_type:ty = $first_sql:literal),+ $(,)? })?
    ) => {
        $(#[$meta])*
        #[derive(Debug)]
        #[allow(clippy::struct_field_names, reason = "a field is named as its column")]
        pub(crate) struct $name {
            $(pub(crate) $key: $key_type,)+
            $($(pub(crate) $newest: $newest_type,)+)?
            $($(pub(crate) $first: $first_type,)+)?
        }

        impl crate::model::row::Row for $name {
            type Key = ($($key_type,)+);
            const TABLE: &'static str = $table;
            const KEY: &'static [crate::model::row::Column] = &[$((stringify!($key), $key_sql)),+];
            const NEWEST: &'static [crate::model::row::Column] =
                &[$($((stringify!($newest), $newest_sql)),+)?];
            const FIRST: &'static [crate::model::row::Column] = &[$($((stringify!($first), $first_sql)),+)?];

            fn key(&self) -> Self::Key {
                ($(self.$key,)+)
            }

            fn version(&self) -> Option<i64> {
                None$(.or(Some(self.$version)))?
            }

            fn keep_first(&mut self, _first: Self) {
                $($(self.$first = _first.$first;)+)?
            }

            fn make_storable(&mut self) {
                use crate::model::storable::Storable as _;
                $(self.$key.make_storable();)+
                $($(self.$newest.make_storable();)+)?
                $($(self.$first.make_storable();)+)?
            }

            fn upsert() -> &'static str {
                static SQL: std::sync::LazyLock<String> =
                    std::sync::LazyLock::new(crate::model::row::statement::<$name>);
                SQL.as_str()
            }

            fn query<'q>(
                rows: &'q [&'q Self],
            ) -> sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments> {
                let query = sqlx::query(Self::upsert());
                $(let query = query.bind(rows.iter().map(|row| &row.$key).collect::<Vec<_>>());)+
                $($(let query = query.bind(rows.iter().map(|row| &row.$newest).collect::<Vec<_>>());)+)?
                $($(let query = query.bind(rows.iter().map(|row| &row.$first).collect::<Vec<_>>());)+)?
                query
            }
        }
    };
}

pub(crate) use row;

/// Rows of one table by key, the newest of each; what the statement finds in the table is compared there.
#[derive(Debug)]
pub(crate) struct Newest<R: Row>(BTreeMap<R::Key, R>);

impl<R: Row> Default for Newest<R> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<R: Row> Newest<R> {
    pub(crate) fn put(&mut self, mut row: R) {
        row.make_storable();
        match self.0.entry(row.key()) {
            btree_map::Entry::Vacant(entry) => {
                entry.insert(row);
            }
            btree_map::Entry::Occupied(mut entry) => {
                if entry.get().version() < row.version() {
                    let first = entry.insert(row);
                    entry.get_mut().keep_first(first);
                }
            }
        }
    }

    pub(crate) async fn write(&self, tx: &mut PgTransaction<'_>) -> Result<(), sqlx::Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let rows: Vec<&R> = self.0.values().collect();
        R::query(&rows).execute(&mut **tx).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    row! {
        /// A row of no table.
        Example in "example" by version;
        key { id: i64 = "bigint" }
        newest { version: i64 = "bigint", state: &'static str = "text" }
        first { made_by: &'static str = "text" }
    }

    row! {
        /// A row that is written once.
        Entry in "entry";
        key { id: i64 = "bigint" }
        first { words: &'static str = "text[]" }
    }

    #[test]
    fn the_newest_row_of_a_key_stays_and_keeps_what_only_the_first_says() {
        let mut rows = Newest::default();
        for (version, state, made_by) in [
            (2, "b", "two"),
            (1, "a", "one"),
            (4, "d", "four"),
            (4, "e", "again"),
        ] {
            rows.put(Example {
                id: 1,
                version,
                state,
                made_by,
            });
        }
        let kept: Vec<_> = rows
            .0
            .values()
            .map(|row| (row.version, row.state, row.made_by))
            .collect();
        assert_eq!(kept, [(4, "d", "two")]);
    }

    #[test]
    fn of_rows_that_are_written_once_the_first_stays() {
        let mut rows = Newest::default();
        for words in ["{first}", "{second}"] {
            rows.put(Entry { id: 1, words });
        }
        let kept: Vec<_> = rows.0.values().map(|row| row.words).collect();
        assert_eq!(kept, ["{first}"]);
    }

    #[test]
    fn the_statement_writes_newer_rows_over_older_ones_and_leaves_what_only_the_first_says() {
        assert_eq!(
            Example::upsert(),
            "INSERT INTO example AS old (id, version, state, made_by)\n\
             SELECT n.id, n.version, n.state, n.made_by\n\
             \x20 FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[])\n\
             \x20   AS n (id, version, state, made_by)\n\
             ON CONFLICT (id) DO UPDATE SET version = excluded.version, state = excluded.state\n\
             \x20WHERE old.version < excluded.version"
        );
        assert_eq!(
            Entry::upsert(),
            "INSERT INTO entry AS old (id, words)\n\
             SELECT n.id, n.words::text[]\n\
             \x20 FROM unnest($1::bigint[], $2::text[])\n\
             \x20   AS n (id, words)\n\
             ON CONFLICT (id) DO NOTHING"
        );
    }
}
