//! A party of an imported row (EN-16).

use contracts::endorsement::v1::PartyRow;
use decider::Violations;
use jiff::civil::Date;
use kernel::clock::{Timestamp, jst_date};
use kernel::{Address, EmailAddress, Personal, PhoneNumber};
use service::import::columns;

use crate::domain::{Party, PartyField, PartyFields, PartyKind};

/// The limit of `PartyRow.phones` in import.proto.
const MAX_PHONES: usize = 20;

/// Reads a party under `prefix`; its phones count from `at` (PV-16), and so does its address. A telephone number or an e-mail
/// address that cannot be read is `left_out`: for its sake nobody's contract shall be missing.
pub(super) fn party(
    prefix: &str,
    row: &PartyRow,
    problems: &mut Violations,
    left_out: &mut Violations,
    at: Timestamp,
) -> Option<Party> {
    let field = |name: &str| format!("{prefix}.{name}");
    let customer = columns::customer(problems, &field("customer_number"), &row.customer_number);
    let kind = kind(&field("kind"), &row.kind, problems);
    let name = problems.required(field("name"), &row.name, "NAME_REQUIRED");
    let name_kana = problems.required(field("name_kana"), &row.name_kana, "NAME_KANA_REQUIRED");
    let birth_date = birth_date(&field("birth_date"), row, kind, problems, at);
    let phones = phones(&field("phones"), &row.phones, left_out);
    let email = email(&field("email"), &row.email, left_out);
    let address = address(prefix, row, problems);
    let (subject, customer_number) = customer?;
    Some(Party {
        subject,
        customer_number,
        kind: kind?,
        name: Personal::new(subject, name?),
        name_kana: Personal::new(subject, name_kana?),
        birth_date: birth_date.map(|date| Personal::new(subject, date)),
        email: email.map(|email| Personal::new(subject, email)),
        fields: PartyFields {
            phones: PartyField::of_row(subject, phones, at),
            address: PartyField::of_row(subject, [address?], at),
        },
    })
}

/// Empties a telephone number or an e-mail address that is beyond its limits, in its place, so that the others keep theirs; of
/// too many numbers the first stay.
pub(super) fn leave_out(row: &mut PartyRow, column: &str) -> bool {
    if column == "email" {
        row.email.clear();
    } else if column == "phones" {
        row.phones.truncate(MAX_PHONES);
    } else if let Some(index) = column.strip_prefix("phones[") {
        let index = index.trim_end_matches(']').parse::<usize>();
        if let Some(phone) = index.ok().and_then(|index| row.phones.get_mut(index)) {
            phone.clear();
        }
    } else {
        return false;
    }
    true
}

fn kind(field: &str, text: &str, problems: &mut Violations) -> Option<PartyKind> {
    match text {
        "INDIVIDUAL" => Some(PartyKind::Individual),
        "CORPORATE" => Some(PartyKind::Corporate),
        _ => {
            problems.add(field, "PARTY_KIND_INVALID");
            None
        }
    }
}

/// Persons have one, companies none.
fn birth_date(
    field: &str,
    row: &PartyRow,
    kind: Option<PartyKind>,
    problems: &mut Violations,
    at: Timestamp,
) -> Option<Date> {
    let given = !row.birth_date.trim().is_empty();
    if kind == Some(PartyKind::Individual) && !given {
        problems.add(field, "BIRTH_DATE_REQUIRED");
    }
    if kind == Some(PartyKind::Corporate) && given {
        problems.add(field, "BIRTH_DATE_OF_COMPANY");
    }
    let date = columns::optional_date(problems, field, &row.birth_date);
    if date.is_some_and(|date| date > jst_date(at)) {
        problems.add(field, "BIRTH_DATE_IN_FUTURE");
    }
    date
}

/// PV-5. A number that is readable but no login factor is taken and shown with its verdict (PV-15); one given twice
/// stands once.
fn phones(field: &str, texts: &[String], left_out: &mut Violations) -> Vec<PhoneNumber> {
    let mut numbers = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match PhoneNumber::parse(text) {
            Ok(number) if numbers.contains(&number) => {}
            Ok(number) => numbers.push(number),
            Err(error) => left_out.add(format!("{field}[{index}]"), error.as_str()),
        }
    }
    numbers
}

/// In one line and never taken apart; the columns are named like the parts.
fn address(prefix: &str, row: &PartyRow, problems: &mut Violations) -> Option<Address> {
    Address::imported(&row.postcode, &row.address)
        .map_err(|errors| {
            for error in errors {
                problems.add(format!("{prefix}.{}", error.part), error.reason.as_str());
            }
        })
        .ok()
}

fn email(field: &str, text: &str, left_out: &mut Violations) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    left_out.keep(field, EmailAddress::parse(text), "EMAIL_INVALID")?;
    Some(text.to_owned())
}
