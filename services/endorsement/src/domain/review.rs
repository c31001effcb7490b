//! Prepare → review → submit (EN-8): what a change would do, or why it cannot be done. Reviewing records nothing;
//! submitting computes the same review again and compares it by the confirm token.

use std::collections::BTreeSet;

use jiff::civil::Date;
use kernel::Timestamp;
use kernel::clock::jst_date;
use kernel::ids::{AccountId, ContractId, SubjectId};
use rulebook::{Contact, ContactTopic, EffectiveDateError, Rulebook};
use serde::Serialize;

use super::changes::{AskedChange, Change, ReviewContext, ReviewWarning, Reviewed};
use super::command::{Asked, AskedItem};
use super::confirm::ConfirmKey;
use super::current::CurrentContract;
use super::party::{Party, PartyKind};
use super::rejection::{Rejection, Violation};
use super::requester::Requester;
use super::roles::{PartyRole, Section};
use super::terms::{ContractKind, InsurerShare};

/// Exactly what submitting would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// One per field that would change.
    pub changes: Vec<ReviewedChange>,
    pub effective_date: Date,
    /// The instant it would take effect (EN-7).
    pub effective_at: Timestamp,
    /// The insurers (EN-9).
    pub insurers: Vec<InsurerShare>,
    pub warnings: Vec<ReviewWarning>,
    revision: u64,
    contract: ContractId,
    account: AccountId,
}

/// One field of a section, before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewedChange {
    pub section: Section,
    /// What its party is to the contract.
    pub role: PartyRole,
    pub subject: SubjectId,
    /// What is shown of it.
    pub content: Reviewed,
}

/// All that is shown and what it rests on, in one fixed form. Tokens live as long as a customer reads, so the form may
/// change between releases: an older token is then drift.
#[derive(Serialize)]
struct Canonical<'a> {
    contract: ContractId,
    revision: u64,
    account: AccountId,
    effective_date: Date,
    changes: Vec<(Section, &'a Reviewed)>,
    insurers: &'a [InsurerShare],
    warnings: Vec<&'static str>,
}

impl Review {
    /// The token with which exactly this is submitted.
    pub fn token(&self, key: &ConfirmKey) -> Result<String, Rejection> {
        key.token(&self.canonical())
    }

    /// Refuses a token of anything else.
    pub(super) fn confirmed_by(&self, token: &str, key: &ConfirmKey) -> Result<(), Rejection> {
        key.confirms(token, &self.canonical())
    }

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

    /// EN-15: refuses a session that is not good enough for what is changed.
    pub(super) fn permitted(&self, requester: &Requester) -> Result<(), Rejection> {
        let needs_call = |change: &ReviewedChange| change.content.kind().needs_call_verification();
        if !requester.call_verified && self.changes.iter().any(needs_call) {
            return Err(Rejection::CallVerificationRequired);
        }
        Ok(())
    }

    fn canonical(&self) -> Canonical<'_> {
        let changes = self.changes.iter();
        Canonical {
            contract: self.contract,
            revision: self.revision,
            account: self.account,
            effective_date: self.effective_date,
            changes: changes.map(|change| (change.section, &change.content)).collect(),
            insurers: &self.insurers,
            warnings: self.warnings.iter().map(|warning| warning.reason).collect(),
        }
    }
}

impl CurrentContract {
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
        let (mut changes, mut warnings) = (Vec::new(), Vec::new());
        for item in &asked.items {
            let Some((role, party)) = self.asked_party(item, now)? else {
                continue;
            };
            let context = ReviewContext {
                subject: party.subject,
                holder: self.number_holder(role),
                rulebook,
                now,
                effective_at,
            };
            if let Some(content) = item.change.review(&party.fields, &context) {
                warnings.extend(content.warning(&context));
                changes.push(ReviewedChange {
                    section: item.section,
                    role,
                    subject: party.subject,
                    content,
                });
            }
        }
        if changes.is_empty() {
            return Err(Rejection::NothingToChange);
        }
        warnings.dedup();
        Ok(Review {
            warnings,
            changes,
            effective_date,
            effective_at,
            insurers: self.terms.insurers.clone(),
            revision: self.revision,
            contract: self.id(),
            account: requester.account,
        })
    }

    /// What a reviewed change is once it is accepted.
    pub(super) fn accepted(&self, reviewed: &ReviewedChange, now: Timestamp) -> Option<Change> {
        let party = self.parties.in_role(reviewed.role)?;
        Some(Change {
            section: reviewed.section,
            role: reviewed.role,
            subject: reviewed.subject,
            content: reviewed.content.accepted(&party.fields, party.subject, now),
        })
    }

    /// Whose field an item asks to change, unless a request is open on it (EN-13).
    fn asked_party(
        &self,
        item: &AskedItem,
        now: Timestamp,
    ) -> Result<Option<(PartyRole, &Party)>, Rejection> {
        let (Some(kind), Some(role)) = (item.change.kind(), self.parties.role_of(item.section)) else {
            return Ok(None);
        };
        match self.open_request_on(role, kind, now) {
            Some(open) => Err(Rejection::OpenRequestExists {
                receipt_number: open.summary.receipt_number.clone(),
                effective_date: open.summary.effective_date,
            }),
            None => Ok(self.parties.in_role(role).map(|party| (role, party))),
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
