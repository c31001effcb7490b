//! One subject, as far as its erasure goes (OP-4): asked for by one member of staff, approved by another, refused while a
//! legal hold stands. The key is destroyed between `erasure_approved` and `erased` (docs/adr/0015).

mod command;
mod event;
mod hold;
mod rejection;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use decider::Decider;
use kernel::{KeyId, SubjectId, Timestamp};

pub use command::{Destroyed, SubjectCommand};
pub use event::{ErasureGround, SubjectEvent};
pub use hold::{HoldId, HoldReason, HoldReference, LegalHold, ReferenceError};
pub use rejection::SubjectRejection;

/// The state of one subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// How far its erasure has come.
    pub erasure: ErasureState,
    /// The holds that stand.
    pub holds: BTreeMap<HoldId, LegalHold>,
    released: BTreeSet<HoldId>,
}

/// How far an erasure has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ErasureState {
    /// Nobody has asked for it.
    #[default]
    Kept,
    /// Waits for a second person.
    Requested(Requested),
    /// Approved: the key is being destroyed.
    Approved(Approved),
    /// The key is gone.
    Erased(Erased),
}

/// What somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    pub ground: ErasureGround,
    pub by: String,
    pub at: Timestamp,
}

/// What a second person approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// What was asked for.
    pub request: Requested,
    pub by: String,
    pub at: Timestamp,
    /// For an account's own data: the customer subject it goes with.
    pub with: Option<SubjectId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// By whom and why.
    pub approved: Approved,
    /// The key that was destroyed.
    pub key_id: KeyId,
    pub destroyed_at: Timestamp,
    pub certificate: String,
}

impl Subject {
    /// Whether there is no way back any more.
    pub const fn is_going(&self) -> bool {
        matches!(self.erasure, ErasureState::Approved(_) | ErasureState::Erased(_))
    }

    fn not_held(&self) -> Result<(), SubjectRejection> {
        if self.holds.is_empty() {
            Ok(())
        } else {
            Err(SubjectRejection::Held(self.holds.values().cloned().collect()))
        }
    }

    fn request(&self, subject: SubjectId, request: Requested) -> Result<Vec<SubjectEvent>, SubjectRejection> {
        self.not_held()?;
        Ok(vec![requested(subject, request)])
    }

    fn approve(
        &self,
        subject: SubjectId,
        request: &Requested,
        by: String,
        at: Timestamp,
    ) -> Result<Vec<SubjectEvent>, SubjectRejection> {
        if request.by == by {
            return Err(SubjectRejection::SecondPersonRequired);
        }
        self.not_held()?;
        let request = request.clone();
        let with = None;
        Ok(vec![approved(
            subject,
            Approved {
                request,
                by,
                at,
                with,
            },
        )])
    }

    /// A hold does not undo the other erasure: this one then waits like any other that was asked for.
    fn follow(&self, subject: SubjectId, approval: Approved) -> Vec<SubjectEvent> {
        match (&self.erasure, self.holds.is_empty()) {
            (ErasureState::Kept | ErasureState::Requested(_), true) => vec![approved(subject, approval)],
            (ErasureState::Kept, false) => vec![requested(subject, approval.request)],
            (ErasureState::Requested(_), false)
            | (ErasureState::Approved(_) | ErasureState::Erased(_), _) => vec![],
        }
    }

    fn place(&self, hold: LegalHold) -> Vec<SubjectEvent> {
        if self.holds.contains_key(&hold.id) || self.released.contains(&hold.id) {
            return vec![];
        }
        vec![SubjectEvent::LegalHoldPlaced { hold }]
    }

    fn release(
        &self,
        hold: HoldId,
        by: String,
        at: Timestamp,
    ) -> Result<Vec<SubjectEvent>, SubjectRejection> {
        match (self.holds.contains_key(&hold), self.released.contains(&hold)) {
            (true, _) => Ok(vec![SubjectEvent::LegalHoldReleased {
                hold_id: hold,
                released_by: by,
                released_at: at,
            }]),
            (false, true) => Ok(vec![]),
            (false, false) => Err(SubjectRejection::HoldUnknown),
        }
    }
}

