//! What the customer's and the adjuster's queries read alike: pages, orders, pictures.

use contracts::claim_images::v1::{
    AccidentKind, DerivativeSize, ImageCategory, ImageHint, ImageRefusal, ImageState,
};
use contracts::views::v1::{self as proto, ImageSummary};
use decider::Problem;
use jiff::Timestamp;
use jiff_sqlx::Timestamp as SqlTimestamp;
use kernel::clock::instant_of_micros;
use kernel::{CaptureFact, CaptureFacts};
use service::{Page, reason_text};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgPool, Row};
use uuid::Uuid;

use crate::model::named::{Named as _, stored};

/// An order a list can be asked for: what to sort by, and which way. The id breaks ties, the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order<K> {
    pub(crate) by: K,
    pub(crate) descending: bool,
}

/// Reads `order_by`: a key's name, with " desc" to turn it round. Empty is the first of `keys` as `default` says.
pub(crate) fn order<K: Copy>(text: &str, keys: &[(&str, K)], default: Order<K>) -> Result<Order<K>, Problem> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(default);
    }
    let (name, descending) = text
        .strip_suffix(" desc")
        .map_or((text, false), |name| (name, true));
    let known = keys.iter().find(|(key, _)| *key == name.trim_end());
    known.map(|(_, by)| Order { by: *by, descending }).ok_or_else(|| {
        let allowed: Vec<_> = keys.iter().map(|(name, _)| *name).collect();
        Problem::invalid("order_by", "ORDER_BY_INVALID").with("allowed", allowed.join(", "))
    })
}

impl<K> Order<K> {
    /// How a row compares with the last one of the page before.
    pub(crate) const fn comparison(&self) -> &'static str {
        if self.descending { "<" } else { ">" }
    }

    pub(crate) const fn direction(&self) -> &'static str {
        if self.descending { "DESC" } else { "ASC" }
    }
}

/// Cuts the one row more that was asked for, and says how to go on.
pub(crate) fn cut<P: serde::Serialize, T>(
    page: &Page<P>,
    mut rows: Vec<T>,
    position: impl Fn(&T) -> P,
) -> (Vec<T>, String) {
    let size = usize::from(page.size);
    let more = rows.len() > size;
    rows.truncate(size);
    let token = match rows.last() {
        Some(last) if more => page.next_token(&position(last)),
        _ => String::new(),
    };
    (rows, token)
}

/// The rows to ask for: one more than wanted tells whether there are more.
pub(crate) fn limit<P>(page: &Page<P>) -> i64 {
    i64::from(page.size) + 1
}

/// An id in a request.
pub(crate) fn id(text: &str, field: &'static str, reason: &'static str) -> Result<Uuid, Problem> {
    Uuid::parse_str(text).map_err(|_| Problem::invalid(field, reason))
}

/// An instant that may be absent.
pub(crate) fn optional_instant(row: &PgRow, column: &str) -> Result<Option<Timestamp>, sqlx::Error> {
    let instant: Option<SqlTimestamp> = row.try_get(column)?;
    Ok(instant.map(SqlTimestamp::to_jiff))
}

pub(crate) fn instant(row: &PgRow, column: &str) -> Result<Timestamp, sqlx::Error> {
    Ok(row.try_get::<SqlTimestamp, _>(column)?.to_jiff())
}

/// Microseconds since the Unix epoch.
pub(crate) fn micros(row: &PgRow, column: &str) -> Result<i64, sqlx::Error> {
    instant(row, column).map(Timestamp::as_microsecond)
}

/// A personal text; empty where it was erased or is not known yet.
pub(crate) fn personal(row: &PgRow, column: &str) -> Result<String, sqlx::Error> {
    Ok(row.try_get::<Option<String>, _>(column)?.unwrap_or_default())
}

/// A count as the language of the answers has it.
pub(crate) fn count(row: &PgRow, column: &str) -> Result<u32, sqlx::Error> {
    Ok(u32::try_from(row.try_get::<i64, _>(column)?).unwrap_or(u32::MAX))
}

/// Position of a row in a list by time.
pub(crate) type TimePosition = (i64, Uuid);

/// Hints that have texts.
const HINTS: [&str; 4] = ["BLURRED", "SOFT", "DARK", "TINY"];

/// Who looks at pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Viewer {
    /// Sees all pictures, and not what cameras say of them.
    Customer,
    /// Sees those that were sent.
    ClaimsStaff,
}

/// Pictures of an accident, oldest first.
pub(crate) async fn images(
    pool: &PgPool,
    accident: Uuid,
    viewer: Viewer,
    after: Option<TimePosition>,
    limit: i64,
) -> Result<Vec<ImageSummary>, sqlx::Error> {
    let (after_us, after_id) = after.unwrap_or((i64::MIN, Uuid::nil()));
    let rows = sqlx::query(
        "SELECT * FROM view.image
          WHERE accident_id = $1 AND (NOT $2 OR submission_id IS NOT NULL)
            AND ($3 OR (received_at, image_id) > ($4, $5))
          ORDER BY received_at, image_id LIMIT $6",
    )
    .bind(accident)
    .bind(viewer == Viewer::ClaimsStaff)
    .bind(after.is_none())
    .bind(sql_instant(after_us))
    .bind(after_id)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    rows.iter().map(|row| image(row, viewer)).collect()
}

