//! A change request (異動) as it stands (EN-10). Requests that need review come with review; what is here is accepted
//! on submission and waits for its instant.

use jiff::civil::Date;
use kernel::Timestamp;
use kernel::clock::jst_date;
use kernel::ids::{EndorsementId, SubjectId};
use serde::{Deserialize, Serialize};

use super::changes::{Change, Kind};
use super::roles::PartyRole;

/// Letters and digits that are not mistaken for each other when read out (Crockford's base 32).
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestState {
    /// Accepted, its instant ahead or not yet recorded as reached.
    Scheduled,
    Effective,
    /// Taken back by the customer.
    Withdrawn,
    /// The party it speaks of was replaced before it took effect.
    Superseded,
}

impl RequestState {
    /// As shown, `UPPER_SNAKE`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "SCHEDULED",
            Self::Effective => "EFFECTIVE",
            Self::Withdrawn => "WITHDRAWN",
            Self::Superseded => "SUPERSEDED",
        }
    }
}

/// What every event of a request says of it, so that each can be published alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestSummary {
    pub endorsement_id: EndorsementId,
    /// Its receipt number (EN-18).
    pub receipt_number: String,
    /// Who sees it: the policyholder at that moment.
    pub policyholder: SubjectId,
    /// The fields asked for, such as `policyholder.phones`.
    pub fields: Vec<String>,
    pub effective_date: Date,
    /// When it takes effect (EN-7).
    pub effective_at: Timestamp,
    /// When it was submitted.
    pub submitted_at: Timestamp,
}

/// A request of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endorsement {
    /// Identity, dates and fields.
    pub summary: RequestSummary,
    pub state: RequestState,
    pub(super) changes: Vec<Change>,
}

impl Endorsement {
    /// Whether it is accepted and its instant is ahead. By the clock: it need not have been recorded as effective.
    pub fn is_open_at(&self, now: Timestamp) -> bool {
        self.state == RequestState::Scheduled && self.summary.effective_at > now
    }

    /// Its change of a field of a party, if it has one.
    pub(super) fn change_of(&self, role: PartyRole, kind: Kind) -> Option<&Change> {
        let mut changes = self.changes.iter();
        changes.find(|change| change.role == role && change.content.kind() == kind)
    }
}

/// EN-18: the number a customer reads out, `E`, the day in Japan and eight characters of the request's id.
pub fn receipt_number(id: EndorsementId, submitted_at: Timestamp) -> String {
    let bits = id.as_uuid().as_u128();
    // The low bits: a UUID's fixed version and variant bits stand above them.
    let letters = (0..8)
        .rev()
        .map(|place| char::from(CROCKFORD[(bits >> (5 * place)) as usize & 31]));
    let day = jst_date(submitted_at).strftime("%Y%m%d");
    format!("E{day}-{}", letters.collect::<String>())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use uuid::Uuid;

    use super::*;

    #[test]
    fn en_18_a_receipt_number_names_the_day_in_japan_and_the_request() {
        let id = EndorsementId::from_uuid(Uuid::from_u128(0x20));
        let before_midnight_in_utc: Timestamp = "2026-11-15T15:00:00Z".parse().unwrap();
        assert_eq!(receipt_number(id, before_midnight_in_utc), "E20261116-00000010");
        assert_eq!(
            receipt_number(EndorsementId::from_uuid(Uuid::max()), before_midnight_in_utc),
            "E20261116-ZZZZZZZZ"
        );
    }
}
