//! What several services show alike, in the caller's language.

use contracts::common::v1::ContactRoute;
use contracts::endorsement::v1::{Phone, PhoneUnusable};
use kernel::Timestamp;
use rulebook::{ContactRoute as Route, LoginNumber, Rulebook, UnusableReason};

use crate::grpc::problem::reason_text;
use crate::grpc::scope::Scope;

/// A telephone number with its verdict as login factor (PV-15).
#[must_use]
pub fn shown_phone(number: String, login: &LoginNumber) -> Phone {
    let text_of = |reason: UnusableReason| reason_text(reason.as_str());
    Phone {
        number,
        usable_for_login: login.is_usable(),
        reason: unusable(login.reason()).into(),
        message: login.unusable.map(text_of).unwrap_or_default(),
        counts_from_us: login.counts_from.as_microsecond(),
        counts_until_us: login.counts_until.map(Timestamp::as_microsecond),
    }
}

/// Named as the rulebook names it, which a test holds.
fn unusable(reason: &str) -> PhoneUnusable {
    PhoneUnusable::from_str_name(&format!("PHONE_UNUSABLE_{reason}")).unwrap_or_default()
}

/// Whom to turn to, and whether anybody answers now or when next (OP-2).
#[must_use]
pub fn shown_route(route: &Route, now: Timestamp) -> ContactRoute {
    let english = Scope::current().english();
    let open_now = route.open_at(now);
    ContactRoute {
        topic: route.topic.as_str().to_owned(),
        name: if english { &route.name_en } else { &route.name_ja }.clone(),
        number: route.number.display(),
        free_of_charge: route.free,
        hours: if english {
            route.hours_en()
        } else {
            route.hours_ja()
        },
        open_now,
        opens_at_us: if open_now {
            None
        } else {
            route.next_opening(now).map(Timestamp::as_microsecond)
        },
    }
}

/// A product's name; its code where the rulebook does not know it any more.
#[must_use]
pub fn product_name(rulebook: &Rulebook, code: &str) -> String {
    let english = Scope::current().english();
    match rulebook.product(code) {
        Some(product) if english => product.name_en.clone(),
        Some(product) => product.name_ja.clone(),
        None => code.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use rulebook::IneligibleReason;

    use super::*;

    /// Every reason of the rulebook is a value of the proto, and has its text.
    #[test]
    fn pv_15_every_reason_why_a_number_cannot_be_used_is_told() {
        let ineligible = [
            (IneligibleReason::IpPhone050, "IP_PHONE_050"),
            (IneligibleReason::Freephone0120, "FREEPHONE_0120"),
            (IneligibleReason::Freephone0800, "FREEPHONE_0800"),
            (IneligibleReason::NaviDial0570, "NAVI_DIAL_0570"),
            (IneligibleReason::Premium0990, "PREMIUM_0990"),
            (IneligibleReason::Televote0180, "TELEVOTE_0180"),
            (IneligibleReason::Messaging0170, "MESSAGING_0170"),
            (IneligibleReason::Machine020, "MACHINE_020"),
            (IneligibleReason::Personal0600, "PERSONAL_0600"),
            (IneligibleReason::RangeNotOpen, "RANGE_NOT_OPEN"),
            (IneligibleReason::UnknownRange, "UNKNOWN_RANGE"),
        ];
        let others = [
            (UnusableReason::Erased, "NUMBER_ERASED"),
            (UnusableReason::NotPolicyholders, "NOT_POLICYHOLDERS_NUMBER"),
            (UnusableReason::ContractEnded, "CONTRACT_ENDED"),
            (UnusableReason::NotYetInForce, "NOT_YET_IN_FORCE"),
        ];
        let ineligible = ineligible.map(|(reason, name)| (UnusableReason::Ineligible(reason), name));
        let mut told = std::collections::BTreeSet::new();
        for (reason, name) in ineligible.into_iter().chain(others) {
            assert_eq!(reason.as_str(), name);
            assert_ne!(unusable(name), PhoneUnusable::Unspecified, "{name}");
            told.insert(i32::from(unusable(name)));
            assert_ne!(
                reason_text(reason.as_str()),
                reason_text("UNKNOWN_REASON"),
                "{name}"
            );
        }
        assert_eq!(told, (1..=15).collect());
        assert_eq!(unusable(""), PhoneUnusable::Unspecified);
    }

    #[test]
    fn ci_7_what_is_told_of_a_picture_has_a_text() {
        for code in [
            "BLURRED",
            "SOFT",
            "DARK",
            "TINY",
            "UNSUPPORTED_TYPE",
            "TRUNCATED",
            "TOO_MANY_PIXELS",
            "UNREADABLE",
            "DECODE_LIMIT",
            "DISGUISED",
        ] {
            assert_ne!(reason_text(code), reason_text("UNKNOWN_REASON"), "{code}");
        }
    }
}
