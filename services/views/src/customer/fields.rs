//! What a contract's policyholder has in the fields that customers can change, judged when asked, by the clock: what is
//! scheduled counts from its instant, whether or not an event arrives then. Whether a number can be used for login is the
//! rulebook's one answer (PV-15).

use contracts::endorsement::v1::Phone;
use kernel::clock::instant_of_micros;
use kernel::{Address, Dated, PhoneNumber, SubjectId, Timestamp};
use rulebook::{NumberHolder, Rulebook};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use service::shown_phone;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::read::optional_instant;

/// The policyholder's numbers on a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbers {
    phones: Vec<Dated<PhoneNumber>>,
    holder: NumberHolder,
}

/// A value as the view keeps it.
#[derive(Deserialize)]
struct Kept<T> {
    value: T,
    counts_from_us: i64,
    counts_until_us: Option<i64>,
}

impl<T> Kept<T> {
    fn dated(self, subject: SubjectId) -> Dated<T> {
        Dated {
            counts_until: self.counts_until_us.map(instant_of_micros),
            ..Dated::new(subject, self.value, instant_of_micros(self.counts_from_us))
        }
    }
}

/// The values in a column of a contract's row; none where the field has not arrived.
fn values<T: DeserializeOwned>(row: &PgRow, column: &str) -> Result<Vec<Dated<T>>, sqlx::Error> {
    let unreadable = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
    let subject = SubjectId::from_uuid(row.try_get::<Uuid, _>("policyholder_subject")?);
    let kept: Option<serde_json::Value> = row.try_get(column)?;
    let kept: Vec<Kept<T>> = kept
        .map_or(Ok(Vec::new()), serde_json::from_value)
        .map_err(|error| unreadable(error.into()))?;
    Ok(kept.into_iter().map(|kept| kept.dated(subject)).collect())
}

/// The numbers of a contract's row.
pub(super) fn numbers(row: &PgRow) -> Result<Numbers, sqlx::Error> {
    Ok(Numbers {
        phones: values(row, "phones")?,
        holder: NumberHolder {
            is_policyholder: true,
            period_end: optional_instant(row, "period_end")?,
        },
    })
}

/// The address in force of a contract's row, in one line; empty where there is none to read.
pub(super) fn address(row: &PgRow, now: Timestamp) -> Result<String, sqlx::Error> {
    let addresses: Vec<Dated<Address>> = values(row, "addresses")?;
    let mut in_force = addresses.iter().filter(|address| address.counts_at(now));
    let known = in_force.find_map(|address| address.value.known());
    Ok(known.map(Address::display).unwrap_or_default())
}

impl Numbers {
    /// Those in force or scheduled, each with its verdict.
    pub(super) fn verdicts(&self, rulebook: &Rulebook, now: Timestamp) -> Vec<Phone> {
        let verdict = |phone: &Dated<PhoneNumber>| {
            let login = rulebook.login_number(phone, self.holder, now)?;
            let number = phone.value.known().map(PhoneNumber::display).unwrap_or_default();
            Some(shown_phone(number, &login))
        };
        self.phones.iter().filter_map(verdict).collect()
    }

    /// Whether one of them can be used for login now.
    pub(super) fn any_usable(&self, rulebook: &Rulebook, now: Timestamp) -> bool {
        self.verdicts(rulebook, now)
            .iter()
            .any(|verdict| verdict.usable_for_login)
    }
}
