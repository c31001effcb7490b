//! Subjects and their erasure as callers read them.

use contracts::identity::v1 as proto;
use kernel::{SubjectId, Timestamp};

use crate::domain::Subject;
use crate::domain::subject::{Approved, ErasureGround, ErasureState, HoldReason, LegalHold, Requested};

pub(super) fn erasure(subject_id: SubjectId, subject: &Subject) -> proto::Erasure {
    let mut erasure = proto::Erasure {
        subject_id: subject_id.to_string(),
        holds: subject.holds.values().map(hold).collect(),
        ..proto::Erasure::default()
    };
    let state = match &subject.erasure {
        ErasureState::Kept => proto::ErasureState::Kept,
        ErasureState::Requested(request) => {
            requested(&mut erasure, request);
            proto::ErasureState::Requested
        }
        ErasureState::Approved(approval) => {
            approved(&mut erasure, approval);
            proto::ErasureState::Approved
        }
        ErasureState::Erased(erased) => {
            approved(&mut erasure, &erased.approved);
            erasure.destroyed_at_us = erased.destroyed_at.as_microsecond();
            erasure.certificate.clone_from(&erased.certificate);
            proto::ErasureState::Erased
        }
    };
    erasure.set_state(state);
    erasure
}

fn requested(erasure: &mut proto::Erasure, request: &Requested) {
    erasure.set_ground(match request.ground {
        ErasureGround::SubjectRequest => proto::ErasureGround::SubjectRequest,
        ErasureGround::RetentionOver => proto::ErasureGround::RetentionOver,
        ErasureGround::Unlawful => proto::ErasureGround::Unlawful,
    });
    erasure.requested_by.clone_from(&request.by);
    erasure.requested_at_us = Timestamp::as_microsecond(request.at);
}

fn approved(erasure: &mut proto::Erasure, approval: &Approved) {
    requested(erasure, &approval.request);
    erasure.approved_by.clone_from(&approval.by);
    erasure.approved_at_us = approval.at.as_microsecond();
}

fn hold(hold: &LegalHold) -> proto::LegalHold {
    let reason = match hold.reason {
        HoldReason::RetentionDuty => proto::HoldReason::RetentionDuty,
        HoldReason::Litigation => proto::HoldReason::Litigation,
        HoldReason::OpenClaim => proto::HoldReason::OpenClaim,
        HoldReason::Authority => proto::HoldReason::Authority,
    };
    proto::LegalHold {
        hold_id: hold.id.to_string(),
        reason: reason.into(),
        reference: hold.reference.as_str().to_owned(),
        placed_by: hold.placed_by.clone(),
        placed_at_us: hold.placed_at.as_microsecond(),
    }
}
