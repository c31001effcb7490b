//! An address in Japan: its parts as a customer types them, or one line as a core system has it, which is never taken apart.
//! Kept as entered; compared by a key, because systems differ in widths, dashes and blanks. **Format**: stored sealed.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::{characters, marks};

/// Digits of a postcode.
const POSTCODE_DIGITS: usize = 7;

/// The parts of an address as they are typed. Empty where there is none.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressParts {
    /// 郵便番号, seven digits once it was read.
    pub postcode: String,
    /// 都道府県.
    pub prefecture: String,
    /// 市区町村.
    pub city: String,
    /// 町域.
    pub town: String,
    /// 丁目・番地.
    pub street: String,
    /// 建物名・部屋番号.
    pub building: String,
}

/// An address. It has no `Display` and shows nothing by `Debug`, so that it reaches no log by accident.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    #[serde(flatten)]
    parts: AddressParts,
    as_entered: String,
}

/// A part of an address that cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressError {
    /// Its name: `postcode`, `prefecture`, `city`, `town`, `street`, `building` or `address` (the line).
    pub part: &'static str,
    /// What is wrong with it.
    pub reason: AddressReason,
}

/// What can be wrong with a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressReason {
    /// Not seven digits.
    Postcode,
    /// Nothing but blanks where something must be.
    Missing,
    /// It holds what no text of one line may, or marks that nobody sees.
    Unreadable,
}

impl AddressReason {
    /// As callers see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Postcode => "POSTCODE_INVALID",
            Self::Missing => "ADDRESS_REQUIRED",
            Self::Unreadable => "ADDRESS_UNREADABLE",
        }
    }
}

impl Address {
    /// An address typed in its parts; else every part that cannot be taken. Prefecture and city must be there, and of town
    /// and street one. Whether a postcode belongs to its town is not asked: one can span prefectures.
    pub fn typed(parts: &AddressParts) -> Result<Self, Vec<AddressError>> {
        let AddressParts {
            postcode,
            prefecture,
            city,
            town,
            street,
            building,
        } = parts;
        let mut errors = Vec::new();
        let mut wrong = |part, reason| errors.push(AddressError { part, reason });
        let digits = read_postcode(postcode);
        if digits.is_none() {
            wrong("postcode", AddressReason::Postcode);
        }
        let named = [
            ("prefecture", prefecture, true),
            ("city", city, true),
            ("town", town, false),
            ("street", street, is_blank(town)),
            ("building", building, false),
        ];
        for (part, text, required) in named {
            if required && is_blank(text) {
                wrong(part, AddressReason::Missing);
            } else if let Some(reason) = unusable(text) {
                wrong(part, reason);
            }
        }
        let (Some(postcode), []) = (digits, &errors[..]) else {
            return Err(errors);
        };
        let separator = if is_blank(building) { "" } else { "　" };
        Ok(Self {
            as_entered: format!("{prefecture}{city}{town}{street}{separator}{building}"),
            parts: AddressParts {
                postcode,
                ..parts.clone()
            },
        })
    }

    /// A core system's postcode and line. The line is kept as it is; its parts stay empty.
    pub fn imported(postcode: &str, line: &str) -> Result<Self, Vec<AddressError>> {
        let mut errors = Vec::new();
        let digits = read_postcode(postcode);
        if digits.is_none() {
            errors.push(AddressError {
                part: "postcode",
                reason: AddressReason::Postcode,
            });
        }
        let reason = if is_blank(line) {
            Some(AddressReason::Missing)
        } else {
            unusable(line)
        };
        errors.extend(reason.map(|reason| AddressError {
            part: "address",
            reason,
        }));
        match digits {
            Some(postcode) if errors.is_empty() => Ok(Self {
                parts: AddressParts {
                    postcode,
                    ..AddressParts::default()
                },
                as_entered: line.to_owned(),
            }),
            _ => Err(errors),
        }
    }

    /// The parts; of an imported address the postcode alone.
    pub const fn parts(&self) -> &AddressParts {
        &self.parts
    }

    /// In one line, without the postcode.
    pub fn as_entered(&self) -> &str {
        &self.as_entered
    }

    /// In one line for people: `〒100-0001 東京都…`.
    pub fn display(&self) -> String {
        let (area, town) = self.parts.postcode.split_at_checked(3).unwrap_or(("", ""));
        format!("〒{area}-{town} {}", self.as_entered)
    }

    /// Whether both name the same place: postcode and line are alike but for widths, dashes and blanks.
    pub fn is_same_place(&self, other: &Self) -> bool {
        self.parts.postcode == other.parts.postcode && key(&self.as_entered) == key(&other.as_entered)
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Address(…)")
    }
}

impl std::fmt::Debug for AddressParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AddressParts(…)")
    }
}

/// Seven digits, with or without hyphen, also in full width.
fn read_postcode(text: &str) -> Option<String> {
    let ignored = |c: &char| *c == '〒' || marks::is_blank(*c) || marks::is_dash_like(*c);
    let digits: String = text.nfkc().filter(|c| !ignored(c)).collect();
    let right = digits.len() == POSTCODE_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    right.then_some(digits)
}

fn is_blank(text: &str) -> bool {
    text.chars().all(marks::is_blank)
}

/// Why a text is none that people read. How long it may be is the protos' to say.
fn unusable(text: &str) -> Option<AddressReason> {
    let unseen = |c: char| !characters::is_of_one_line(c) || (marks::is_blank(c) && !c.is_whitespace());
    text.chars().any(unseen).then_some(AddressReason::Unreadable)
}

