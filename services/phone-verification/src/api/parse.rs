//! From messages to what the service works with. Every wrong field is named in one answer.

use std::time::Duration;

use contracts::phone_verification::v1::report_call_request::Caller as WireCaller;
use contracts::phone_verification::v1::{MissingCallerId, ReportCallRequest};
use decider::{Problem, ProblemKind};
use kernel::caller::number_of_carrier;
use kernel::{CallerId, ChallengeId, MissingReason, PhoneNumberError, Timestamp};

use crate::calls::ReportedCall;
use crate::domain::LinePool;

/// The id of a challenge.
pub(super) fn challenge_id(text: &str) -> Result<ChallengeId, Problem> {
    text.parse()
        .map_err(|_| Problem::invalid("challenge_id", "CHALLENGE_ID_INVALID"))
}

/// How long to wait; the door refuses what is negative or too long.
pub(super) fn wait(wait_ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0))
}

/// A reported call. What the report says of the caller is never wrong: a number that cannot be read counts as not
/// registered, and the answer says how it was read.
pub(super) fn reported_call(request: ReportCallRequest, pool: &LinePool) -> Result<ReportedCall, Problem> {
    let mut problem = Problem::new(ProblemKind::InvalidArgument, "INVALID_ARGUMENT");
    if !is_name(&request.trunk) {
        problem = problem.field("trunk", "TRUNK_INVALID");
    }
    if !is_name(&request.call_id) {
        problem = problem.field("call_id", "CALL_ID_INVALID");
    }
    let line = number_of_carrier(&request.dialled_line)
        .ok()
        .filter(|line| pool.contains(line));
    if line.is_none() {
        problem = problem.field("dialled_line", "DIALLED_LINE_UNKNOWN");
    }
    let received_at = received_at(request.received_at_us);
    if let Err(reason) = received_at {
        problem = problem.field("received_at_us", reason);
    }
    match (line, received_at) {
        (Some(line), Ok(received_at)) if problem.violations.is_empty() => Ok(ReportedCall {
            trunk: request.trunk,
            id_on_trunk: request.call_id,
            line,
            caller: caller(request.caller),
            received_at,
        }),
        _ => Err(problem),
    }
}

/// Visible ASCII, not empty.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// 0 means now; the door refuses what is before the epoch.
fn received_at(us: i64) -> Result<Option<Timestamp>, &'static str> {
    if us == 0 {
        return Ok(None);
    }
    Timestamp::from_microsecond(us)
        .map(Some)
        .map_err(|_| "RECEIVED_AT_INVALID")
}

/// PV-6: a caller that is left out, or a number without digits, is one the network could not tell.
fn caller(caller: Option<WireCaller>) -> Result<CallerId, PhoneNumberError> {
    match caller {
        Some(WireCaller::Number(number)) => CallerId::from_report(&number, ""),
        Some(WireCaller::Missing(missing)) => Ok(CallerId::Missing(missing_reason(missing))),
        None => Ok(CallerId::Missing(MissingReason::Unavailable)),
    }
}

fn missing_reason(missing: i32) -> MissingReason {
    match MissingCallerId::try_from(missing) {
        Ok(MissingCallerId::Withheld) => MissingReason::Withheld,
        Ok(MissingCallerId::Payphone) => MissingReason::Payphone,
        Ok(MissingCallerId::ServiceConflict) => MissingReason::ServiceConflict,
        Ok(MissingCallerId::Unavailable | MissingCallerId::Unspecified) | Err(_) => {
            MissingReason::Unavailable
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn pool() -> LinePool {
        LinePool::parse(
            &(0..8)
                .map(|line| format!("03-5000-000{line}"))
                .collect::<Vec<_>>(),
        )
        .unwrap()
    }

    fn request(caller: Option<WireCaller>) -> ReportCallRequest {
        ReportCallRequest {
            request_id: String::new(),
            trunk: "carrier-a".to_owned(),
            call_id: "f81d4fae-7dec@192.0.2.1".to_owned(),
            dialled_line: "sip:+81350000003@192.0.2.1;user=phone".to_owned(),
            caller,
            received_at_us: 0,
        }
    }

    fn read(caller: Option<WireCaller>) -> Result<CallerId, PhoneNumberError> {
        reported_call(request(caller), &pool()).unwrap().caller
    }

    #[test]
    fn pv_5_the_caller_is_read_as_written_and_a_foreign_or_unreadable_number_is_no_error_of_the_report() {
        let number = |text: &str| Some(WireCaller::Number(text.to_owned()));
        assert_eq!(
            read(number("０９０（１２３４）５６７８"))
                .unwrap()
                .number()
                .unwrap()
                .as_e164(),
            "+819012345678"
        );
        assert_eq!(read(number("+12125550100")), Err(PhoneNumberError::Foreign));
        assert_eq!(read(number("sip:x")), Err(PhoneNumberError::NotANumber));
        assert_eq!(
            read(number(" ")),
            Ok(CallerId::Missing(MissingReason::Unavailable))
        );
    }

    #[test]
    fn pv_6_what_is_not_said_is_unavailable() {
        assert_eq!(read(None), Ok(CallerId::Missing(MissingReason::Unavailable)));
        assert_eq!(
            read(Some(WireCaller::Missing(99))),
            Ok(CallerId::Missing(MissingReason::Unavailable))
        );
        let withheld = WireCaller::Missing(MissingCallerId::Withheld.into());
        assert_eq!(
            read(Some(withheld)),
            Ok(CallerId::Missing(MissingReason::Withheld))
        );
    }

    #[test]
    fn every_wrong_field_is_named_in_one_answer() {
        let wrong = ReportCallRequest {
            trunk: "two words".to_owned(),
            call_id: String::new(),
            dialled_line: "03-9999-9999".to_owned(),
            received_at_us: i64::MAX,
            ..request(None)
        };
        let problem = reported_call(wrong, &pool()).unwrap_err();
        let fields: Vec<_> = problem
            .violations
            .iter()
            .map(|violation| violation.field.as_str())
            .collect();
        assert_eq!(fields, ["trunk", "call_id", "dialled_line", "received_at_us"]);
    }
}