/// The instant of a page position.
pub(crate) fn sql_instant(micros: i64) -> SqlTimestamp {
    use jiff_sqlx::ToSqlx as _;
    instant_of_micros(micros).to_sqlx()
}

pub(crate) fn image_position(image: &ImageSummary) -> TimePosition {
    (
        image.received_at_us,
        Uuid::parse_str(&image.image_id).unwrap_or_default(),
    )
}

fn image(row: &PgRow, viewer: Viewer) -> Result<ImageSummary, sqlx::Error> {
    let capture = match viewer {
        Viewer::Customer => None,
        Viewer::ClaimsStaff => row.try_get::<Option<Json<CaptureFacts>>, _>("capture")?,
    };
    let refusal = stored::<ImageRefusal>(row, "refusal_reason")?;
    let (derivatives, hints): (Vec<String>, Vec<String>) =
        (row.try_get("derivatives")?, row.try_get("hints")?);
    Ok(ImageSummary {
        image_id: row.try_get::<Uuid, _>("image_id")?.to_string(),
        category: stored::<ImageCategory>(row, "category")?.into(),
        state: stored::<ImageState>(row, "state")?.into(),
        refusal_reason: refusal.into(),
        refusal_message: match refusal {
            ImageRefusal::Unspecified => String::new(),
            reason => reason_text(reason.name()),
        },
        file_name: personal(row, "file_name")?,
        content_type: row.try_get("content_type")?,
        size_bytes: row.try_get::<i64, _>("size_bytes")?.cast_unsigned(),
        sha256: hex::decode(row.try_get::<&str, _>("sha256")?)
            .map_err(|error| sqlx::Error::Decode(error.into()))?,
        width: row.try_get::<i32, _>("width")?.cast_unsigned(),
        height: row.try_get::<i32, _>("height")?.cast_unsigned(),
        derivatives: derivatives
            .into_iter()
            .map(|name| DerivativeSize::of(&name).into())
            .collect(),
        submission_id: row
            .try_get::<Option<Uuid>, _>("submission_id")?
            .map(|id| id.to_string())
            .unwrap_or_default(),
        received_at_us: micros(row, "received_at")?,
        duplicate_of_image_id: row.try_get("duplicate_of")?,
        hints: hints.into_iter().map(hint).collect(),
        capture: capture.map(|Json(facts)| shown(&facts)),
    })
}

/// With its text, if this release has one.
fn hint(code: String) -> ImageHint {
    let known = HINTS.into_iter().find(|known| *known == code);
    ImageHint {
        code,
        message: known.map(reason_text).unwrap_or_default(),
    }
}

/// The kind of an accident, and its name in the caller's language.
pub(crate) fn kind(row: &PgRow) -> Result<(AccidentKind, String), sqlx::Error> {
    let kind = stored::<AccidentKind>(row, "kind")?;
    Ok((kind, reason_text(kind.name())))
}

fn shown(facts: &CaptureFacts) -> proto::CaptureFacts {
    proto::CaptureFacts {
        taken_at: Some(fact(&facts.taken_at, ToString::to_string)),
        camera: Some(fact(&facts.camera, |name| name.as_str().to_owned())),
        orientation: Some(fact(&facts.orientation, |lies| lies.value().to_string())),
        position: Some(fact(&facts.position, ToString::to_string)),
    }
}

fn fact<T>(fact: &CaptureFact<T>, show: impl Fn(&T) -> String) -> proto::CaptureFact {
    let state = match fact {
        CaptureFact::Absent => proto::CaptureState::Absent,
        CaptureFact::Parsed(_) => proto::CaptureState::Parsed,
        CaptureFact::Unreadable => proto::CaptureState::Unreadable,
    };
    proto::CaptureFact {
        state: state.into(),
        value: fact.parsed().map(show).unwrap_or_default(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const KEYS: [(&str, u8); 2] = [("occurred_at", 1), ("claim_number", 2)];
    const DEFAULT: Order<u8> = Order {
        by: 1,
        descending: true,
    };

    #[test]
    fn an_order_is_a_known_key_with_or_without_desc() {
        assert_eq!(order("", &KEYS, DEFAULT).unwrap(), DEFAULT);
        assert_eq!(order("occurred_at desc", &KEYS, DEFAULT).unwrap(), DEFAULT);
        assert_eq!(
            order(" claim_number ", &KEYS, DEFAULT).unwrap(),
            Order {
                by: 2,
                descending: false
            }
        );
        let problem = order("place; DROP TABLE", &KEYS, DEFAULT).unwrap_err();
        assert_eq!(problem.violations[0].reason, "ORDER_BY_INVALID");
        assert_eq!(problem.metadata["allowed"], "occurred_at, claim_number");
    }
}
