//! The contract: which requests were made, and what follows from a command. `decide` is the whole truth about what may
//! happen; `evolve` only remembers.

use decider::Decider;
use kernel::Timestamp;
use kernel::ids::{ContractId, EndorsementId};

use super::changes::{Change, FieldContent};
use super::command::{Command, Submit};
use super::current::CurrentContract;
use super::event::Event;
use super::import::import;
use super::party::Parties;
use super::rejection::Rejection;
use super::request::{Endorsement, RequestState, RequestSummary, receipt_number};
use super::requester::Requester;

/// A contract's stream, folded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Contract {
    /// No import named it yet.
    #[default]
    Unknown,
    Imported(Box<CurrentContract>),
}

impl Contract {
    /// The contract, if an import named it.
    pub fn current(&self) -> Result<&CurrentContract, Rejection> {
        match self {
            Self::Unknown => Err(Rejection::ContractNotFound),
            Self::Imported(current) => Ok(current),
        }
    }
}

impl CurrentContract {
    fn submit(&self, submit: &Submit) -> Result<Vec<Event>, Rejection> {
        let (requester, at) = (&submit.requester, submit.at);
        let review = self.review(&submit.asked, requester, &submit.rulebook, at)?;
        review.permitted(requester)?;
        review.confirmed_by(&submit.confirm_token, &submit.confirm_key)?;
        review.acknowledged(&submit.acknowledged_warnings)?;
        let changes = review.changes.iter();
        let changes: Vec<Change> = changes.filter_map(|change| self.accepted(change, at)).collect();
        let fields = changes
            .iter()
            .map(|change| change.section.field(change.content.kind().field()));
        let request = RequestSummary {
            endorsement_id: submit.endorsement_id,
            receipt_number: receipt_number(submit.endorsement_id, at),
            policyholder: self.parties.policyholder().subject,
            fields: fields.collect(),
            effective_date: review.effective_date,
            effective_at: review.effective_at,
            submitted_at: at,
        };
        let mut events = vec![Event::EndorsementSubmitted {
            request: request.clone(),
            account: requester.account,
            changes: changes.clone(),
            insurers: review.insurers,
            confirm_token: submit.confirm_token.clone(),
            acknowledged_warnings: submit.acknowledged_warnings.iter().cloned().collect(),
        }];
        events.extend(changes.iter().map(|change| {
            let field = change.content.applied(request.effective_at, at);
            self.field_changed(change, &request, field)
        }));
        if request.effective_at <= at {
            events.push(Event::EndorsementEffective { request });
        }
        Ok(events)
    }

    fn field_changed(&self, change: &Change, request: &RequestSummary, field: FieldContent) -> Event {
        Event::PartyFieldChanged {
            role: change.role,
            subject: change.subject,
            field,
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
        let restored = endorsement.changes.iter().filter_map(|change| {
            let party = self.parties.in_role(change.role)?;
            let field = change.content.undone(&party.fields, at);
            Some(self.field_changed(change, &summary, field))
        });
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

    fn settle(&mut self, id: EndorsementId, state: RequestState) {
        let mut requests = self.endorsements.iter_mut();
        if let Some(request) = requests.find(|request| request.summary.endorsement_id == id) {
            request.state = state;
        }
    }

    fn remember(mut self, event: &Event) -> Self {
        match event {
            Event::Imported {
                terms,
                policyholder,
                insured,
                object_address,
                row_digest,
                as_of,
            } => {
                self.row_as_of = *as_of;
                self.terms = terms.clone();
                self.parties = Parties::new(policyholder.clone(), insured.clone());
                self.object_address = object_address.clone();
                self.row_digest.clone_from(row_digest);
            }
            Event::EndorsementSubmitted { request, changes, .. } => {
                self.endorsements.push(Endorsement {
                    summary: request.clone(),
                    state: RequestState::Scheduled,
                    changes: changes.clone(),
                });
            }
            Event::PartyFieldChanged { role, field, .. } => {
                if let Some(party) = self.parties.in_role_mut(*role) {
                    party.fields.set(field.clone());
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
            Command::Import(row) => Ok(import(self.current().ok(), *row)?),
            Command::Submit(submit) => self.current()?.submit(&submit),
            Command::Withdraw {
                endorsement_id,
                requester,
                at,
            } => self.current()?.withdraw(endorsement_id, &requester, at),
            Command::TakeEffect { endorsement_id, at } => self.current()?.take_effect(endorsement_id, at),
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
                    as_of,
                },
            ) => Self::Imported(Box::new(CurrentContract {
                terms: terms.clone(),
                parties: Parties::new(policyholder.clone(), insured.clone()),
                object_address: object_address.clone(),
                revision: 0,
                row_digest: row_digest.clone(),
                row_as_of: *as_of,
                endorsements: Vec::new(),
            })),
            // Every stream begins with an import; `decide` writes nothing else into an empty one.
            (Self::Unknown, _) => Self::Unknown,
            (Self::Imported(current), event) => {
                let revision = current.revision + 1;
                Self::Imported(Box::new(CurrentContract {
                    revision,
                    ..current.remember(event)
                }))
            }
        }
    }
}