fn requested(subject_id: SubjectId, request: Requested) -> SubjectEvent {
    SubjectEvent::ErasureRequested {
        subject_id,
        ground: request.ground,
        requested_by: request.by,
        requested_at: request.at,
    }
}

fn approved(subject_id: SubjectId, approval: Approved) -> SubjectEvent {
    SubjectEvent::ErasureApproved {
        subject_id,
        ground: approval.request.ground,
        requested_by: approval.request.by,
        requested_at: approval.request.at,
        approved_by: approval.by,
        approved_at: approval.at,
        with_subject: approval.with,
    }
}

impl Decider for Subject {
    const CATEGORY: &'static str = "subject";
    type Id = SubjectId;
    type Command = SubjectCommand;
    type Event = SubjectEvent;
    type Rejection = SubjectRejection;

    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Rejection> {
        use SubjectCommand::{Approve, Follow, PlaceHold, RecordErased, Reject, ReleaseHold, Request};
        match (&self.erasure, command) {
            (_, ReleaseHold { hold, by, at }) => self.release(hold, by, at),
            (_, Follow { subject, approval }) => Ok(self.follow(subject, approval)),
            (ErasureState::Approved(_), RecordErased(destroyed)) => Ok(vec![erased(*destroyed)]),
            (ErasureState::Erased(_), RecordErased(_)) => Ok(vec![]),
            (ErasureState::Erased(_), _) => Err(SubjectRejection::Erased),
            (ErasureState::Approved(_), _) => Err(SubjectRejection::UnderWay),
            (ErasureState::Kept | ErasureState::Requested(_), PlaceHold { hold }) => Ok(self.place(hold)),
            (ErasureState::Kept, Request { subject, request }) => self.request(subject, request),
            (ErasureState::Requested(_), Request { .. }) => Err(SubjectRejection::AlreadyRequested),
            (ErasureState::Requested(request), Approve { subject, by, at }) => {
                self.approve(subject, request, by, at)
            }
            (ErasureState::Requested(_), Reject { by, at }) => Ok(vec![SubjectEvent::ErasureRejected {
                rejected_by: by,
                rejected_at: at,
            }]),
            (ErasureState::Kept, Approve { .. } | Reject { .. })
            | (ErasureState::Kept | ErasureState::Requested(_), RecordErased(_)) => {
                Err(SubjectRejection::NotRequested)
            }
        }
    }

    fn evolve(mut self, event: &Self::Event) -> Self {
        match event.clone() {
            SubjectEvent::ErasureRequested {
                ground,
                requested_by: by,
                requested_at: at,
                ..
            } => self.erasure = ErasureState::Requested(Requested { ground, by, at }),
            SubjectEvent::ErasureRejected { .. } => self.erasure = ErasureState::Kept,
            SubjectEvent::ErasureApproved {
                ground,
                requested_by,
                requested_at,
                approved_by: by,
                approved_at: at,
                with_subject: with,
                ..
            } => {
                let request = Requested {
                    ground,
                    by: requested_by,
                    at: requested_at,
                };
                self.erasure = ErasureState::Approved(Approved {
                    request,
                    by,
                    at,
                    with,
                });
            }
            SubjectEvent::Erased {
                key_id,
                destroyed_at,
                certificate,
                ..
            } => {
                if let ErasureState::Approved(approved) = self.erasure {
                    self.erasure = ErasureState::Erased(Erased {
                        approved,
                        key_id,
                        destroyed_at,
                        certificate,
                    });
                }
            }
            SubjectEvent::LegalHoldPlaced { hold } => {
                self.holds.insert(hold.id, hold);
            }
            SubjectEvent::LegalHoldReleased { hold_id, .. } => {
                self.holds.remove(&hold_id);
                self.released.insert(hold_id);
            }
        }
        self
    }
}

fn erased(destroyed: Destroyed) -> SubjectEvent {
    SubjectEvent::Erased {
        subject_id: destroyed.subject,
        key_id: destroyed.key_id,
        algorithm: destroyed.algorithm,
        key_digest: destroyed.key_digest,
        destroyed_at: destroyed.destroyed_at,
        certificate: destroyed.certificate,
    }
}
