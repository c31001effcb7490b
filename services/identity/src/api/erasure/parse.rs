//! What staff typed about an erasure, to values.

use contracts::identity::v1 as proto;
use decider::{Problem, ProblemKind};
use kernel::SubjectId;
use uuid::Uuid;

use crate::domain::subject::{ErasureGround, HoldId, HoldReason, HoldReference};

pub(super) fn subject(text: &str) -> Result<SubjectId, Problem> {
    text.parse()
        .map_err(|_| Problem::invalid("subject_id", "SUBJECT_ID_INVALID"))
}

pub(super) fn hold_id(text: &str) -> Result<HoldId, Problem> {
    Uuid::try_parse(text)
        .map(HoldId::from_uuid)
        .map_err(|_| Problem::invalid("hold_id", "HOLD_ID_INVALID"))
}

pub(super) fn ground(ground: proto::ErasureGround) -> Result<ErasureGround, Problem> {
    match ground {
        proto::ErasureGround::Unspecified => Err(Problem::invalid("ground", "GROUND_REQUIRED")),
        proto::ErasureGround::SubjectRequest => Ok(ErasureGround::SubjectRequest),
        proto::ErasureGround::RetentionOver => Ok(ErasureGround::RetentionOver),
        proto::ErasureGround::Unlawful => Ok(ErasureGround::Unlawful),
    }
}

/// Everything that is wrong, in one answer.
pub(super) fn hold(
    message: &proto::PlaceLegalHoldRequest,
) -> Result<(SubjectId, HoldReason, HoldReference), Problem> {
    let subject = subject(&message.subject_id);
    let reason = match message.reason() {
        proto::HoldReason::Unspecified => Err(Problem::invalid("reason", "HOLD_REASON_REQUIRED")),
        proto::HoldReason::RetentionDuty => Ok(HoldReason::RetentionDuty),
        proto::HoldReason::Litigation => Ok(HoldReason::Litigation),
        proto::HoldReason::OpenClaim => Ok(HoldReason::OpenClaim),
        proto::HoldReason::Authority => Ok(HoldReason::Authority),
    };
    let reference = HoldReference::parse(&message.reference)
        .map_err(|_| Problem::invalid("reference", "HOLD_REFERENCE_INVALID"));
    match (subject, reason, reference) {
        (Ok(subject), Ok(reason), Ok(reference)) => Ok((subject, reason, reference)),
        (subject, reason, reference) => {
            let mut all = Problem::new(ProblemKind::InvalidArgument, "INVALID_ARGUMENT");
            for wrong in [subject.err(), reason.err(), reference.err()]
                .into_iter()
                .flatten()
            {
                all.violations.extend(wrong.violations);
            }
            Err(all)
        }
    }
}
