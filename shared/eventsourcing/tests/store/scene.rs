//! Transactions of other processes, readers that get the order right and wrong, and the scenes they meet in.

use eventsourcing::{EventStore, Expected, NewEvent, PostgresStore, StreamName};
use kernel::ids::EventId;
use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection, PgPool, Row};
use store_suite::backend::Backend;
use store_suite::checker::Seen;
use store_suite::drill::{events, stream};
use store_suite::following::{DEADLINE, seen_of};
use testkit::wait_for;
use uuid::Uuid;

use crate::backend::Postgres;

/// Appends in a transaction that the test commits when it likes, as a process of the release before does.
pub(crate) async fn append_within(
    connection: &mut PgConnection,
    stream: &StreamName,
    expected: i64,
    events: &[NewEvent],
) {
    let json = |value: serde_json::Result<String>| value.unwrap();
    let outcome: String =
        sqlx::query_scalar("SELECT outcome FROM store.append($1, $2, $3, $4, $5, $6, $7, $8, $9)")
            .bind(vec![stream.to_string()])
            .bind(vec![expected])
            .bind(vec![1_i32; events.len()])
            .bind(events.iter().map(|event| event.id.as_uuid()).collect::<Vec<_>>())
            .bind(
                events
                    .iter()
                    .map(|event| event.metadata.request_key)
                    .collect::<Vec<_>>(),
            )
            .bind(
                events
                    .iter()
                    .map(|event| event.metadata.request_index.cast_signed())
                    .collect::<Vec<_>>(),
            )
            .bind(
                events
                    .iter()
                    .map(|event| event.event_type.clone())
                    .collect::<Vec<_>>(),
            )
            .bind(
                events
                    .iter()
                    .map(|event| json(serde_json::to_string(&event.data)))
                    .collect::<Vec<_>>(),
            )
            .bind(
                events
                    .iter()
                    .map(|event| json(serde_json::to_string(&event.metadata)))
                    .collect::<Vec<_>>(),
            )
            .fetch_one(connection)
            .await
            .unwrap();
    assert_eq!(outcome, "appended");
}

pub(crate) async fn run(connection: &mut PgConnection, statement: &'static str) {
    sqlx::raw_sql(statement).execute(connection).await.unwrap();
}

/// What the store holds, by a plain look at its table.
pub(crate) async fn truth(pool: &PgPool) -> Vec<Seen> {
    let rows = sqlx::query("SELECT event_id, stream, revision FROM store.event")
        .fetch_all(pool)
        .await
        .unwrap();
    rows.iter().map(seen).collect()
}

fn seen(row: &PgRow) -> Seen {
    Seen {
        id: EventId::from_uuid(row.get::<Uuid, _>("event_id")),
        stream: row.get::<String, _>("stream").parse().unwrap(),
        revision: row.get::<i64, _>("revision").cast_unsigned(),
    }
}

/// A reader that remembers where it stopped.
pub(crate) trait Reader {
    /// Reads to the end of what it can see now.
    async fn catch_up(&mut self) -> Vec<Seen>;
}

/// The store's own reading, page by page.
pub(crate) struct ByCursor {
    pub(crate) store: PostgresStore,
    pub(crate) after: Option<eventsourcing::Cursor>,
    pub(crate) page: usize,
}

impl Reader for ByCursor {
    async fn catch_up(&mut self) -> Vec<Seen> {
        let mut all = Vec::new();
        loop {
            let events = self.store.read_all(self.after, self.page).await.unwrap();
            let Some(last) = events.last() else { return all };
            self.after = Some(last.cursor);
            all.extend(seen_of(&events));
        }
    }
}

/// Reading by the sequence alone, as many stores have done it.
pub(crate) struct ByPosition {
    pool: PgPool,
    after: i64,
    statement: &'static str,
}

pub(crate) const POSITION_ONLY: &str = "SELECT event_id, stream, revision, position FROM store.event \
    WHERE position > $1 ORDER BY position";

/// Waiting for older transactions does not help while the place is remembered by position alone.
pub(crate) const POSITION_BEHIND_XMIN: &str = "SELECT event_id, stream, revision, position FROM store.event \
    WHERE position > $1 AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY position";

