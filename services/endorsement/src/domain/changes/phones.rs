//! Telephone numbers of a party. They are login factors: each is shown with what login says of it, and changing them needs
//! a session that was verified by a call (EN-15, PV-15).

use kernel::{Dated, PhoneNumber};
use rulebook::LoginNumber;
use serde::{Serialize, Serializer};

use super::context::{ReviewContext, ReviewWarning};
use crate::domain::party_field::PartyField;

/// PV-15: after the change no number of the policyholder could be used for login.
const NO_USABLE_PHONE_LEFT: &str = "NO_USABLE_PHONE_LEFT";

/// The numbers before and after, as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReviewedPhones {
    pub before: Vec<PhoneNumber>,
    /// Those that would replace them.
    pub after: Vec<ReviewedPhone>,
}

/// A number with its verdict at the instant it would begin to count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReviewedPhone {
    pub number: PhoneNumber,
    /// Whether it could be used for login (PV-15). A review is confirmed by the reason alone: the instants of a change for
    /// today follow the clock.
    #[serde(serialize_with = "reason")]
    pub login: LoginNumber,
}

fn reason<S: Serializer>(login: &LoginNumber, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(login.reason())
}

/// What these numbers, in this order, would change; nothing if they already stand (EN-6).
pub(super) fn review(
    field: &PartyField<PhoneNumber>,
    numbers: &[PhoneNumber],
    context: &ReviewContext<'_>,
) -> Option<ReviewedPhones> {
    let before = field.in_force_at(context.now);
    if before == numbers {
        return None;
    }
    let at = context.effective_at;
    let reviewed = |number: &PhoneNumber| {
        let phone = Dated::new(context.subject, number.clone(), at);
        let login = context.rulebook.login_number(&phone, context.holder, at)?;
        Some(ReviewedPhone {
            number: number.clone(),
            login,
        })
    };
    Some(ReviewedPhones {
        before,
        after: numbers.iter().filter_map(reviewed).collect(),
    })
}

/// PV-15: the policyholder would be left without a number that verifies a login.
pub(super) fn warning(reviewed: &ReviewedPhones, context: &ReviewContext<'_>) -> Option<ReviewWarning> {
    let usable = reviewed.after.iter().any(|phone| phone.login.is_usable());
    (context.holder.is_policyholder && !usable).then_some(ReviewWarning {
        reason: NO_USABLE_PHONE_LEFT,
        needs_acknowledgement: true,
    })
}
