//! Prepare → review → submit (EN-8): what a change would do, or why it cannot be done. Reviewing records nothing;
//! submitting computes the same review again and compares it by the confirm token.

use std::collections::BTreeSet;

use jiff::civil::Date;
use kernel::clock::jst_date;
use kernel::ids::{AccountId, ContractId};
use kernel::phone::PhoneNumber;
use kernel::{Dated, Timestamp};
use rulebook::{Contact, ContactTopic, EffectiveDateError, LoginNumber, Rulebook};

use super::command::Requester;
use super::contract::Standing;
use super::event::ChangedPhones;
use super::party::{ContractKind, InsurerShare, PartyKind, PartyRole, Section};
use super::phones::{numbers_at, scheduled_or_in_force};
use super::rejection::{Rejection, Violation};

/// PV-15: after the change no number of the policyholder could be used for login.
pub(super) const NO_USABLE_PHONE_LEFT: &str = "NO_USABLE_PHONE_LEFT";

/// A change as asked for, read at the door. What could not be read stands in `malformed`, because some refusals must be
/// told before it (EN-4, EN-5: at the first click).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// What could be read of the items.
    pub items: Vec<AskedItem>,
    /// 変更日; absent if none was given.
    pub effective_date: Option<Date>,
    /// What could not be read.
    pub malformed: Vec<Violation>,
}

/// One item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedItem {
    /// Its place in the request, from 0.
    pub index: usize,
    /// The section it was asked for in.
    pub section: Section,
    /// What is asked for.
    pub change: AskedChange,
}

/// What an item asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskedChange {
    /// These numbers, in order.
    Phones(Vec<PhoneNumber>),
    /// A new name, which nobody reads here (EN-4).
    Name,
}

/// Exactly what submitting would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// One per section that would change.
    pub changes: Vec<PhonesReview>,
    /// 変更日.
    pub effective_date: Date,
    /// The instant it would take effect (EN-7).
    pub effective_at: Timestamp,
    /// The insurers (EN-9).
    pub insurers: Vec<InsurerShare>,
    /// What to confirm.
    pub warnings: Vec<ReviewWarning>,
    pub(super) revision: u64,
    pub(super) contract: ContractId,
    pub(super) account: AccountId,
}

/// One section's numbers before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhonesReview {
    /// The section.
    pub section: Section,
    /// What its party is to the contract.
    pub role: PartyRole,
    /// The numbers in force.
    pub before: Vec<PhoneNumber>,
    /// The numbers that would replace them.
    pub after: Vec<ReviewedPhone>,
}

/// A number with its verdict at the instant it would begin to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewedPhone {
    /// The number.
    pub number: PhoneNumber,
    /// Whether it could be used for login (PV-15).
    pub login: LoginNumber,
}

/// Something to think about before submitting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReviewWarning {
    /// `UPPER_SNAKE`.
    pub reason: &'static str,
    /// Whether submitting needs it confirmed.
    pub needs_acknowledgement: bool,
}

impl Review {
    /// Refuses if a warning that needs it was not confirmed.
    pub(super) fn acknowledged(&self, reasons: &BTreeSet<String>) -> Result<(), Rejection> {
        let missing =
            |warning: &&ReviewWarning| warning.needs_acknowledgement && !reasons.contains(warning.reason);
        match self.warnings.iter().find(missing) {
            Some(warning) => Err(Rejection::WarningNotAcknowledged {
                warning: warning.reason,
            }),
            None => Ok(()),
        }
    }
}

impl Standing {
    /// What the change would do, or why it cannot be done. Records nothing.
    pub fn review(
        &self,
        asked: &Asked,
        requester: &Requester,
        rulebook: &Rulebook,
        now: Timestamp,
    ) -> Result<Review, Rejection> {
        self.owned_by(requester)?;
        self.open_to_changes(rulebook, now)?;
        self.sections_allow(asked, rulebook, now)?;
        let (effective_date, effective_at) = effective(asked, rulebook, now)?;
        let mut changes = Vec::new();
        for item in &asked.items {
            changes.extend(self.phones_review(item, rulebook, now, effective_at)?);
        }
        if changes.is_empty() {
            return Err(Rejection::NothingToChange);
        }
        Ok(Review {
            warnings: warnings(&changes),
            changes,
            effective_date,
            effective_at,
            insurers: self.terms.insurers.clone(),
            revision: self.revision,
            contract: self.id(),
            account: requester.account,
        })
    }

    /// Somebody else's contract does not exist for a customer.
    pub fn owned_by(&self, requester: &Requester) -> Result<(), Rejection> {
        if requester.subjects.contains(&self.parties.policyholder().subject) {
            Ok(())
        } else {
            Err(Rejection::ContractNotFound)
        }
    }

