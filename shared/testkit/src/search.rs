//! Looking for personal values in everything a deployment has written down: a value in every form in which it could lie
//! about, and the places to look in. Whoever searches plants a canary first: a blind search finds nothing either.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// Shorter texts are found by chance.
const SHORTEST: usize = 6;

/// One value to search for: as it is, escaped as JSON, as hexadecimal digits, in base64 at each of its three offsets.
#[derive(Debug, Clone)]
pub struct Needle {
    /// What it is; said when it is found.
    pub what: String,
    forms: Vec<(&'static str, Vec<u8>)>,
}

impl Needle {
    /// A text of six bytes or more; none if it is shorter.
    pub fn text(what: &str, value: &str) -> Option<Self> {
        if value.len() < SHORTEST {
            return None;
        }
        let bytes = value.as_bytes();
        let mut forms = vec![
            ("UTF-8", bytes.to_vec()),
            ("hexadecimal", hex::encode(bytes).into_bytes()),
        ];
        let (lower, upper) = (escaped(value, false), escaped(value, true));
        if lower != value {
            // PostgreSQL doubles backslashes where it prints a row as text.
            for text in [
                lower.replace('\\', "\\\\"),
                upper.replace('\\', "\\\\"),
                lower,
                upper,
            ] {
                forms.push(("JSON-escaped", text.into_bytes()));
            }
        }
        forms.extend(base64_forms(bytes));
        Some(Self {
            what: what.to_owned(),
            forms,
        })
    }

    /// The same value in several notations, as a phone number has them.
    pub fn notations(what: &str, notations: &[&str]) -> Vec<Self> {
        let named =
            |notation: &&str| Self::text(&format!("{what} as {} characters", notation.len()), notation);
        notations.iter().filter_map(named).collect()
    }

    /// Bytes that are no text.
    pub fn bytes(what: &str, value: &[u8]) -> Self {
        Self {
            what: what.to_owned(),
            forms: vec![("bytes", value.to_vec())],
        }
    }
}

fn escaped(value: &str, upper: bool) -> String {
    let escape = |c: char| {
        if c.is_ascii() {
            return c.to_string();
        }
        let mut units = [0; 2];
        let units = c.encode_utf16(&mut units).iter();
        let escaped = units.map(|unit| {
            if upper {
                format!("\\u{unit:04X}")
            } else {
                format!("\\u{unit:04x}")
            }
        });
        escaped.collect()
    };
    value.chars().map(escape).collect()
}

/// What base64 makes of the value wherever it starts in the encoded text, less the characters its neighbours share.
fn base64_forms(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = Vec::new();
    for offset in 0..3 {
        let shifted = [&vec![0; offset], bytes].concat();
        let shared_before = [0, 2, 3][offset];
        let whole = shifted.len() / 3 * 4;
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = engine.encode(&shifted);
            let form = text.as_bytes()[shared_before..whole.min(text.len())].to_vec();
            if form.len() >= SHORTEST {
                forms.push(("base64", form));
            }
        }
    }
    forms
}

/// Looks for many needles in one pass.
#[derive(Debug)]
pub struct Search<'a> {
    needles: &'a [Needle],
    /// Needle and form by the first two bytes: databases are large, and few of their bytes begin a form.
    starts: Vec<Vec<(usize, usize)>>,
}

impl<'a> Search<'a> {
    /// For these needles.
    pub fn new(needles: &'a [Needle]) -> Self {
        let mut starts = vec![Vec::new(); 1 << 16];
        for (at, needle) in needles.iter().enumerate() {
            for (form, (_, bytes)) in needle.forms.iter().enumerate() {
                if let [first, second, ..] = bytes[..] {
                    starts[pair(first, second)].push((at, form));
                }
            }
        }
        Self { needles, starts }
    }

    /// The needles found, each with the form it was found in.
    pub fn found_in(&self, haystack: &[u8]) -> BTreeMap<&'a str, &'static str> {
        let mut found = BTreeMap::new();
        let mut at = 0;
        while at + 1 < haystack.len() {
            let starts = &self.starts[pair(haystack[at], haystack[at + 1])];
            if !starts.is_empty() {
                for &(needle, form) in starts {
                    let (name, bytes) = &self.needles[needle].forms[form];
                    if haystack[at..].starts_with(bytes) {
                        found.entry(self.needles[needle].what.as_str()).or_insert(*name);
                    }
                }
            }
            at += 1;
        }
        found
    }

