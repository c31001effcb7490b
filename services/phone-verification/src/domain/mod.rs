//! What phone verification decides, without I/O: whose numbers count, challenges, calls, and which line a challenge
//! takes. Time, ids, keyed hashes and the rulebook come inside the commands.

pub mod call;
pub mod challenge;
pub mod guidance;
pub mod lines;
pub mod number_hash;
pub mod numbers;
pub mod opening;

pub use call::{
    Call, CallCommand, CallEvent, CallId, CallOutcome, CallRejection, Caller, Report, UnreadableCaller,
};
pub use challenge::{
    Challenge, ChallengeCommand, ChallengeEvent, ChallengeRejection, ChallengeStatus, Opened,
};
pub use guidance::GuidanceReason;
pub use lines::{LinePool, LinePoolError, Occupancy, Taken, choose_line};
pub use number_hash::NumberHash;
pub use numbers::{Numbers, NumbersCommand, NumbersEvent, NumbersRejection};
pub use opening::OpeningRejection;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use decider::fixtures::{check, check_all};

    use super::{CallEvent, ChallengeEvent, NumbersEvent};

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/events");

    #[test]
    fn every_event_ever_written_still_decodes() {
        check::<CallEvent>(FOLDER).unwrap();
        check::<ChallengeEvent>(FOLDER).unwrap();
        check::<NumbersEvent>(FOLDER).unwrap();
        let known = [
            "call.reported.v1",
            "call.settled.v1",
            "challenge.opened.v1",
            "challenge.matched.v1",
            "challenge.expired.v1",
            "challenge.superseded.v1",
            "numbers.recorded.v1",
            "numbers.withdrawn.v1",
        ];
        check_all(FOLDER, &[&known]).unwrap();
    }
}
