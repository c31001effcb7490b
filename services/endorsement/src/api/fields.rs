//! The fields of a party that customers can change, from requests and to answers: each kind of change is read, reviewed and
//! shown here and nowhere else.

use contracts::endorsement::v1 as proto;
use contracts::endorsement::v1::endorsement_item::Change;
use contracts::endorsement::v1::field_change::After;
use kernel::address::AddressParts;
use kernel::clock::Timestamp;
use kernel::{Address, PhoneNumber};
use rulebook::{NumberHolder, Rulebook};

use service::shown_phone;

use crate::domain::{AskedChange, PartyFields, Reviewed, Violation};

/// The new content of the item at `index`, as far as it can be read.
pub(super) fn read(index: usize, change: &Change, malformed: &mut Vec<Violation>) -> AskedChange {
    match change {
        Change::Phones(change) => AskedChange::Phones(numbers(index, &change.numbers, malformed)),
        Change::Address(change) => {
            address(index, change, malformed).map_or(AskedChange::Unreadable, AskedChange::Address)
        }
        Change::Name(_) => AskedChange::Name,
    }
}

fn numbers(index: usize, texts: &[String], malformed: &mut Vec<Violation>) -> Vec<PhoneNumber> {
    let list = format!("items[{index}].phones.numbers");
    if texts.is_empty() {
        malformed.push(Violation::new(&list, "PHONES_REQUIRED"));
    }
    let mut read = Vec::new();
    for (place, text) in texts.iter().enumerate() {
        match PhoneNumber::parse(text) {
            Ok(number) if read.contains(&number) => {
                malformed.push(Violation::new(format!("{list}[{place}]"), "PHONE_REPEATED"));
            }
            Ok(number) => read.push(number),
            Err(error) => malformed.push(Violation::new(format!("{list}[{place}]"), error.as_str())),
        }
    }
    read
}

fn address(index: usize, change: &proto::AddressChange, malformed: &mut Vec<Violation>) -> Option<Address> {
    let parts = AddressParts {
        postcode: change.postcode.clone(),
        prefecture: change.prefecture.clone(),
        city: change.city.clone(),
        town: change.town.clone(),
        street: change.street.clone(),
        building: change.building.clone(),
    };
    let violation = |error: kernel::address::AddressError| {
        let field = format!("items[{index}].address.{}", error.part);
        Violation::new(field, error.reason.as_str())
    };
    Address::typed(&parts)
        .map_err(|errors| malformed.extend(errors.into_iter().map(violation)))
        .ok()
}

/// What a review shows of a change: what stands, and what would.
pub(super) fn reviewed(reviewed: &Reviewed) -> (Vec<String>, After) {
    match reviewed {
        Reviewed::Phones(phones) => {
            let after = phones.after.iter();
            let after = after.map(|after| shown_phone(after.number.display(), &after.login));
            (
                phones.before.iter().map(PhoneNumber::display).collect(),
                After::Phones(proto::PhoneList {
                    phones: after.collect(),
                }),
            )
        }
        Reviewed::Address(address) => (
            address.before.iter().map(Address::display).collect(),
            After::Address(address_parts(&address.after)),
        ),
    }
}

/// The fields of a party at an instant, on top of what else is shown of it.
pub(super) fn shown(
    fields: &PartyFields,
    holder: NumberHolder,
    rulebook: &Rulebook,
    now: Timestamp,
    party: proto::Party,
) -> proto::Party {
    let phones = fields.phones.dated.iter().filter_map(|dated| {
        let login = rulebook.login_number(dated, holder, now)?;
        let number = dated.value.known().map(PhoneNumber::display).unwrap_or_default();
        Some(shown_phone(number, &login))
    });
    let addresses = fields.address.in_force_at(now);
    let next = fields.address.scheduled_at(now).next();
    proto::Party {
        phones: phones.collect(),
        address: addresses.first().map(address_parts),
        next_address: next.map(|dated| proto::ScheduledAddress {
            address: dated.value.known().map(address_parts),
            counts_from_us: dated.counts_from.as_microsecond(),
        }),
        ..party
    }
}

fn address_parts(address: &Address) -> proto::Address {
    let parts = address.parts().clone();
    proto::Address {
        postcode: parts.postcode,
        prefecture: parts.prefecture,
        city: parts.city,
        town: parts.town,
        street: parts.street,
        building: parts.building,
        as_entered: address.as_entered().to_owned(),
    }
}
