//! The book as three CSV files, the bad rows spread among the good ones.

use std::io;
use std::path::{Path, PathBuf};

use client::files::FileRow;

use super::bad::{self, BadRow};
use super::book::Book;

/// A line that must be reported as bad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Line of the file, from 1; the header is line 1.
    pub line: u32,
    /// The column to be named; empty where the line itself is not whole.
    pub column: &'static str,
}

/// One of the three files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleFile {
    pub name: &'static str,
    /// The lines with the header, as cells.
    pub lines: Vec<Vec<String>>,
    /// The lines that must be refused.
    pub refusals: Vec<Refusal>,
}

impl SampleFile {
    /// How many rows must arrive.
    pub fn good_rows(&self) -> usize {
        self.lines.len() - 1 - self.refusals.len()
    }
}

/// The three files of a book.
pub fn compose(book: &Book) -> [SampleFile; 3] {
    [
        file(
            book.contracts.iter().map(|contract| &contract.row),
            bad::contracts(book),
        ),
        file(
            book.contracts.iter().map(|contract| &contract.credential),
            bad::credentials(book),
        ),
        file(book.accidents.iter(), bad::accidents(book)),
    ]
}

fn file<'a, R: FileRow + 'a>(good: impl ExactSizeIterator<Item = &'a R>, bad: Vec<BadRow>) -> SampleFile {
    let every = (good.len() / (bad.len() + 1)).max(1);
    let (mut lines, mut refusals) = (vec![R::columns()], Vec::new());
    let mut bad = bad.into_iter();
    let mut refuse = |lines: &mut Vec<Vec<String>>, row: BadRow| {
        lines.push(row.cells);
        refusals.push(Refusal {
            line: u32::try_from(lines.len()).unwrap_or(u32::MAX),
            column: row.column,
        });
    };
    for (place, row) in good.enumerate() {
        if place % every == every / 2
            && let Some(row) = bad.next()
        {
            refuse(&mut lines, row);
        }
        lines.push(row.cells());
    }
    bad.for_each(|row| refuse(&mut lines, row));
    SampleFile {
        name: R::FILE,
        lines,
        refusals,
    }
}

/// Writes the files into `folder`, which is made if it does not exist; their paths, contracts first.
pub fn write(files: &[SampleFile], folder: &Path) -> io::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)?;
    files.iter().map(|file| write_one(file, folder)).collect()
}

fn write_one(file: &SampleFile, folder: &Path) -> io::Result<PathBuf> {
    let path = folder.join(file.name);
    let mut writer = csv::WriterBuilder::new()
        .flexible(true)
        .from_path(&path)
        .map_err(io::Error::other)?;
    for line in &file.lines {
        writer.write_record(line).map_err(io::Error::other)?;
    }
    writer.flush()?;
    Ok(path)
}
