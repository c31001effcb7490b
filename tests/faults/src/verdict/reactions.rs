//! Reactions happened exactly once: no event has two effects of one kind in one stream, and none that must have had its
//! effect has none.

use std::collections::{HashMap, HashSet};

use contracts::names::{ENDORSEMENT, IDENTITY, PHONE_VERIFICATION};
use uuid::Uuid;

use super::truth::{Event, Truth};

pub(super) fn judge(truth: &Truth) -> Vec<String> {
    let mut problems = doubled(truth);
    problems.extend(contracts_heard(truth));
    problems.extend(logins_verified(truth));
    problems.extend(due_dates(truth));
    problems.extend(settled_calls(truth));
    problems.extend(finished_registrations(truth));
    problems
}

/// What one event caused in one stream is caused once.
fn doubled(truth: &Truth) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut problems = Vec::new();
    for (_, events) in truth.services() {
        for event in events {
            if let Some(cause) = event.causation
                && !seen.insert((cause, &event.stream, &event.kind))
            {
                problems.push(format!(
                    "event {cause} caused {} twice in {}",
                    event.kind, event.stream
                ));
            }
        }
    }
    problems
}

/// Causes of the events of one type.
fn causes(events: &[Event], event_type: &str) -> HashSet<Uuid> {
    events
        .iter()
        .filter(|event| event.kind == event_type)
        .filter_map(|event| event.causation)
        .collect()
}

/// Every contract that was imported is known to identity, and every policyholder's numbers to phone verification (PV-7).
fn contracts_heard(truth: &Truth) -> Vec<String> {
    let contracts = causes(truth.of(IDENTITY), "entitlement.contract_recorded.v1");
    let numbers = causes(truth.of(PHONE_VERIFICATION), "numbers.recorded.v1");
    let mut problems = Vec::new();
    for event in truth.of(ENDORSEMENT) {
        let imported = event.kind == "contract.imported.v1";
        // The work changes no other field than numbers.
        let changed = event.kind == "contract.party_field_changed.v1"
            && matches!(event.role.as_deref(), Some("BOTH" | "POLICYHOLDER"));
        if imported && !contracts.contains(&event.id) {
            problems.push(format!(
                "identity has not heard of {} at {}",
                event.stream, event.revision
            ));
        }
        if (imported || changed) && !numbers.contains(&event.id) {
            problems.push(format!(
                "phone verification has not learnt the numbers of {} at {}",
                event.stream, event.revision
            ));
        }
    }
    problems
}

/// Every matched call verified its login, unless a newer login of the account had superseded it (PV-9).
fn logins_verified(truth: &Truth) -> Vec<String> {
    let accounts = truth.of(IDENTITY);
    let mut newest: HashMap<&str, &str> = HashMap::new();
    let mut verified: HashMap<&str, usize> = HashMap::new();
    for event in accounts {
        let Some(login) = event.login.as_deref() else {
            continue;
        };
        match event.kind.as_str() {
            "account.login_opened.v1" => {
                newest.insert(&event.stream, login);
            }
            "account.login_verified.v1" => *verified.entry(login).or_default() += 1,
            _ => {}
        }
    }
    let newest: HashSet<&str> = newest.into_values().collect();
    let matched = truth
        .of(PHONE_VERIFICATION)
        .iter()
        .filter(|event| event.kind == "challenge.matched.v1");
    let mut problems = Vec::new();
    for event in matched {
        let Some(login) = event.login.as_deref() else {
            continue;
        };
        let count = verified.get(login).copied().unwrap_or(0);
        if count > 1 || (count == 0 && newest.contains(login)) {
            problems.push(format!(
                "the matched call of {} verified its login {count} times",
                event.stream
            ));
        }
    }
    problems
}