fn key(line: &str) -> String {
    let same = |c| if marks::is_dash_like(c) { '-' } else { c };
    line.nfkc().filter(|c| !marks::is_blank(*c)).map(same).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn parts() -> AddressParts {
        AddressParts {
            postcode: "〒１００－０００１".to_owned(),
            prefecture: "東京都".to_owned(),
            city: "千代田区".to_owned(),
            town: "千代田".to_owned(),
            street: "１−１".to_owned(),
            building: "見本ビル　3階".to_owned(),
        }
    }

    fn wrong(parts: &AddressParts) -> Vec<(&'static str, &'static str)> {
        let errors = Address::typed(parts).unwrap_err();
        errors
            .iter()
            .map(|error| (error.part, error.reason.as_str()))
            .collect()
    }

    #[test]
    fn a_typed_address_keeps_its_parts_as_entered_and_has_one_line() {
        let address = Address::typed(&parts()).unwrap();
        assert_eq!(address.as_entered(), "東京都千代田区千代田１−１　見本ビル　3階");
        assert_eq!(address.parts().postcode, "1000001");
        assert_eq!(address.parts().street, "１−１");
        assert_eq!(
            address.display(),
            "〒100-0001 東京都千代田区千代田１−１　見本ビル　3階"
        );
    }

    #[test]
    fn every_part_that_cannot_be_taken_is_named() {
        let nothing = wrong(&AddressParts::default());
        assert_eq!(
            nothing,
            [
                ("postcode", "POSTCODE_INVALID"),
                ("prefecture", "ADDRESS_REQUIRED"),
                ("city", "ADDRESS_REQUIRED"),
                ("street", "ADDRESS_REQUIRED"),
            ]
        );
        let odd = AddressParts {
            postcode: "10000011".to_owned(),
            town: "千代田\0".to_owned(),
            street: "\u{202E}1-1".to_owned(),
            building: "\u{200B}".to_owned(),
            ..parts()
        };
        assert_eq!(
            wrong(&odd),
            [
                ("postcode", "POSTCODE_INVALID"),
                ("town", "ADDRESS_UNREADABLE"),
                ("street", "ADDRESS_UNREADABLE"),
                ("building", "ADDRESS_UNREADABLE"),
            ]
        );
    }

    #[test]
    fn a_mark_that_no_line_may_hold_cannot_be_taken_of_any_part() {
        for mark in ['\t', '\u{85}', '\u{61C}', '\u{2028}', '\u{2029}', '\u{2066}'] {
            let odd = AddressParts {
                building: format!("見本{mark}ビル"),
                ..parts()
            };
            assert_eq!(wrong(&odd), [("building", "ADDRESS_UNREADABLE")], "{mark:?}");
            let line = format!("東京都{mark}千代田区");
            assert!(Address::imported("1000001", &line).is_err(), "{mark:?}");
        }
    }

    #[test]
    fn a_village_may_have_no_street_and_a_street_no_town() {
        for (town, street) in [("大字見本100", ""), ("", "100")] {
            let rural = AddressParts {
                town: town.to_owned(),
                street: street.to_owned(),
                ..parts()
            };
            assert!(Address::typed(&rural).is_ok(), "{town} {street}");
        }
    }

    #[test]
    fn en_16_an_imported_line_is_kept_and_never_taken_apart() {
        let address = Address::imported("100-0001", "東京都千代田区千代田1-1").unwrap();
        assert_eq!(address.as_entered(), "東京都千代田区千代田1-1");
        let postcode = "1000001".to_owned();
        let alone = AddressParts {
            postcode,
            ..AddressParts::default()
        };
        assert_eq!(*address.parts(), alone);
        let reasons: Vec<_> = Address::imported("1", "　")
            .unwrap_err()
            .iter()
            .map(|error| (error.part, error.reason.as_str()))
            .collect();
        assert_eq!(
            reasons,
            [("postcode", "POSTCODE_INVALID"), ("address", "ADDRESS_REQUIRED")]
        );
        assert!(Address::imported("1000001", "東京都\u{0}").is_err());
    }

    #[test]
    fn en_17_the_same_place_is_recognised_however_it_is_written() {
        let typed = Address::typed(&parts()).unwrap();
        let same = Address::imported("1000001", "東京都 千代田区 千代田1ー1見本ビル3階").unwrap();
        assert!(typed.is_same_place(&same) && typed != same);
        let other = Address::imported("1000001", "東京都千代田区千代田1-2見本ビル3階").unwrap();
        assert!(!typed.is_same_place(&other));
        let elsewhere = Address::imported("1000002", same.as_entered()).unwrap();
        assert!(!same.is_same_place(&elsewhere));
    }

    #[test]
    fn op_4_debug_never_shows_the_address() {
        let shown = format!("{:?} {:?}", Address::typed(&parts()).unwrap(), parts());
        assert!(!shown.contains("千代田"), "{shown}");
    }

    #[test]
    fn an_address_has_one_stored_form() {
        let stored = serde_json::to_value(Address::imported("1000001", "東京都").unwrap()).unwrap();
        let form = serde_json::json!({
            "postcode": "1000001", "prefecture": "", "city": "", "town": "", "street": "", "building": "",
            "as_entered": "東京都",
        });
        assert_eq!(stored, form);
        assert!(serde_json::from_value::<Address>(form).is_ok());
    }
}
