//! May this caller call this RPC? The table of contracts decides; this reads it.

use contracts::access::{Allowed, Rule};
use decider::{Problem, ProblemKind};

use crate::tokens::caller::Caller;

/// Whether nobody in particular may call it.
pub(crate) fn open_to_anyone(rule: &Rule) -> bool {
    rule.allowed.contains(&Allowed::Anyone)
}

/// Refuses a caller the row does not list.
pub(crate) fn check(rule: &Rule, caller: &Caller) -> Result<(), Problem> {
    let admitted = rule.allowed.iter().any(|allowed| match (allowed, caller) {
        (Allowed::Anyone, _) | (Allowed::Customer, Caller::Customer(_)) => true,
        (Allowed::Staff(roles), Caller::Staff(staff)) => roles.iter().any(|role| staff.roles.contains(role)),
        (Allowed::Peer(names), Caller::Peer(name)) => names.contains(&name.as_str()),
        _ => false,
    });
    match (admitted, caller) {
        (true, _) => Ok(()),
        (false, Caller::Anonymous) => Err(Problem::new(ProblemKind::Unauthenticated, "UNAUTHENTICATED")),
        (false, _) => Err(Problem::new(ProblemKind::PermissionDenied, "CALLER_NOT_ALLOWED")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use contracts::access::TABLE;
    use kernel::ids::{AccountId, SessionId};
    use uuid::Uuid;

    use super::*;
    use crate::tokens::caller::{Customer, Role, Staff};

    fn callers() -> Vec<Caller> {
        let customer = Customer {
            account: AccountId::from_uuid(Uuid::from_u128(1)),
            session: SessionId::from_uuid(Uuid::from_u128(2)),
            subjects: BTreeSet::new(),
            call_verified: true,
        };
        let staff = |roles: &[Role]| {
            Caller::Staff(Staff {
                id: "17".to_owned(),
                roles: roles.iter().copied().collect(),
            })
        };
        vec![
            Caller::Anonymous,
            Caller::Customer(customer),
            staff(&[]),
            staff(&[Role::Adjuster]),
            staff(&[Role::Supervisor]),
            staff(&[Role::CallCentre]),
            staff(&[Role::Administrator]),
            Caller::Peer("carrier".to_owned()),
            Caller::Peer("identity".to_owned()),
            Caller::Peer("stranger".to_owned()),
        ]
    }

    /// What a row says, written anew without the code under test.
    fn admitted(rule: &Rule, caller: &Caller) -> bool {
        if open_to_anyone(rule) {
            return true;
        }
        match caller {
            Caller::Anonymous => false,
            Caller::Customer(_) => rule.allowed.contains(&Allowed::Customer),
            Caller::Staff(staff) => staff.roles.iter().any(|role| {
                rule.allowed
                    .iter()
                    .any(|a| matches!(a, Allowed::Staff(roles) if roles.contains(role)))
            }),
            Caller::Peer(name) => rule
                .allowed
                .iter()
                .any(|a| matches!(a, Allowed::Peer(names) if names.iter().any(|n| n == name))),
        }
    }

    #[test]
    fn every_row_of_the_table_admits_whom_it_lists_and_nobody_else() {
        for rule in TABLE {
            for caller in callers() {
                let checked = check(rule, &caller);
                assert_eq!(
                    checked.is_ok(),
                    admitted(rule, &caller),
                    "{} as {caller:?}",
                    rule.rpc
                );
                if let Err(problem) = checked {
                    let anonymous = caller == Caller::Anonymous;
                    let expected = if anonymous {
                        ProblemKind::Unauthenticated
                    } else {
                        ProblemKind::PermissionDenied
                    };
                    assert_eq!(problem.kind, expected);
                }
            }
        }
    }
}
