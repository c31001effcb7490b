//! The contract: what stands, which requests were made, and what follows from a command. `decide` is the whole truth
//! about what may happen; `evolve` only remembers.

use decider::Decider;
use kernel::ids::{ContractId, EndorsementId};
use kernel::{Dated, Personal, PhoneNumber, Timestamp};
use rulebook::NumberHolder;

use super::command::{Command, Requester, Submit};
use super::endorsement::{Endorsement, RequestState, RequestSummary, receipt_number};
use super::event::{ChangedPhones, Event};
use super::import::import;
use super::party::{Parties, PartyRole, Terms};
use super::phones::{replaced, scheduled_or_in_force};
use super::rejection::Rejection;

/// A contract's stream, folded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Contract {
    /// No import named it yet.
    #[default]
    Unknown,
    /// It stands.
    Standing(Box<Standing>),
}

/// A contract as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// All that is nobody's personal data.
    pub terms: Terms,
    /// Policyholder and insured.
    pub parties: Parties,
    /// Where the insured object is.
    pub object_address: Personal<String>,
    /// Revision of the last event.
    pub revision: u64,
    pub(super) row_digest: String,
    endorsements: Vec<Endorsement>,
}

impl Contract {
    /// The contract, if an import named it.
    pub fn standing(&self) -> Result<&Standing, Rejection> {
        match self {
            Self::Unknown => Err(Rejection::ContractNotFound),
            Self::Standing(standing) => Ok(standing),
        }
    }
}

impl Standing {
    /// The contract's id, which follows from its numbers.
    pub fn id(&self) -> ContractId {
        ContractId::of_policy(&self.terms.policy_number, &self.terms.branch_number)
    }

    /// What login asks of the party in a role.
    pub const fn number_holder(&self, role: PartyRole) -> NumberHolder {
        NumberHolder {
            is_policyholder: role.is_policyholder(),
            period_end: self.terms.period_end,
        }
    }

    /// A request of this contract.
    pub fn endorsement(&self, id: EndorsementId) -> Result<&Endorsement, Rejection> {
        self.endorsements
            .iter()
            .find(|request| request.summary.endorsement_id == id)
            .ok_or(Rejection::EndorsementNotFound)
    }

    /// Requests that are accepted and not yet in effect.
    pub fn open_requests(&self, now: Timestamp) -> impl Iterator<Item = &Endorsement> {
        self.endorsements
            .iter()
            .filter(move |request| request.is_open_at(now))
    }

    /// EN-13: the open request on the numbers of a party.
    pub(super) fn open_request_on(&self, role: PartyRole, now: Timestamp) -> Option<&Endorsement> {
        self.open_requests(now)
            .find(|request| request.changes.iter().any(|change| change.role == role))
    }

    fn submit(&self, submit: &Submit) -> Result<Vec<Event>, Rejection> {
        let Submit {
            requester,
            rulebook,
            at,
            ..
        } = submit;
        let review = self.review(&submit.asked, requester, rulebook, *at)?;
        if !requester.call_verified {
            return Err(Rejection::CallVerificationRequired);
        }
        submit.confirm_key.confirms(&submit.confirm_token, &review)?;
        review.acknowledged(&submit.acknowledged_warnings)?;
        let changes: Vec<ChangedPhones> = review
            .changes
            .iter()
            .filter_map(|change| self.changed_phones(change, *at))
            .collect();
        let request = RequestSummary {
            endorsement_id: submit.endorsement_id,
            receipt_number: receipt_number(submit.endorsement_id, *at),
            policyholder: self.parties.policyholder().subject,
            fields: changes
                .iter()
                .map(|change| change.section.phones_field().to_owned())
                .collect(),
            effective_date: review.effective_date,
            effective_at: review.effective_at,
            submitted_at: *at,
        };
        let mut events = vec![Event::EndorsementSubmitted {
            request: request.clone(),
            account: requester.account,
            changes: changes.clone(),
            insurers: review.insurers,
            confirm_token: submit.confirm_token.clone(),
            acknowledged_warnings: submit.acknowledged_warnings.iter().cloned().collect(),
        }];
        events.extend(
            changes
                .iter()
                .map(|change| self.phones_changed(change, &request, *at)),
        );
        if request.effective_at <= *at {
            events.push(Event::EndorsementEffective { request });
        }
        Ok(events)
    }

    fn phones_changed(&self, change: &ChangedPhones, request: &RequestSummary, at: Timestamp) -> Event {
        let numbers: Vec<_> = change
            .after
            .iter()
            .filter_map(|number| number.known().cloned())
            .collect();
        let phones = replaced(&change.before, change.subject, &numbers, request.effective_at, at);
        self.phones_event(change, request, phones)
    }

    fn phones_event(
        &self,
        change: &ChangedPhones,
        request: &RequestSummary,
        phones: Vec<Dated<PhoneNumber>>,
    ) -> Event {
        Event::PhonesChanged {
            role: change.role,
            subject: change.subject,
            phones,
            endorsement_id: Some(request.endorsement_id),
            period_end: self.terms.period_end,
        }
    }

