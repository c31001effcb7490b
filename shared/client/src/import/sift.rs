//! Rows that are refused before anything is sent: for the sake of the others of their call.

use std::collections::HashSet;

use crate::files::{BadRow, FileRow};

/// Most bytes of a row as it is sent. No row within its limits comes near it, and a batch of such rows fits into a message.
const MAX_ROW_BYTES: usize = 128 * 1024;

/// Rows to send, and those that are not: rows far beyond any limit, and second rows about the same thing, of which a service
/// that gets them in different calls could not tell which one the file means.
pub(super) fn sift<R: FileRow>(rows: Vec<R>) -> (Vec<R>, Vec<BadRow>) {
    let mut seen = HashSet::new();
    let mut refused = Vec::new();
    let mut sent = Vec::with_capacity(rows.len());
    for mut row in rows {
        let about = row.about();
        let fault = too_long(&row).or_else(|| {
            let repeated = about.is_some_and(|about| !seen.insert(about));
            repeated.then(repeated_row::<R>)
        });
        match fault {
            None => sent.push(row),
            Some(fault) => refused.push(BadRow {
                line: *row.line_mut(),
                ..fault
            }),
        }
    }
    (sent, refused)
}

/// With the longest of its cells, which will be the one that is meant.
fn too_long<R: FileRow>(row: &R) -> Option<BadRow> {
    if row.encoded_len() <= MAX_ROW_BYTES {
        return None;
    }
    let cells = row.cells();
    let columns = R::columns().into_iter().zip(&cells);
    let (column, cell) = columns.max_by_key(|(_, cell)| cell.len())?;
    let characters = cell.chars().count();
    Some(BadRow {
        line: 0,
        column,
        reason: "TEXT_TOO_LONG".to_owned(),
        message: format!("The text has {characters} characters, far more than any row may have."),
    })
}

fn repeated_row<R: FileRow>() -> BadRow {
    let column = R::columns().into_iter().next().unwrap_or_default();
    BadRow {
        line: 0,
        column,
        reason: "ROW_REPEATED".to_owned(),
        message: "An earlier row of the file is about the same thing.".to_owned(),
    }
}
