//! One user ID (an e-mail address or a login ID), free or taken by one account. The stream's id is a keyed hash of the
//! user ID, so the name of the stream holds no personal value.

use decider::{Decider, Explain, Problem, ProblemKind};
use kernel::AccountId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Names one user ID: the keyed hash of its match key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReservationId(Uuid);

impl ReservationId {
    /// Takes the hash as computed under the service's pepper.
    pub const fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    /// The bare UUID, for stores.
    pub const fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl From<ReservationId> for Uuid {
    fn from(id: ReservationId) -> Self {
        id.0
    }
}

/// Whether the user ID is free.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reservation {
    #[default]
    Free,
    /// This account has it.
    Taken { owner: AccountId },
}

/// What can be asked of a user ID.
#[derive(Debug, Clone)]
pub enum ReservationCommand {
    /// Take it for this account.
    Take {
        /// The owner to be.
        account: AccountId,
    },
    /// Give it back, if this account has it.
    Release { account: AccountId },
}

/// What happened to a user ID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum ReservationEvent {
    /// An account took it.
    #[serde(rename = "reservation.taken.v1")]
    Taken { account_id: AccountId },
    /// Its owner gave it back.
    #[serde(rename = "reservation.released.v1")]
    Released {
        /// The owner until then.
        account_id: AccountId,
    },
}

/// Why a user ID cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReservationRejection {
    /// Another account has it.
    #[error("the user ID belongs to another account")]
    TakenByAnother,
}

impl Explain for ReservationRejection {
    fn explain(&self) -> Problem {
        Problem::new(ProblemKind::AlreadyExists, "EMAIL_ALREADY_USED").field("email", "EMAIL_ALREADY_USED")
    }
}

impl Decider for Reservation {
    const CATEGORY: &'static str = "reservation";
    type Id = ReservationId;
    type Command = ReservationCommand;
    type Event = ReservationEvent;
    type Rejection = ReservationRejection;

    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Rejection> {
        use ReservationCommand::{Release, Take};
        match (self, command) {
            (Self::Free, Take { account }) => Ok(vec![ReservationEvent::Taken { account_id: account }]),
            (Self::Taken { owner }, Take { account }) if *owner == account => Ok(vec![]),
            (Self::Taken { .. }, Take { .. }) => Err(ReservationRejection::TakenByAnother),
            (Self::Taken { owner }, Release { account }) if *owner == account => {
                Ok(vec![ReservationEvent::Released { account_id: account }])
            }
            (_, Release { .. }) => Ok(vec![]),
        }
    }

    fn evolve(self, event: &Self::Event) -> Self {
        match event {
            ReservationEvent::Taken { account_id } => Self::Taken { owner: *account_id },
            ReservationEvent::Released { .. } => Self::Free,
        }
    }
}

#[cfg(test)]
mod tests {
    use decider::specification::given;

    use super::*;

    const OWNER: AccountId = AccountId::from_uuid(Uuid::from_u128(1));
    const OTHER: AccountId = AccountId::from_uuid(Uuid::from_u128(2));

    fn taken() -> [ReservationEvent; 1] {
        [ReservationEvent::Taken { account_id: OWNER }]
    }

    #[test]
    fn a_user_id_belongs_to_one_account() {
        given::<Reservation>([])
            .when(ReservationCommand::Take { account: OWNER })
            .then(taken());
        given::<Reservation>(taken())
            .when(ReservationCommand::Take { account: OWNER })
            .then_nothing();
        given::<Reservation>(taken())
            .when(ReservationCommand::Take { account: OTHER })
            .then_rejected("EMAIL_ALREADY_USED");
    }

    #[test]
    fn only_its_owner_gives_it_back() {
        given::<Reservation>(taken())
            .when(ReservationCommand::Release { account: OTHER })
            .then_nothing();
        given::<Reservation>([])
            .when(ReservationCommand::Release { account: OWNER })
            .then_nothing();
        let free = given::<Reservation>(taken())
            .when(ReservationCommand::Release { account: OWNER })
            .then([ReservationEvent::Released { account_id: OWNER }]);
        assert_eq!(free, Reservation::Free);
    }
}
