//! From a file's bytes to text. Core systems in Japan write UTF-8, UTF-16 or CP932; which one it is, is declared, or told from
//! bytes that leave no doubt. A line that is not of the file's encoding is remembered by its number.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a file's bytes stand for characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// UTF-8, with or without its mark.
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16, the lower byte first, with or without its mark; what spreadsheets call "Unicode".
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, the higher byte first, with or without its mark.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// `Shift_JIS` as Windows in Japan has it, with the characters of NEC and IBM (`①`, `髙`).
    #[serde(rename = "cp932")]
    Cp932,
}

/// No encoding of this name is known.
#[derive(Debug, thiserror::Error)]
#[error("the encodings are utf-8, utf-16le, utf-16be and cp932")]
pub struct UnknownEncoding;

impl Encoding {
    /// As it is declared.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Cp932 => "cp932",
        }
    }
}

impl FromStr for Encoding {
    type Err = UnknownEncoding;

    /// The names people write, whatever their case.
    fn from_str(text: &str) -> Result<Self, UnknownEncoding> {
        match text.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Ok(Self::Utf8),
            "utf-16" | "utf16" | "utf-16le" | "utf16le" => Ok(Self::Utf16Le),
            "utf-16be" | "utf16be" => Ok(Self::Utf16Be),
            "cp932" | "ms932" | "windows-31j" | "shift_jis" | "shift-jis" | "sjis" => Ok(Self::Cp932),
            _ => Err(UnknownEncoding),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A file's text, and which of its lines are not of its encoding.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) content: String,
    pub(super) encoding: Encoding,
    /// Numbers of the lines in which something could not be read, from 1.
    pub(super) unreadable: BTreeSet<u32>,
}

/// The encoding of a file that declares none, or nothing where its bytes leave a doubt.
///
/// Japanese characters are three bytes in UTF-8, and three such bytes make no sense in CP932 but by rare chance; so what is
/// counted is how many of them there are, against how many places are no UTF-8. A file with a few broken places stays what it
/// is, and one that mixes both is nobody's guess: read wrongly, it would put other names into people's contracts. Neither is one
/// whose only other characters are two bytes in UTF-8 and two of half width in CP932 (`ﾅｶ`).
pub(super) fn detect(bytes: &[u8]) -> Option<Encoding> {
    match bytes {
        [0xEF, 0xBB, 0xBF, ..] => return Some(Encoding::Utf8),
        [0xFE, 0xFF, ..] | [0, 1..=0xFF, ..] => return Some(Encoding::Utf16Be),
        [0xFF, 0xFE, ..] | [1..=0xFF, 0, ..] => return Some(Encoding::Utf16Le),
        _ => {}
    }
    let (mut wide, mut broken) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        wide += chunk.valid().chars().filter(|c| c.len_utf8() > 2).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    if wide == 0 && broken == 0 && !bytes.is_ascii() && !encoding_rs::SHIFT_JIS.decode(bytes).2 {
        return None;
    }
    if broken == 0 || wide > broken.saturating_mul(10) {
        Some(Encoding::Utf8)
    } else if broken > wide.saturating_mul(10) {
        Some(Encoding::Cp932)
    } else {
        None
    }
}

/// Reads bytes of an encoding. Marks in front, and the character that old systems end a file with (0x1A), are dropped. In a
/// file without any LF, lines end in CR; they end in LF afterwards.
pub(super) fn decode(bytes: &[u8], encoding: Encoding) -> Text {
    let (mut text, unreadable) = match encoding {
        Encoding::Utf8 => by_line(
            bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes),
            |line, text| {
                let read = String::from_utf8_lossy(line);
                text.push_str(&read);
                // Borrowed where nothing had to be replaced.
                matches!(read, Cow::Borrowed(_))
            },
        ),
        Encoding::Cp932 => by_line(bytes, |line, text| {
            let (line, malformed) = encoding_rs::SHIFT_JIS.decode_without_bom_handling(line);
            text.push_str(&line);
            !malformed
        }),
        Encoding::Utf16Le => utf16(bytes, u16::from_le_bytes),
        Encoding::Utf16Be => utf16(bytes, u16::from_be_bytes),
    };
    if text.ends_with('\u{1A}') {
        text.pop();
    }
    if !text.contains('\n') {
        text = text.replace('\r', "\n");
    }
    Text {
        content: text,
        encoding,
        unreadable,
    }
}

