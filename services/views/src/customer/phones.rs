//! Numbers of a contract's policyholder, and whether they can be used for login (PV-15). Judged when asked, by the clock and
//! by the rulebook's one answer: a scheduled number counts from its instant, whether or not an event arrives then.

use contracts::views::v1::PhoneVerdict;
use kernel::{Dated, PhoneNumber, SubjectId, Timestamp};
use rulebook::{NumberHolder, Rulebook};
use serde::Deserialize;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::read::instant;

/// The policyholder's numbers on a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbers {
    phones: Vec<Dated<PhoneNumber>>,
    holder: NumberHolder,
}

/// A number as the view keeps it.
#[derive(Deserialize)]
struct Kept {
    number: PhoneNumber,
    counts_from_us: i64,
    counts_until_us: Option<i64>,
}

impl Kept {
    fn dated(self, subject: SubjectId) -> Result<Dated<PhoneNumber>, jiff::Error> {
        let until = self.counts_until_us.map(Timestamp::from_microsecond);
        Ok(Dated {
            counts_until: until.transpose()?,
            ..Dated::new(
                subject,
                self.number,
                Timestamp::from_microsecond(self.counts_from_us)?,
            )
        })
    }
}

/// The numbers of a contract's row; none where no section of phones has arrived.
pub(super) fn of(row: &PgRow) -> Result<Numbers, sqlx::Error> {
    let unreadable = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
    let subject = SubjectId::from_uuid(row.try_get::<Uuid, _>("policyholder_subject")?);
    let kept: Option<serde_json::Value> = row.try_get("phones")?;
    let kept: Vec<Kept> = kept
        .map_or(Ok(Vec::new()), serde_json::from_value)
        .map_err(|error| unreadable(error.into()))?;
    let phones: Result<_, _> = kept.into_iter().map(|kept| kept.dated(subject)).collect();
    Ok(Numbers {
        phones: phones.map_err(|error| unreadable(error.into()))?,
        holder: NumberHolder {
            is_policyholder: true,
            period_end: instant(row, "period_end")?,
        },
    })
}

impl Numbers {
    /// Those in force or scheduled, each with its verdict.
    pub(super) fn verdicts(&self, rulebook: &Rulebook, now: Timestamp) -> Vec<PhoneVerdict> {
        let verdict = |phone: &Dated<PhoneNumber>| {
            let login = rulebook.login_number(phone, self.holder, now)?;
            Some(PhoneVerdict {
                number: phone.value.known().map(PhoneNumber::display).unwrap_or_default(),
                usable_for_login: login.is_usable(),
                reason: login.reason().to_owned(),
                counts_from_us: login.counts_from.as_microsecond(),
                counts_until_us: login.counts_until.as_microsecond(),
            })
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
