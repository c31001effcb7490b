//! Reading a file: rows to send, lines that are no rows, and the digest by which the file is recognised again.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::FileRow;
use super::columns::Layout;

/// One problem of one row. Values of cells are not in it: they are personal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRow {
    /// Line of the file, from 1; the header is line 1.
    pub line: u32,
    /// Column; empty where the line itself is not whole.
    pub column: String,
    /// `UPPER_SNAKE`.
    pub reason: String,
    /// For people.
    pub message: String,
}

/// A file's content.
#[derive(Debug, Clone)]
pub struct FileContent<R> {
    /// Rows with one cell per column, in the file's order.
    pub rows: Vec<R>,
    /// Lines that are no rows.
    pub broken: Vec<BadRow>,
    /// SHA-256 of the file, hexadecimal.
    pub digest: String,
}

/// A file that cannot be read as a whole.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Its header is another one.
    #[error("{}: the header {}", path.display(), differs(missing, unknown))]
    Header {
        /// The file.
        path: PathBuf,
        /// Columns that are not there.
        missing: Vec<String>,
        /// Columns that nobody knows, or that are there twice.
        unknown: Vec<String>,
    },
    /// Its header cannot be read.
    #[error("{}: the header is not UTF-8: save the file as UTF-8 (iconv -f CP932 -t UTF-8)", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
    },
}

fn differs(missing: &[String], unknown: &[String]) -> String {
    let said = [("lacks", missing), ("has, which nobody knows,", unknown)];
    let said: Vec<_> = said
        .into_iter()
        .filter(|(_, columns)| !columns.is_empty())
        .map(|(verb, columns)| format!("{verb} {}", columns.join(", ")))
        .collect();
    said.join(" and ")
}

/// Reads the whole file.
pub fn read<R: FileRow>(path: &Path) -> Result<FileContent<R>, FileError> {
    let unreadable = |source| FileError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let mut records = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes.as_slice())
        .into_byte_records();
    let layout = layout::<R>(path, records.next())?;
    let mut lines = Lines::of(&bytes);
    let (mut rows, mut broken) = (Vec::new(), Vec::new());
    for record in records {
        let record = record.map_err(|error| unreadable(std::io::Error::other(error)))?;
        let line = lines.at(record.position().map_or(0, csv::Position::byte));
        match row(&layout, line, record) {
            Ok(row) => rows.push(row),
            Err(bad) => broken.push(bad),
        }
    }
    Ok(FileContent {
        rows,
        broken,
        digest: hex::encode(Sha256::digest(&bytes)),
    })
}

fn layout<R: FileRow>(
    path: &Path,
    header: Option<Result<csv::ByteRecord, csv::Error>>,
) -> Result<Layout, FileError> {
    let path = path.to_owned();
    let header = match header {
        Some(Ok(header)) => header,
        Some(Err(error)) => {
            let source = std::io::Error::other(error);
            return Err(FileError::Unreadable { path, source });
        }
        None => csv::ByteRecord::new(),
    };
    let Ok(header) = csv::StringRecord::from_byte_record(header) else {
        return Err(FileError::Encoding { path });
    };
    // Spreadsheets put a mark in front of UTF-8.
    let header: Vec<_> = header
        .iter()
        .map(|name| name.trim_start_matches('\u{FEFF}').to_owned())
        .collect();
    Layout::of::<R>(&header).map_err(|(missing, unknown)| FileError::Header {
        path,
        missing,
        unknown,
    })
}

fn row<R: FileRow>(layout: &Layout, line: u32, record: csv::ByteRecord) -> Result<R, BadRow> {
    let bad = |reason: &str, message: String| BadRow {
        line,
        column: String::new(),
        reason: reason.to_owned(),
        message,
    };
    let record = csv::StringRecord::from_byte_record(record)
        .map_err(|_| bad("LINE_NOT_UTF8", "The line is not UTF-8.".to_owned()))?;
    let (cells, columns) = (record.len(), layout.width());
    if cells != columns {
        let message = format!("The line has {cells} cells, there are {columns} columns.");
        return Err(bad("LINE_INCOMPLETE", message));
    }
    let mut row = R::read(layout, &record).map_err(|error| bad("LINE_INCOMPLETE", error.to_string()))?;
    *row.line_mut() = line;
    Ok(row)
}

/// Counts lines as an editor does. The reader's own count is off after blank lines and where lines end in CR LF.
struct Lines<'a> {
    bytes: &'a [u8],
    counted: usize,
    line: u32,
}

impl<'a> Lines<'a> {
    const fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            counted: 0,
            line: 1,
        }
    }

    /// The line of the record that is found from here on, past what is left of the line before and blank lines.
    fn at(&mut self, found: u64) -> u32 {
        let mut start = usize::try_from(found)
            .unwrap_or(usize::MAX)
            .clamp(self.counted, self.bytes.len());
        while matches!(self.bytes.get(start), Some(b'\r' | b'\n')) {
            start += 1;
        }
        let ends = self.bytes[self.counted..start]
            .split(|byte| *byte == b'\n')
            .skip(1)
            .count();
        self.line = self.line.saturating_add(u32::try_from(ends).unwrap_or(u32::MAX));
        self.counted = start;
        self.line
    }
}