    fn withdraw(
        &self,
        id: EndorsementId,
        requester: &Requester,
        at: Timestamp,
    ) -> Result<Vec<Event>, Rejection> {
        self.owned_by(requester)?;
        let endorsement = self.endorsement(id)?;
        let summary = self.summary_now(endorsement);
        match endorsement.state {
            // Its instant has come, though nobody has recorded it yet.
            RequestState::Scheduled if summary.effective_at <= at => {
                return Err(Rejection::EndorsementNotOpen {
                    state: RequestState::Effective,
                });
            }
            RequestState::Scheduled => {}
            state => return Err(Rejection::EndorsementNotOpen { state }),
        }
        let restored = endorsement
            .changes
            .iter()
            .map(|change| self.phones_event(change, &summary, scheduled_or_in_force(&change.before, at)));
        let withdrawn = Event::EndorsementWithdrawn {
            request: summary.clone(),
            account: requester.account,
        };
        Ok(std::iter::once(withdrawn).chain(restored).collect())
    }

    fn take_effect(&self, id: EndorsementId, at: Timestamp) -> Result<Vec<Event>, Rejection> {
        let endorsement = self.endorsement(id)?;
        let due = endorsement.state == RequestState::Scheduled && endorsement.summary.effective_at <= at;
        Ok(due
            .then(|| Event::EndorsementEffective {
                request: self.summary_now(endorsement),
            })
            .into_iter()
            .collect())
    }

    /// Seen by who holds the policy now.
    fn summary_now(&self, endorsement: &Endorsement) -> RequestSummary {
        RequestSummary {
            policyholder: self.parties.policyholder().subject,
            ..endorsement.summary.clone()
        }
    }

    fn settle(&mut self, id: EndorsementId, state: RequestState) {
        if let Some(request) = self
            .endorsements
            .iter_mut()
            .find(|request| request.summary.endorsement_id == id)
        {
            request.state = state;
        }
    }

    /// Whether a party's numbers are ahead of the core system's after a change by this request.
    fn kept_after(&self, id: Option<EndorsementId>, role: PartyRole) -> bool {
        let Some(request) = id.and_then(|id| self.endorsement(id).ok()) else {
            return true;
        };
        if request.state != RequestState::Withdrawn {
            return true;
        }
        let place = request.changes.iter().position(|change| change.role == role);
        place
            .and_then(|place| request.kept_before.get(place).copied())
            .unwrap_or(true)
    }

    fn remember(mut self, event: &Event) -> Self {
        match event {
            Event::Imported {
                terms,
                policyholder,
                insured,
                object_address,
                row_digest,
            } => {
                self.terms = terms.clone();
                self.parties = Parties::new(policyholder.clone(), insured.clone());
                self.object_address = object_address.clone();
                self.row_digest.clone_from(row_digest);
            }
            Event::EndorsementSubmitted { request, changes, .. } => {
                let kept =
                    |change: &ChangedPhones| self.parties.in_role(change.role).is_some_and(|p| p.phones_kept);
                let kept_before = changes.iter().map(kept).collect();
                self.endorsements.push(Endorsement {
                    summary: request.clone(),
                    state: RequestState::Scheduled,
                    changes: changes.clone(),
                    kept_before,
                });
            }
            Event::PhonesChanged {
                role,
                phones,
                endorsement_id,
                ..
            } => {
                let kept = self.kept_after(*endorsement_id, *role);
                if let Some(party) = self.parties.in_role_mut(*role) {
                    party.phones.clone_from(phones);
                    party.phones_kept = kept;
                }
            }
            Event::EndorsementEffective { request } => {
                self.settle(request.endorsement_id, RequestState::Effective);
                self.terms.last_endorsement_date =
                    self.terms.last_endorsement_date.max(Some(request.effective_date));
            }
            Event::EndorsementWithdrawn { request, .. } => {
                self.settle(request.endorsement_id, RequestState::Withdrawn);
            }
            Event::EndorsementSuperseded { request } => {
                self.settle(request.endorsement_id, RequestState::Superseded);
            }
        }
        self
    }
}

impl Decider for Contract {
    const CATEGORY: &'static str = "contract";
    type Id = ContractId;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Import(row) => Ok(import(self.standing().ok(), *row)),
            Command::Submit(submit) => self.standing()?.submit(&submit),
            Command::Withdraw {
                endorsement_id,
                requester,
                at,
            } => self.standing()?.withdraw(endorsement_id, &requester, at),
            Command::TakeEffect { endorsement_id, at } => self.standing()?.take_effect(endorsement_id, at),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (
                Self::Unknown,
                Event::Imported {
                    terms,
                    policyholder,
                    insured,
                    object_address,
                    row_digest,
                },
            ) => Self::Standing(Box::new(Standing {
                terms: terms.clone(),
                parties: Parties::new(policyholder.clone(), insured.clone()),
                object_address: object_address.clone(),
                revision: 0,
                row_digest: row_digest.clone(),
                endorsements: Vec::new(),
            })),
            // Every stream begins with an import; `decide` writes nothing else into an empty one.
            (Self::Unknown, _) => Self::Unknown,
            (Self::Standing(standing), event) => {
                let revision = standing.revision + 1;
                Self::Standing(Box::new(Standing {
                    revision,
                    ..standing.remember(event)
                }))
            }
        }
    }
}
