//! Requests of customers to the domain's words. What of a change cannot be read is kept as a violation, because the
//! domain tells some refusals before it (EN-4, EN-5).

use contracts::endorsement::v1 as proto;
use decider::Problem;
use jiff::civil::Date;
use kernel::clock::strict_date;
use kernel::ids::{ContractId, EndorsementId};

use super::fields;
use crate::domain::{Asked, AskedChange, AskedItem, Section, Violation};

pub(super) fn contract_id(text: &str) -> Result<ContractId, Problem> {
    text.parse()
        .map_err(|_| Problem::invalid("contract_id", "CONTRACT_ID_INVALID"))
}

pub(super) fn endorsement_id(text: &str) -> Result<EndorsementId, Problem> {
    text.parse()
        .map_err(|_| Problem::invalid("endorsement_id", "ENDORSEMENT_ID_INVALID"))
}

/// The change as far as it can be read.
pub(super) fn asked(items: &[proto::EndorsementItem], effective_date: &str) -> Asked {
    let mut malformed = Vec::new();
    if items.is_empty() {
        malformed.push(Violation::new("items", "ITEMS_REQUIRED"));
    }
    let mut read: Vec<AskedItem> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Some(item) = asked_item(index, item, &mut malformed) else {
            continue;
        };
        let same = |earlier: &AskedItem| {
            let kind = item.change.kind();
            kind.is_some() && (earlier.section, earlier.change.kind()) == (item.section, kind)
        };
        if read.iter().any(same) {
            malformed.push(Violation::new(format!("items[{index}]"), "CHANGE_REPEATED"));
        } else {
            read.push(item);
        }
    }
    Asked {
        items: read,
        effective_date: date(effective_date, &mut malformed),
        malformed,
    }
}

fn asked_item(
    index: usize,
    item: &proto::EndorsementItem,
    malformed: &mut Vec<Violation>,
) -> Option<AskedItem> {
    let section = match item.section() {
        proto::Section::Policyholder => Some(Section::Policyholder),
        proto::Section::Insured => Some(Section::Insured),
        proto::Section::Unspecified => {
            malformed.push(Violation::new(
                format!("items[{index}].section"),
                "SECTION_REQUIRED",
            ));
            None
        }
    };
    let change = if let Some(change) = &item.change {
        fields::read(index, change, malformed)
    } else {
        malformed.push(Violation::new(format!("items[{index}]"), "CHANGE_REQUIRED"));
        AskedChange::Unreadable
    };
    // A name is refused whatever the section (EN-4).
    let section = if change == AskedChange::Name {
        section.or(Some(Section::Insured))
    } else {
        section
    };
    Some(AskedItem {
        index,
        section: section?,
        change,
    })
}

/// A date is ten characters: jiff alone would also take `2026-W07-1` or a time behind it.
fn date(text: &str, malformed: &mut Vec<Violation>) -> Option<Date> {
    if text.is_empty() {
        return None;
    }
    let date = strict_date(text);
    if date.is_none() {
        malformed.push(Violation::new("effective_date", "EFFECTIVE_DATE_INVALID"));
    }
    date
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phones(section: proto::Section, numbers: &[&str]) -> proto::EndorsementItem {
        let numbers = numbers.iter().map(|number| (*number).to_owned()).collect();
        proto::EndorsementItem {
            section: section.into(),
            change: Some(proto::endorsement_item::Change::Phones(proto::PhonesChange {
                numbers,
            })),
        }
    }

    fn reasons(asked: &Asked) -> Vec<(&str, &str)> {
        asked
            .malformed
            .iter()
            .map(|violation| (&*violation.field, violation.reason))
            .collect()
    }

    #[test]
    fn pv_5_every_unreadable_number_is_named_by_its_place() {
        let item = phones(
            proto::Section::Insured,
            &["090-1111-2222", "+1 212 555 0100", "abc"],
        );
        let asked = asked(&[item], "2026-12-01");
        assert_eq!(
            reasons(&asked),
            [
                ("items[0].phones.numbers[1]", "PHONE_NUMBER_FOREIGN"),
                ("items[0].phones.numbers[2]", "PHONE_NUMBER_UNREADABLE"),
            ]
        );
    }

    #[test]
    fn one_number_twice_is_refused_however_it_is_written() {
        let asked = asked(
            &[phones(
                proto::Section::Insured,
                &["09011112222", "０９０－１１１１－２２２２"],
            )],
            "2026-12-01",
        );
        assert_eq!(
            reasons(&asked),
            [("items[0].phones.numbers[1]", "PHONE_REPEATED")]
        );
    }

    #[test]
    fn nothing_and_the_same_field_twice_are_told_together() {
        let none = phones(proto::Section::Insured, &[]);
        let some = phones(proto::Section::Insured, &["0311111111"]);
        let asked = asked(&[none, some, proto::EndorsementItem::default()], "2026-1-1");
        assert_eq!(
            reasons(&asked),
            [
                ("items[0].phones.numbers", "PHONES_REQUIRED"),
                ("items[1]", "CHANGE_REPEATED"),
                ("items[2].section", "SECTION_REQUIRED"),
                ("items[2]", "CHANGE_REQUIRED"),
                ("effective_date", "EFFECTIVE_DATE_INVALID"),
            ]
        );
    }

    #[test]
    fn numbers_and_address_of_one_section_are_two_changes_and_each_part_is_named() {
        let address = proto::EndorsementItem {
            section: proto::Section::Insured.into(),
            change: Some(proto::endorsement_item::Change::Address(proto::AddressChange {
                postcode: "530-0001".to_owned(),
                prefecture: "大阪府".to_owned(),
                city: "大阪市北区".to_owned(),
                town: "梅田".to_owned(),
                building: "\u{7}".to_owned(),
                ..proto::AddressChange::default()
            })),
        };
        let numbers = phones(proto::Section::Insured, &["09011112222"]);
        let asked = asked(&[numbers, address], "2026-12-01");
        assert_eq!(
            reasons(&asked),
            [("items[1].address.building", "ADDRESS_UNREADABLE")]
        );
        assert_eq!(
            asked.items[1].change,
            AskedChange::Unreadable,
            "its section is still looked at first"
        );
    }
}
