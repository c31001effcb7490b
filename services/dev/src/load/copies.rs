//! Writes one copy of a template: the same events under other ids, sealed for other people.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use kernel::ids::EventId;
use privacy::{KeySet, Keyring, seal_tree, subjects_in};
use serde_json::Value;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::LoadError;
use super::template::{Original, Template, event};

/// The bits of an id that say of which kind it is (RFC 9562).
const VERSION_AND_VARIANT: u128 = (0xf << 76) | (0b11 << 62);

/// Ids of one copy: those of the original with other bits, so that what was different stays different.
#[derive(Clone, Copy)]
struct Ids(u128);

impl Ids {
    fn of(self, original: &Uuid) -> Uuid {
        Uuid::from_u128(original.as_u128() ^ self.0)
    }

    /// Every id in a tree, wherever it stands.
    fn within(self, value: &Value) -> Value {
        match value {
            Value::String(text) => match Uuid::parse_str(text) {
                // An id is written with hyphens; a digest of the same length is not.
                Ok(id) if text.len() == 36 => Value::String(self.of(&id).to_string()),
                _ => value.clone(),
            },
            Value::Array(items) => items.iter().map(|item| self.within(item)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, member)| (name.clone(), self.within(member)))
                .collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }
}

/// Lines of COPY's text form.
struct Lines {
    events: String,
    heads: String,
}

/// Writes copy number `copy` in one transaction; answers how many events it has.
pub(super) async fn write(
    connection: &mut PgConnection,
    keyring: &Keyring,
    template: &Arc<Template>,
    copy: u128,
) -> Result<u64, LoadError> {
    let ids = Ids(copy & !VERSION_AND_VARIANT);
    let subjects: BTreeSet<_> = template
        .events
        .iter()
        .flat_map(|original| subjects_in(&ids.within(&original.data)))
        .collect();
    let keys = keyring.seal_keys(&subjects).await?;
    let epoch: i64 = sqlx::query_scalar("SELECT epoch FROM store.epoch")
        .fetch_one(&mut *connection)
        .await?;
    let of = template.clone();
    let lines = tokio::task::spawn_blocking(move || lines(&of, epoch, ids, &keys))
        .await
        .map_err(event)??;
    let mut tx = connection.begin().await?;
    let mut into = tx
        .copy_in_raw(
            "COPY store.event (epoch, stream, revision, event_id, request_key, request_index, type, data, metadata)
             FROM STDIN",
        )
        .await?;
    into.send(lines.events.into_bytes()).await?;
    let written = into.finish().await?;
    let mut into = tx
        .copy_in_raw("COPY store.stream_head (stream, revision) FROM STDIN")
        .await?;
    into.send(lines.heads.into_bytes()).await?;
    into.finish().await?;
    tx.commit().await?;
    Ok(written)
}

fn lines(template: &Template, epoch: i64, ids: Ids, keys: &KeySet) -> Result<Lines, LoadError> {
    let mut lines = Lines {
        events: String::new(),
        heads: String::new(),
    };
    for (index, original) in template.events.iter().enumerate() {
        let stream = format!(
            "{}.{}-{}",
            template.service,
            template.category,
            ids.of(&original.stream)
        );
        line(&mut lines.events, epoch, &stream, original, ids, keys)?;
        let next = template.events.get(index + 1);
        if next.is_none_or(|next| next.stream != original.stream) {
            let _ = writeln!(lines.heads, "{stream}\t{}", original.revision);
        }
    }
    Ok(lines)
}

fn line(
    lines: &mut String,
    epoch: i64,
    stream: &str,
    original: &Original,
    ids: Ids,
    keys: &KeySet,
) -> Result<(), LoadError> {
    let id = ids.of(&original.id);
    let data = seal_tree(ids.within(&original.data), EventId::from_uuid(id), keys).map_err(event)?;
    // JSON has no tabs and no line ends of its own; its backslashes are COPY's too.
    let json = |value: &Value| value.to_string().replace('\\', "\\\\");
    let _ = writeln!(
        lines,
        "{epoch}\t{stream}\t{revision}\t{id}\t{request}\t{index}\t{kind}\t{data}\t{metadata}",
        revision = original.revision,
        request = ids.of(&original.request_key),
        index = original.request_index,
        kind = original.event_type,
        data = json(&data),
        metadata = json(&ids.within(&original.metadata)),
    );
    Ok(())
}
