//! Which cell of a record belongs to which part of a row: the policyholder's columns begin with `policyholder_`.

use csv::StringRecord;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::FileRow;

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
    /// Of this header, or the columns it lacks and those nobody knows.
    pub(super) fn of<R: FileRow>(header: &[String]) -> Result<Self, (Vec<String>, Vec<String>)> {
        let known = R::columns();
        let missing: Vec<_> = known
            .iter()
            .filter(|name| !header.contains(name))
            .cloned()
            .collect();
        // A name given twice is one too many.
        let unknown: Vec<_> = header
            .iter()
            .enumerate()
            .filter(|(place, name)| !known.contains(name) || header[..*place].contains(name))
            .map(|(_, name)| name.clone())
            .collect();
        if !missing.is_empty() || !unknown.is_empty() {
            return Err((missing, unknown));
        }
        let mut parts = vec![Part::default(); R::PARTS.len() + 1];
        for (place, name) in header.iter().enumerate() {
            let part = R::PARTS.iter().position(|prefix| name.starts_with(prefix));
            let (part, own) = part.map_or((0, name.as_str()), |part| {
                (part + 1, &name[R::PARTS[part].len()..])
            });
            parts[part].names.push_field(own);
            parts[part].places.push(place);
        }
        Ok(Self {
            parts,
            width: header.len(),
        })
    }

    /// How many cells a whole line has.
    pub(super) const fn width(&self) -> usize {
        self.width
    }

    /// Reads the part of a record, `None` where all of its cells are empty.
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
        if cells.iter().all(str::is_empty) {
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
