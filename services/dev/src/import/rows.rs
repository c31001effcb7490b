//! Reading a file: rows to send, lines that are not whole, and the digest that recognises the file again.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::ImportError;
use super::report::BadRow;
use crate::sample::FileRow;

/// A file's rows.
pub(super) struct Read<R> {
    /// Rows with one cell per column, in the file's order.
    pub(super) rows: Vec<R>,
    /// Lines that are no rows.
    pub(super) broken: Vec<BadRow>,
}

/// Reads the whole file; its digest is the second.
pub(super) fn read<R: FileRow>(path: &Path) -> Result<(Read<R>, String), ImportError> {
    let bytes = std::fs::read(path).map_err(ImportError::file(path))?;
    let digest = hex::encode(Sha256::digest(&bytes));
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes.as_slice());
    let mut records = reader.byte_records();
    let header = records
        .next()
        .and_then(Result::ok)
        .and_then(|record| csv::StringRecord::from_byte_record(record).ok());
    let columns = R::columns();
    // Spreadsheets put a mark in front of UTF-8.
    let known = header.is_some_and(|header| {
        header
            .iter()
            .map(|name| name.trim_start_matches('\u{FEFF}'))
            .eq(columns.iter().copied())
    });
    if !known {
        return Err(ImportError::Header {
            path: path.to_owned(),
            expected: columns.join(","),
        });
    }
    let (mut rows, mut broken) = (Vec::new(), Vec::new());
    for record in records {
        let record = record.map_err(|error| ImportError::file(path)(std::io::Error::other(error)))?;
        let line = record
            .position()
            .map_or(0, |position| u32::try_from(position.line()).unwrap_or(u32::MAX));
        match row(line, record, columns.len()) {
            Ok(row) => rows.push(row),
            Err(bad) => broken.push(bad),
        }
    }
    Ok((Read { rows, broken }, digest))
}

fn row<R: FileRow>(line: u32, record: csv::ByteRecord, columns: usize) -> Result<R, BadRow> {
    let record = csv::StringRecord::from_byte_record(record)
        .map_err(|_| BadRow::of_line(line, "LINE_NOT_UTF8", "The line is not UTF-8.".to_owned()))?;
    let cells: Vec<_> = record.iter().collect();
    let count = cells.len();
    let whole = if count == columns {
        R::from_record(line, &cells)
    } else {
        None
    };
    whole.ok_or_else(|| {
        BadRow::of_line(
            line,
            "LINE_INCOMPLETE",
            format!("The line has {count} cells, there are {columns} columns."),
        )
    })
}