impl Reader for ByPosition {
    async fn catch_up(&mut self) -> Vec<Seen> {
        let rows = sqlx::query(self.statement)
            .bind(self.after)
            .fetch_all(&self.pool)
            .await
            .unwrap();
        self.after = rows.last().map_or(self.after, |row| row.get("position"));
        rows.iter().map(seen).collect()
    }
}

/// Everything an instance is shared with.
pub(crate) struct Scene {
    pub(crate) backend: Postgres,
    pub(crate) early: PgConnection,
    late: PgConnection,
}

impl Scene {
    pub(crate) async fn open() -> Self {
        let backend = Postgres::open().await;
        let early = PgConnection::connect(&backend.database.url).await.unwrap();
        let late = PgConnection::connect(&backend.database.url).await.unwrap();
        Self { backend, early, late }
    }

    pub(crate) fn by_cursor(&self) -> ByCursor {
        ByCursor {
            store: self.backend.store.clone(),
            after: None,
            page: 3,
        }
    }

    pub(crate) fn by_position(&self, statement: &'static str) -> ByPosition {
        ByPosition {
            pool: self.backend.database.pool.clone(),
            after: 0,
            statement,
        }
    }

    /// A transaction takes its place in the sequence first and commits last. What the reader saw, and the truth.
    pub(crate) async fn slow_commit(mut self, mut reader: impl Reader) -> (Vec<Seen>, Vec<Seen>) {
        let (slow, quick) = (stream(1), stream(2));
        run(&mut self.early, "BEGIN").await;
        append_within(&mut self.early, &slow, -1, &events(&slow, 1, 1)).await;
        self.backend
            .store
            .append(&quick, Expected::NoStream, events(&quick, 2, 1))
            .await
            .unwrap();
        let mut seen = reader.catch_up().await;
        run(&mut self.early, "COMMIT").await;
        self.read_to_the_end(&mut reader, &mut seen).await;
        (seen, truth(&self.backend.database.pool).await)
    }

    /// The transaction with the lower transaction id takes the higher place in the sequence, and commits first.
    pub(crate) async fn crossed_numbers(mut self, mut reader: impl Reader) -> (Vec<Seen>, Vec<Seen>) {
        let (one, other) = (stream(1), stream(2));
        run(&mut self.early, "BEGIN; SELECT pg_current_xact_id()").await;
        run(&mut self.late, "BEGIN").await;
        append_within(&mut self.late, &one, -1, &events(&one, 1, 1)).await;
        append_within(&mut self.early, &other, -1, &events(&other, 2, 1)).await;
        run(&mut self.early, "COMMIT").await;
        let late: String = sqlx::query_scalar("SELECT pg_current_xact_id()::text")
            .fetch_one(&mut self.late)
            .await
            .unwrap();
        let horizon = async || {
            let xmin: String = sqlx::query_scalar("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
                .fetch_one(&self.backend.database.pool)
                .await
                .unwrap();
            if xmin == late { Ok(()) } else { Err(xmin) }
        };
        wait_for("the open transaction to be the oldest", DEADLINE, horizon).await;
        let mut seen = reader.catch_up().await;
        run(&mut self.late, "COMMIT").await;
        self.read_to_the_end(&mut reader, &mut seen).await;
        (seen, truth(&self.backend.database.pool).await)
    }

    /// Reads once more when nothing is hidden any more from a reader that is right.
    pub(crate) async fn read_to_the_end(&self, reader: &mut impl Reader, seen: &mut Vec<Seen>) {
        all_visible(&self.backend.database.pool).await;
        seen.extend(reader.catch_up().await);
    }
}

/// Waits until every event is older than all transactions still running, by a look at the table itself. Other tests
/// share the instance: their transactions, too, hold readers back for a moment.
pub(crate) async fn all_visible(pool: &PgPool) {
    let hidden = async || {
        let hidden: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM store.event WHERE xid >= pg_snapshot_xmin(pg_current_snapshot())",
        )
        .fetch_one(pool)
        .await
        .unwrap();
        if hidden == 0 {
            Ok(())
        } else {
            Err(format!("{hidden} are not"))
        }
    };
    wait_for("every event to be older than all transactions", DEADLINE, hidden).await;
}