    /// ID-2 and EN-5, told before anything is typed.
    fn open_to_changes(&self, rulebook: &Rulebook, now: Timestamp) -> Result<(), Rejection> {
        let contact = || Box::new(Contact::at(rulebook, ContactTopic::Contracts, now));
        let rules = &rulebook.registration;
        let group = self.terms.kind == ContractKind::Group && rules.refuses_kind("group");
        let corporate = self.parties.policyholder().kind == PartyKind::Corporate && !rules.corporate_allowed;
        let reasons: Vec<&'static str> = [(group, "GROUP_CONTRACT"), (corporate, "CORPORATE_POLICYHOLDER")]
            .into_iter()
            .filter_map(|(applies, reason)| applies.then_some(reason))
            .collect();
        if !reasons.is_empty() {
            return Err(Rejection::NotEligible {
                reasons,
                contact: contact(),
            });
        }
        match &self.terms.offline_reason {
            Some(reason) => Err(Rejection::NotOnline {
                reason: reason.clone(),
                contact: contact(),
            }),
            None => Ok(()),
        }
    }

    /// EN-4 and EN-3, also told first.
    fn sections_allow(&self, asked: &Asked, rulebook: &Rulebook, now: Timestamp) -> Result<(), Rejection> {
        if asked.items.iter().any(|item| item.change == AskedChange::Name) {
            let contact = Box::new(Contact::at(rulebook, ContactTopic::Names, now));
            return Err(Rejection::NameChangeByCallCentre { contact });
        }
        match asked
            .items
            .iter()
            .find(|item| self.parties.role_of(item.section).is_none())
        {
            Some(item) => Err(Rejection::UseInsuredSection {
                field: format!("items[{}].section", item.index),
            }),
            None => Ok(()),
        }
    }

    /// One item's part of the review; none if that already stands (EN-6).
    fn phones_review(
        &self,
        item: &AskedItem,
        rulebook: &Rulebook,
        now: Timestamp,
        effective_at: Timestamp,
    ) -> Result<Option<PhonesReview>, Rejection> {
        let AskedChange::Phones(numbers) = &item.change else {
            return Ok(None);
        };
        let Some(role) = self.parties.role_of(item.section) else {
            return Ok(None);
        };
        let Some(party) = self.parties.in_role(role) else {
            return Ok(None);
        };
        if let Some(open) = self.open_request_on(role, now) {
            return Err(Rejection::OpenRequestExists {
                receipt_number: open.summary.receipt_number.clone(),
                effective_date: open.summary.effective_date,
            });
        }
        let before = numbers_at(&party.phones, now);
        if before == *numbers {
            return Ok(None);
        }
        let holder = self.number_holder(role);
        let reviewed = |number: &PhoneNumber| {
            let phone = Dated::new(party.subject, number.clone(), effective_at);
            let login = rulebook.login_number(&phone, holder, effective_at)?;
            Some(ReviewedPhone {
                number: number.clone(),
                login,
            })
        };
        let after = numbers.iter().filter_map(reviewed).collect();
        Ok(Some(PhonesReview {
            section: item.section,
            role,
            before,
            after,
        }))
    }

    /// What a reviewed section's event says.
    pub(super) fn changed_phones(&self, change: &PhonesReview, now: Timestamp) -> Option<ChangedPhones> {
        let party = self.parties.in_role(change.role)?;
        let after = change
            .after
            .iter()
            .map(|phone| kernel::Personal::new(party.subject, phone.number.clone()));
        Some(ChangedPhones {
            section: change.section,
            role: change.role,
            subject: party.subject,
            before: scheduled_or_in_force(&party.phones, now),
            after: after.collect(),
        })
    }
}

/// EN-7, and everything that could not be read: all of it in one answer.
fn effective(asked: &Asked, rulebook: &Rulebook, now: Timestamp) -> Result<(Date, Timestamp), Rejection> {
    let unread_date = asked
        .malformed
        .iter()
        .any(|violation| violation.field == "effective_date");
    let mut violations = asked.malformed.clone();
    let Some(date) = asked.effective_date else {
        if !unread_date {
            violations.push(Violation::new("effective_date", "EFFECTIVE_DATE_REQUIRED"));
        }
        return Err(Rejection::Malformed(violations));
    };
    let refused = match rulebook.contact_changes.effective_at(date, now) {
        Ok(at) if violations.is_empty() => return Ok((date, at)),
        Ok(_) => return Err(Rejection::Malformed(violations)),
        Err(EffectiveDateError::Past) => Rejection::EffectiveDatePast { today: jst_date(now) },
        Err(EffectiveDateError::TooFarAhead { latest }) => Rejection::EffectiveDateTooFar { latest },
    };
    if violations.is_empty() {
        return Err(refused);
    }
    let reason = match refused {
        Rejection::EffectiveDatePast { .. } => "EFFECTIVE_DATE_PAST",
        _ => "EFFECTIVE_DATE_TOO_FAR",
    };
    violations.push(Violation::new("effective_date", reason));
    Err(Rejection::Malformed(violations))
}

/// PV-15: the policyholder's section would be left without a number that verifies a login.
fn warnings(changes: &[PhonesReview]) -> Vec<ReviewWarning> {
    let locks_out = |change: &PhonesReview| {
        change.role.is_policyholder() && !change.after.iter().any(|phone| phone.login.is_usable())
    };
    if changes.iter().any(locks_out) {
        vec![ReviewWarning {
            reason: NO_USABLE_PHONE_LEFT,
            needs_acknowledgement: true,
        }]
    } else {
        Vec::new()
    }
}