/// A request takes effect once, and when it is due (EN-10).
fn due_dates(truth: &Truth) -> Vec<String> {
    let mut ended: HashMap<&str, usize> = HashMap::new();
    for event in truth.of(ENDORSEMENT) {
        let ends = matches!(
            event.kind.as_str(),
            "contract.endorsement_effective.v1"
                | "contract.endorsement_withdrawn.v1"
                | "contract.endorsement_superseded.v1"
        );
        if let (true, Some(request)) = (ends, event.endorsement.as_deref()) {
            *ended.entry(request).or_default() += 1;
        }
    }
    let submitted = truth
        .of(ENDORSEMENT)
        .iter()
        .filter(|event| event.kind == "contract.endorsement_submitted.v1");
    let mut problems = Vec::new();
    for event in submitted {
        let Some(request) = event.endorsement.as_deref() else {
            continue;
        };
        let count = ended.get(request).copied().unwrap_or(0);
        if count > 1 || (count == 0 && event.is_due == Some(true)) {
            problems.push(format!(
                "request {request} of {} ended {count} times",
                event.stream
            ));
        }
    }
    problems
}

/// A reported call is settled, by the RPC or after a crash by the reaction to it; one aimed at no challenge needs none.
fn settled_calls(truth: &Truth) -> Vec<String> {
    let events = truth.of(PHONE_VERIFICATION);
    let settled: HashSet<&str> = events
        .iter()
        .filter(|event| event.kind == "call.settled.v1")
        .map(|event| event.stream.as_str())
        .collect();
    events
        .iter()
        .filter(|event| event.kind == "call.reported.v1" && event.challenge.is_some())
        .filter(|event| !settled.contains(event.stream.as_str()))
        .map(|event| format!("{} was reported and never settled", event.stream))
        .collect()
}

/// A registration that was started was finished or refused (docs/adr/0006).
fn finished_registrations(truth: &Truth) -> Vec<String> {
    let events = truth.of(IDENTITY);
    let of = |types: &[&str]| -> HashSet<&str> {
        events
            .iter()
            .filter(|event| types.contains(&event.kind.as_str()))
            .map(|event| event.stream.as_str())
            .collect()
    };
    let ended = of(&["account.registered.v1", "account.registration_refused.v1"]);
    of(&["account.registration_started.v1"])
        .difference(&ended)
        .map(|stream| format!("{stream} was started and never finished"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::truth::event;
    use super::*;

    #[test]
    fn a_reaction_that_happened_twice_or_not_at_all_is_found() {
        let mut once = event("identity.account-1", 0, "account.login_verified.v1", 1);
        once.causation = Some(Uuid::from_u128(9));
        let mut twice = event("identity.account-1", 1, "account.login_verified.v1", 2);
        twice.causation = once.causation;
        assert_eq!(
            judge(&Truth::with(IDENTITY, vec![once.clone()])),
            Vec::<String>::new()
        );
        assert_eq!(judge(&Truth::with(IDENTITY, vec![once, twice])).len(), 1);

        let imported = event("endorsement.contract-1", 0, "contract.imported.v1", 1);
        assert_eq!(judge(&Truth::with(ENDORSEMENT, vec![imported])).len(), 2);
        let mut submitted = event(
            "endorsement.contract-1",
            0,
            "contract.endorsement_submitted.v1",
            1,
        );
        (submitted.endorsement, submitted.is_due) = (Some("r".to_owned()), Some(true));
        let mut effective = event(
            "endorsement.contract-1",
            1,
            "contract.endorsement_effective.v1",
            2,
        );
        effective.endorsement.clone_from(&submitted.endorsement);
        assert_eq!(judge(&Truth::with(ENDORSEMENT, vec![submitted.clone()])).len(), 1);
        let good = vec![submitted, effective];
        assert_eq!(judge(&Truth::with(ENDORSEMENT, good)), Vec::<String>::new());

        let started = event("identity.account-1", 0, "account.registration_started.v1", 1);
        assert_eq!(judge(&Truth::with(IDENTITY, vec![started])).len(), 1);
    }
}
