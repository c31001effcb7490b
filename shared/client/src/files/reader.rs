//! Reading a file: rows to send, lines that are no rows, and the digest by which the file is recognised again.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::FileRow;
use super::columns::Layout;
use super::encoding::{Encoding, Text, decode, detect};
use super::mapping::Mapping;
use super::scan::{Broken, Fault, MAX_CELL_LINES, Record, Scanned, Scanner};

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
    /// What the file's lines are.
    pub lines: Lines,
    /// SHA-256 of the file, hexadecimal.
    pub digest: String,
    /// What its bytes were read as.
    pub encoding: Encoding,
}

/// What the lines of a file are, beside rows and lines that are no rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lines {
    /// All of them, as an editor counts.
    pub all: usize,
    /// The header's.
    pub header: usize,
    /// Blank ones.
    pub blank: usize,
    /// Those on which a row goes on that began before.
    pub continued: usize,
}

/// How files are read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// The files' encoding; told from their bytes where none is declared.
    pub encoding: Option<Encoding>,
    /// The header's names.
    pub mapping: Mapping,
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
    #[error("{}: the header{} {}", path.display(), read_as(*encoding), differs(missing, unknown))]
    Header {
        /// The file.
        path: PathBuf,
        /// What it was read as.
        encoding: Encoding,
        /// Columns that are not there, as the file should call them.
        missing: Vec<String>,
        /// Columns that nobody knows, or that are there twice.
        unknown: Vec<String>,
    },
    /// Its header is no line of cells.
    #[error("{}: the header in line {line} cannot be read{}: a quotation is broken, or characters are", path.display(), read_as(*encoding))]
    HeaderBroken {
        /// The file.
        path: PathBuf,
        /// What it was read as.
        encoding: Encoding,
        /// Where it stands.
        line: u32,
    },
    /// Nobody can tell its encoding.
    #[error("{}: its bytes are neither UTF-8 nor CP932 throughout; say which it is (--encoding utf-8, utf-16le, utf-16be or cp932)", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
    },
    /// Rows and lines do not add up: a fault of this program.
    #[error("{}: {lines:?}, {rows} rows and {broken} broken lines do not add up", path.display())]
    Count {
        /// The file.
        path: PathBuf,
        /// What the lines are.
        lines: Lines,
        /// Rows found.
        rows: usize,
        /// Lines that are no rows.
        broken: usize,
    },
}