    /// Where the needles lie, as lines to be read.
    pub fn lines(&self, places: &[Place]) -> Vec<String> {
        let lines = places
            .iter()
            .flat_map(|place| self.lines_of(&place.name, &place.bytes));
        lines.collect()
    }

    /// The same for every file below `path`, one at a time. A file that is removed meanwhile is not there any more.
    pub fn lines_of_files(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        for file in files_below(path)? {
            match std::fs::read(&file) {
                Ok(bytes) => lines.extend(self.lines_of(&file.display().to_string(), &bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(lines)
    }

    fn lines_of(&self, name: &str, bytes: &[u8]) -> Vec<String> {
        let line = |(what, form)| format!("{what} ({form}) in {name}");
        self.found_in(bytes).into_iter().map(line).collect()
    }
}

fn pair(first: u8, second: u8) -> usize {
    usize::from(first) << 8 | usize::from(second)
}

/// One place and what is in it.
#[derive(Debug, Clone)]
pub struct Place {
    /// Where it is.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Every table of a database as text, as a dump would hold it, without those of the schemas `but`; PostgreSQL prints bytes
/// as hexadecimal digits.
pub async fn tables(database: &str, url: &str, but: &[&str]) -> Result<Vec<Place>, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let names: Vec<(String, String)> = sqlx::query_as(
        "SELECT schemaname::text, tablename::text FROM pg_tables
         WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2",
    )
    .fetch_all(&mut connection)
    .await?;
    let mut places = Vec::new();
    for (schema, table) in names {
        if but.contains(&schema.as_str()) {
            continue;
        }
        let rows =
            format!("SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM \"{schema}\".\"{table}\" t");
        let text: String = sqlx::query_scalar(AssertSqlSafe(rows))
            .fetch_one(&mut connection)
            .await?;
        places.push(Place {
            name: format!("{database}: {schema}.{table}"),
            bytes: text.into_bytes(),
        });
    }
    connection.close().await?;
    Ok(places)
}

/// A file, or every file below a folder.
pub fn files(path: &Path) -> io::Result<Vec<Place>> {
    let mut places = Vec::new();
    for file in files_below(path)? {
        match std::fs::read(&file) {
            Ok(bytes) => places.push(Place {
                name: file.display().to_string(),
                bytes,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(places)
}

fn files_below(path: &Path) -> io::Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path)? {
        entries.push(entry?.path());
    }
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        match files_below(&entry) {
            Ok(below) => found.extend(below),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // A socket or the like.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use base64::engine::general_purpose::STANDARD_NO_PAD;

    use super::*;

    fn found(needle: &Needle, text: &[u8]) -> Option<&'static str> {
        let needles = [needle.clone()];
        Search::new(&needles).found_in(text).into_values().next()
    }

    #[test]
    fn a_value_is_found_in_every_form_and_at_every_offset() {
        let needle = Needle::text("name", "見本　花子").unwrap();
        for before in ["", "a", "ab", "abc"] {
            let text = format!("{before}見本　花子{before}");
            assert!(found(&needle, text.as_bytes()).is_some());
            assert_eq!(
                found(&needle, STANDARD_NO_PAD.encode(&text).as_bytes()),
                Some("base64"),
                "{before}"
            );
            assert_eq!(found(&needle, hex::encode(&text).as_bytes()), Some("hexadecimal"));
        }
        assert_eq!(
            found(&needle, br"\u898b\u672c\u3000\u82b1\u5b50"),
            Some("JSON-escaped")
        );
        assert_eq!(found(&needle, "見本　太郎".as_bytes()), None);
        assert!(Needle::text("short", "花").is_none());
    }

    #[test]
    fn many_needles_are_told_apart_in_one_pass() {
        let needles = Needle::notations("phone", &["819012345678", "09012345678", "090-1234-5678"]);
        let search = Search::new(&needles);
        let found = search.found_in(b"+819012345678 and 090-1234-5678");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(search.found_in(b"").is_empty());
    }
}
