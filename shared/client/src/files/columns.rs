//! Which cell of a record belongs to which part of a row: the policyholder's columns begin with `policyholder_`.

use std::collections::BTreeSet;

use csv::StringRecord;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::FileRow;
use super::mapping::Columns;

/// A part of a row: its columns' own names, and where they stand.
#[derive(Debug, Clone, Default)]
struct Part {
    names: StringRecord,
    places: Vec<usize>,
}

/// How a file's header puts its columns in order.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The row's own columns, then those of its further parts.
    parts: Vec<Part>,
    width: usize,
}

impl Layout {
    /// Of this header, or the columns it lacks and those nobody knows, as the file calls them.
    pub(super) fn of<R: FileRow>(
        header: &[&str],
        mapping: &Columns,
    ) -> Result<Self, (Vec<String>, Vec<String>)> {
        let known = R::columns();
        let place = |name: &str| header.iter().position(|other| *other == name);
        let mut layout = Self {
            parts: vec![Part::default(); R::PARTS.len() + 1],
            width: header.len(),
        };
        let (mut missing, mut read) = (Vec::new(), BTreeSet::new());
        for name in &known {
            let theirs = mapping.theirs(name);
            match place(theirs) {
                Some(place) => {
                    read.insert(place);
                    layout.put::<R>(name, place);
                }
                // Past the end of every line: empty.
                None if mapping.absent.contains(name) => layout.put::<R>(name, usize::MAX),
                None => missing.push(theirs.to_owned()),
            }
        }
        // A name given twice is one too many.
        let unknown = header.iter().enumerate();
        let unknown =
            unknown.filter(|(place, name)| !read.contains(place) && !mapping.ignored.contains(**name));
        let unknown: Vec<_> = unknown.map(|(_, name)| (*name).to_owned()).collect();
        if missing.is_empty() && unknown.is_empty() {
            Ok(layout)
        } else {
            Err((missing, unknown))
        }
    }

    fn put<R: FileRow>(&mut self, name: &str, place: usize) {
        let part = R::PARTS.iter().position(|prefix| name.starts_with(prefix));
        let (part, own) = part.map_or((0, name), |part| (part + 1, &name[R::PARTS[part].len()..]));
        self.parts[part].names.push_field(own);
        self.parts[part].places.push(place);
    }

    /// How many cells a whole line has.
    pub(super) const fn width(&self) -> usize {
        self.width
    }

    /// Reads the part of a record, `None` where all of its cells are blank.
    pub(super) fn part<T: DeserializeOwned>(
        &self,
        number: usize,
        record: &StringRecord,
    ) -> Result<Option<T>, csv::Error> {
        let Some(part) = self.parts.get(number) else {
            return Ok(None);
        };
        let cells: StringRecord = part
            .places
            .iter()
            .map(|place| record.get(*place).unwrap_or_default())
            .collect();
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            return Ok(None);
        }
        cells.deserialize(Some(&part.names)).map(Some)
    }
}

/// The names and the cells of a flat struct.
pub(super) fn written(part: &impl Serialize) -> [Vec<String>; 2] {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let text = writer
        .serialize(part)
        .ok()
        .and_then(|()| writer.into_inner().ok());
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_deref().unwrap_or_default());
    let mut lines = reader
        .records()
        .flatten()
        .map(|line| line.iter().map(str::to_owned).collect());
    [lines.next().unwrap_or_default(), lines.next().unwrap_or_default()]
}