fn read_as(encoding: Encoding) -> String {
    format!(" (read as {encoding})")
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
///
/// # Errors
/// Where it cannot be read, its encoding cannot be told, or its header is another one. What is wrong with a line is none.
pub fn read<R: FileRow>(path: &Path, reading: &Reading) -> Result<FileContent<R>, FileError> {
    let bytes = std::fs::read(path).map_err(|source| FileError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let encoding = reading.encoding.or_else(|| detect(&bytes));
    let encoding = encoding.ok_or_else(|| FileError::Encoding {
        path: path.to_owned(),
    })?;
    let text = decode(&bytes, encoding);
    let mut scanner = Scanner::new(&text.content);
    let (layout, header) = header::<R>(path, &text, &reading.mapping, scanner.next())?;
    let mut body = Body {
        layout,
        unreadable: &text.unreadable,
        rows: Vec::new(),
        broken: Vec::new(),
        continued: 0,
    };
    for scanned in scanner.by_ref() {
        match scanned {
            Scanned::Record(record) => body.record(&record),
            Scanned::Broken(broken) => body.broken(&broken),
        }
    }
    let lines = Lines {
        all: text.content.split_inclusive('\n').count(),
        header,
        blank: scanner.blank() as usize,
        continued: body.continued,
    };
    let content = FileContent {
        rows: body.rows,
        broken: body.broken,
        lines,
        digest: hex::encode(Sha256::digest(&bytes)),
        encoding,
    };
    content.checked(path)
}

impl<R> FileContent<R> {
    /// Lines read: each is recorded, unchanged or refused in the end.
    pub const fn lines_read(&self) -> usize {
        self.rows.len() + self.broken.len()
    }

    /// Every line is a row, the continuation of one, no row, blank or the header.
    fn checked(self, path: &Path) -> Result<Self, FileError> {
        let lines = self.lines;
        if self.lines_read() + lines.header + lines.blank + lines.continued == lines.all {
            return Ok(self);
        }
        Err(FileError::Count {
            path: path.to_owned(),
            lines,
            rows: self.rows.len(),
            broken: self.broken.len(),
        })
    }
}

/// The columns' order, and the number of lines that say it.
fn header<R: FileRow>(
    path: &Path,
    text: &Text,
    mapping: &Mapping,
    first: Option<Scanned<'_>>,
) -> Result<(Layout, usize), FileError> {
    let (path, encoding) = (path.to_owned(), text.encoding);
    let record = match first {
        Some(Scanned::Record(record)) if !unreadable(&text.unreadable, &record) => record,
        Some(Scanned::Record(Record { line, .. }) | Scanned::Broken(Broken { at: line, .. })) => {
            return Err(FileError::HeaderBroken { path, encoding, line });
        }
        None => Record {
            line: 1,
            lines: 0,
            cells: Vec::new(),
        },
    };
    let names: Vec<_> = record.cells.iter().map(|name| name.trim()).collect();
    match Layout::of::<R>(&names, R::mapped(mapping)) {
        Ok(layout) => Ok((layout, record.lines as usize)),
        Err((missing, unknown)) => Err(FileError::Header {
            path,
            encoding,
            missing,
            unknown,
        }),
    }
}

fn unreadable(lines: &BTreeSet<u32>, record: &Record<'_>) -> bool {
    lines
        .range(record.line..record.line + record.lines)
        .next()
        .is_some()
}

/// What follows the header.
struct Body<'a, R> {
    layout: Layout,
    unreadable: &'a BTreeSet<u32>,
    rows: Vec<R>,
    broken: Vec<BadRow>,
    continued: usize,
}

impl<R: FileRow> Body<'_, R> {
    fn record(&mut self, record: &Record<'_>) {
        match self.row(record) {
            Ok(mut row) => {
                *row.line_mut() = record.line;
                self.rows.push(row);
                self.continued += record.lines as usize - 1;
            }
            Err((reason, message)) => {
                let lines = record.line..record.line + record.lines;
                self.refuse(lines, reason, &message);
            }
        }
    }

    fn row(&self, record: &Record<'_>) -> Result<R, (&'static str, String)> {
        if unreadable(self.unreadable, record) {
            let message = "The line has bytes that are not of the file's encoding.";
            return Err(("LINE_UNREADABLE", message.to_owned()));
        }
        let (cells, columns) = (record.cells.len(), self.layout.width());
        if cells != columns {
            let message = format!("The line has {cells} cells, there are {columns} columns.");
            return Err(("LINE_INCOMPLETE", message));
        }
        if record.swallows(columns) {
            let (first, last) = (record.line, record.line + record.lines - 1);
            let message = format!(
                "A quotation of the lines {first} to {last} holds as many commas as a row: it may have swallowed rows."
            );
            return Err(("QUOTATION_SWALLOWS", message));
        }
        let cells: csv::StringRecord = record.cells.iter().map(Cow::as_ref).collect();
        R::read(&self.layout, &cells).map_err(|_| {
            let message = "A cell of the line is not of its column's form.";
            ("LINE_MALFORMED", message.to_owned())
        })
    }

    fn broken(&mut self, broken: &Broken) {
        let message = said(broken);
        self.refuse(broken.lines.iter().copied(), "QUOTATION_BROKEN", &message);
    }

    fn refuse(&mut self, lines: impl Iterator<Item = u32>, reason: &str, message: &str) {
        self.broken.extend(lines.map(|line| BadRow {
            line,
            column: String::new(),
            reason: reason.to_owned(),
            message: message.to_owned(),
        }));
    }
}

/// What is wrong with broken lines, for people.
fn said(broken: &Broken) -> String {
    let at = broken.at;
    match broken.fault {
        Fault::TextAfterQuote => {
            format!("In a quotation that begins in line {at}, something follows the closing quotation mark.")
        }
        Fault::QuoteInCell => {
            "A cell that does not begin with a quotation mark has one; it has to be quoted, and its own marks doubled."
                .to_owned()
        }
        Fault::NotClosed => format!("A quotation that begins in line {at} is not closed before the file ends."),
        Fault::TooLong => {
            format!("A quotation that begins in line {at} goes on over more than {MAX_CELL_LINES} lines.")
        }
        Fault::Doubtful => {
            format!("The line may belong to a quotation that is broken since line {at}; mend that one first.")
        }
    }
}
