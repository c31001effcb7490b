//! The core system's three files: CSV with a header, whose columns stand in any order. Each column is written down once, as the
//! field of the row it is read into; what a cell holds is judged by the service it is sent to.

mod accident;
mod cells;
mod columns;
mod contract;
mod credential;
mod encoding;
#[cfg(test)]
mod fuzz;
mod mapping;
mod reader;
mod scan;
#[cfg(test)]
mod tests;

use uuid::Uuid;

pub use accident::accident_id;
pub use columns::Layout;
pub use contract::contract_id;
pub use encoding::{Encoding, UnknownEncoding};
pub use mapping::{Columns, Mapping, MappingError};
pub use reader::{BadRow, FileContent, FileError, Lines, Reading, read};

/// A row of one of the files.
pub trait FileRow: prost::Message + Clone + Default + 'static {
    /// The file's name.
    const FILE: &'static str;
    /// What the columns of each further part of the row begin with.
    const PARTS: &'static [&'static str] = &[];

    /// The header, in the order rows are written in.
    fn columns() -> Vec<String>;
    /// The cells, one for each column.
    fn cells(&self) -> Vec<String>;
    /// Reads the record of one line.
    fn read(layout: &Layout, record: &csv::StringRecord) -> Result<Self, csv::Error>;
    /// What its columns are called in the file.
    fn mapped(mapping: &Mapping) -> &Columns;
    /// The line of the file, from 1; the header is line 1.
    fn line_mut(&mut self) -> &mut u32;
    /// The id of what the row is about, where its numbers can be read.
    fn about(&self) -> Option<Uuid>;
}
