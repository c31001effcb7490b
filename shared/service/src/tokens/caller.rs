//! Who is calling, as admission found out from the `authorization` metadata. Handlers decide by it, never by metadata.

use std::collections::BTreeSet;

pub use contracts::access::StaffRole as Role;
use eventsourcing::Actor;
use kernel::ids::{AccountId, SessionId, SubjectId};

/// Who a call comes from. Admission puts it into the request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A customer with a valid access token.
    Customer(Customer),
    /// A member of staff with a valid token of the insurer's provider.
    Staff(Staff),
    /// Another service or a reporting call platform, by the name its secret is kept under.
    Peer(String),
    /// Nobody known.
    Anonymous,
}

/// What an access token says of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The account that logged in.
    pub account: AccountId,
    /// The session the token belongs to; never part of a request's scope.
    pub session: SessionId,
    /// The subjects whose contracts and accidents are this customer's own.
    pub subjects: BTreeSet<SubjectId>,
    /// The second factor was a phone call (EN-15 asks for it).
    pub call_verified: bool,
}

/// A member of staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staff {
    /// The provider's stable id of the person, no name.
    pub id: String,
    /// What they may do (OP-3).
    pub roles: BTreeSet<Role>,
}

impl Caller {
    /// The customer, if it is one.
    pub fn customer(&self) -> Option<&Customer> {
        match self {
            Self::Customer(customer) => Some(customer),
            _ => None,
        }
    }

    /// The member of staff, if it is one.
    pub fn staff(&self) -> Option<&Staff> {
        match self {
            Self::Staff(staff) => Some(staff),
            _ => None,
        }
    }

    /// What is recorded in the events this caller causes.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Customer(customer) => Actor::Account(customer.account),
            Self::Staff(staff) => Actor::Staff(staff.id.clone()),
            Self::Peer(name) => Actor::Peer(name.clone()),
            Self::Anonymous => Actor::Anonymous,
        }
    }

    /// The caller's part of a request id's scope; `None` for anonymous callers, who have none of their own.
    pub fn scope(&self) -> Option<String> {
        match self {
            Self::Customer(customer) => Some(format!("account:{}", customer.account)),
            Self::Staff(staff) => Some(format!("staff:{}", staff.id)),
            Self::Peer(name) => Some(format!("peer:{name}")),
            Self::Anonymous => None,
        }
    }

    /// The kind alone, for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Customer(_) => "customer",
            Self::Staff(_) => "staff",
            Self::Peer(_) => "peer",
            Self::Anonymous => "anonymous",
        }
    }
}

/// The caller of a request; [`Caller::Anonymous`] where the call did not pass admission.
pub fn caller<T>(request: &tonic::Request<T>) -> &Caller {
    static ANONYMOUS: Caller = Caller::Anonymous;
    request.extensions().get::<Caller>().unwrap_or(&ANONYMOUS)
}