/// Line by line, since no byte of a longer character is an LF, a CR, a comma or a quotation mark, neither in UTF-8 nor in CP932.
fn by_line(bytes: &[u8], read: impl Fn(&[u8], &mut String) -> bool) -> (String, BTreeSet<u32>) {
    let mut text = String::with_capacity(bytes.len());
    let mut unreadable = BTreeSet::new();
    let end = if bytes.contains(&b'\n') { b'\n' } else { b'\r' };
    for (line, number) in bytes.split_inclusive(|byte| *byte == end).zip(1..) {
        if !read(line, &mut text) {
            unreadable.insert(number);
        }
    }
    (text, unreadable)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> (String, BTreeSet<u32>) {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    let has_lf = units.clone().any(|unit| unit == u16::from(b'\n'));
    let end = if has_lf { '\n' } else { '\r' };
    let mut text = String::with_capacity(bytes.len());
    let (mut unreadable, mut line) = (BTreeSet::new(), 1);
    for (place, read) in char::decode_utf16(units).enumerate() {
        match read {
            Ok('\u{FEFF}') if place == 0 => {}
            Ok(c) => {
                text.push(c);
                line += u32::from(c == end);
            }
            Err(_) => {
                text.push(char::REPLACEMENT_CHARACTER);
                unreadable.insert(line);
            }
        }
    }
    if !odd.is_empty() {
        text.push(char::REPLACEMENT_CHARACTER);
        unreadable.insert(line);
    }
    (text, unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = "証券番号,氏名\nAB123456,髙橋①\n";

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    fn cp932(text: &str) -> Vec<u8> {
        let (bytes, _, unmapped) = encoding_rs::SHIFT_JIS.encode(text);
        assert!(!unmapped);
        bytes.into_owned()
    }

    #[test]
    fn en_16_every_encoding_of_a_core_system_is_told_from_its_bytes_and_read_alike() {
        let marked = format!("\u{FEFF}{ROW}");
        let ascii_first = format!("a,b\n{ROW}");
        for (bytes, encoding, text) in [
            (ROW.as_bytes().to_vec(), Encoding::Utf8, ROW),
            (marked.as_bytes().to_vec(), Encoding::Utf8, ROW),
            (utf16(&marked, u16::to_le_bytes), Encoding::Utf16Le, ROW),
            (utf16(&marked, u16::to_be_bytes), Encoding::Utf16Be, ROW),
            (
                utf16(&ascii_first, u16::to_le_bytes),
                Encoding::Utf16Le,
                ascii_first.as_str(),
            ),
            (
                utf16(&ascii_first, u16::to_be_bytes),
                Encoding::Utf16Be,
                ascii_first.as_str(),
            ),
            (cp932(ROW), Encoding::Cp932, ROW),
        ] {
            assert_eq!(detect(&bytes), Some(encoding));
            let read = decode(&bytes, encoding);
            assert_eq!(
                (read.content.as_str(), read.unreadable.len()),
                (text, 0),
                "{encoding}"
            );
        }
        assert_eq!(detect(b"a,b\n1,2\n"), Some(Encoding::Utf8));
        assert_eq!(detect(b""), Some(Encoding::Utf8));
    }

    #[test]
    fn a_few_broken_places_leave_a_file_what_it_is_and_each_is_remembered_by_its_line() {
        let mut bytes = ROW.repeat(10).into_bytes();
        bytes.extend(b"AB,\xE9\xAB\n");
        assert_eq!(detect(&bytes), Some(Encoding::Utf8));
        assert_eq!(decode(&bytes, Encoding::Utf8).unreadable, BTreeSet::from([21]));

        let mut bytes = cp932(&ROW.repeat(10));
        bytes.extend(b"AB,\x81\nCD,\xFD\xFD\n");
        assert_eq!(detect(&bytes), Some(Encoding::Cp932));
        assert_eq!(
            decode(&bytes, Encoding::Cp932).unreadable,
            BTreeSet::from([21, 22])
        );

        let mut bytes = utf16("a\nb", u16::to_le_bytes);
        bytes.extend([0x00, 0xD8, 0x0A, 0x00, 0x41]);
        assert_eq!(
            decode(&bytes, Encoding::Utf16Le).unreadable,
            BTreeSet::from([2, 3])
        );
    }

    #[test]
    fn a_file_of_two_encodings_is_nobodys_guess() {
        let mut bytes = ROW.repeat(10).into_bytes();
        bytes.extend(cp932(&ROW.repeat(10)));
        assert_eq!(detect(&bytes), None);
        assert_eq!(
            detect(&cp932("a,b\n1,ﾅｶ\n")),
            None,
            "Ŷ in UTF-8, and nobody would see it"
        );
    }

    #[test]
    fn an_encoding_is_declared_by_the_names_people_write() {
        for (name, encoding) in [
            ("UTF-8", Encoding::Utf8),
            ("utf-16", Encoding::Utf16Le),
            ("UTF-16BE", Encoding::Utf16Be),
            ("Shift_JIS", Encoding::Cp932),
            ("windows-31j", Encoding::Cp932),
        ] {
            assert_eq!(name.parse::<Encoding>().ok(), Some(encoding), "{name}");
        }
        assert!("euc-jp".parse::<Encoding>().is_err());
    }

    #[test]
    fn the_character_that_ends_old_files_is_no_line() {
        assert_eq!(decode(b"a\r\n\x1A", Encoding::Cp932).content, "a\r\n");
    }
}
