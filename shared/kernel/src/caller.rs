//! Who calls, as a call report says it: a number, or the reason why there is none (PV-6).
//! What a report may be believed is decided by whoever receives it (PV-10), not here.

use serde::{Deserialize, Serialize};

use crate::marks;
use crate::phone::{PhoneNumber, PhoneNumberError};

/// The caller of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerId {
    /// The network showed this number.
    Number(PhoneNumber),
    /// The network showed none.
    Missing(MissingReason),
}

/// PV-6: why a call came without a number, as Japanese networks tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MissingReason {
    /// The caller withheld it (非通知). The only one told to dial 186 first.
    Withheld,
    /// A payphone (公衆電話).
    Payphone,
    /// The network cannot show it (表示圏外), often a call from abroad.
    Unavailable,
    /// Another service of the network is in the way (サービス競合).
    ServiceConflict,
}

impl MissingReason {
    /// Reads the display name of a `From` header; none if it says nothing of a missing number.
    pub fn from_display_name(display_name: &str) -> Option<Self> {
        let name = display_name
            .trim_matches(|c| c == '"' || marks::is_blank(c))
            .to_ascii_lowercase();
        match name.as_str() {
            "anonymous" => Some(Self::Withheld),
            "coin line/payphone" => Some(Self::Payphone),
            "unavailable" => Some(Self::Unavailable),
            "interaction with other service" => Some(Self::ServiceConflict),
            _ => None,
        }
    }

    /// The guidance shown to who waits at the challenge.
    pub const fn guidance_code(self) -> &'static str {
        match self {
            Self::Withheld => "CALLER_ID_WITHHELD",
            Self::Payphone => "CALLER_ID_PAYPHONE",
            Self::Unavailable => "CALLER_ID_UNAVAILABLE",
            Self::ServiceConflict => "CALLER_ID_SERVICE_CONFLICT",
        }
    }

    /// Whether dialling 186 first would help.
    pub const fn dial_186_helps(self) -> bool {
        matches!(self, Self::Withheld)
    }
}

impl CallerId {
    /// Reads a report: a number as carriers write it (OP-9), else the reason that stands in its place or in the display
    /// name (PV-6), else the network showed none.
    ///
    /// # Errors
    /// The number is there and is no Japanese telephone number.
    pub fn from_report(number: &str, display_name: &str) -> Result<Self, PhoneNumberError> {
        match number_of_carrier(number) {
            Ok(number) => Ok(Self::Number(number)),
            Err(PhoneNumberError::Empty) => Ok(Self::Missing(
                MissingReason::from_display_name(display_name).unwrap_or(MissingReason::Unavailable),
            )),
            Err(error) => MissingReason::from_display_name(user_part(number))
                .map(Self::Missing)
                .ok_or(error),
        }
    }

    /// The number, where there is one.
    pub const fn number(&self) -> Option<&PhoneNumber> {
        match self {
            Self::Number(number) => Some(number),
            Self::Missing(_) => None,
        }
    }
}

/// OP-9: a telephone number as carriers report it: as people write it, as a URI, or as E.164 without its plus sign.
///
/// # Errors
/// The text is no Japanese telephone number.
pub fn number_of_carrier(text: &str) -> Result<PhoneNumber, PhoneNumberError> {
    let user = user_part(text);
    PhoneNumber::parse(user).or_else(|error| without_plus(user).ok_or(error))
}

/// The subscriber of a `tel:` (RFC 3966), `sip:` or `sips:` URI (RFC 3261), without host and parameters; any other text as
/// it stands.
fn user_part(text: &str) -> &str {
    let text = text.trim_matches(|c| matches!(c, '<' | '>' | '"') || marks::is_blank(c));
    let Some((scheme, rest)) = text.split_once(':') else {
        return text;
    };
    if !["tel", "sip", "sips"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
    {
        return text;
    }
    let user = rest.split_once('@').map_or(rest, |(user, _)| user);
    user.split_once(';').map_or(user, |(user, _)| user)
}

/// `819012345678`: E.164 whose plus sign a switch has dropped. No number is dialled so within Japan, where all begin with 0.
fn without_plus(user: &str) -> Option<PhoneNumber> {
    let whole = user.starts_with("81") && user.bytes().all(|byte| byte.is_ascii_digit());
    whole
        .then(|| PhoneNumber::parse(&format!("+{user}")).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn pv_6_each_reason_is_told_apart_and_only_the_withheld_is_told_to_dial_186() {
        let names = [
            ("Anonymous", MissingReason::Withheld, true),
            ("\"Coin line/payphone\"", MissingReason::Payphone, false),
            ("Unavailable", MissingReason::Unavailable, false),
            (
                "Interaction with other service",
                MissingReason::ServiceConflict,
                false,
            ),
        ];
        let mut codes = std::collections::BTreeSet::new();
        for (name, reason, helps) in names {
            assert_eq!(
                CallerId::from_report("", name).unwrap(),
                CallerId::Missing(reason)
            );
            assert_eq!(reason.dial_186_helps(), helps);
            codes.insert(reason.guidance_code());
        }
        assert_eq!(codes.len(), 4);
    }

    #[test]
    fn pv_6_a_number_counts_whatever_the_display_name_says() {
        let caller = CallerId::from_report("+819012345678", "Taro").unwrap();
        assert_eq!(caller.number().unwrap().as_e164(), "+819012345678");
        assert_eq!(
            CallerId::from_report(" ", "Taro"),
            Ok(CallerId::Missing(MissingReason::Unavailable))
        );
        assert_eq!(
            CallerId::from_report("+12125550100", ""),
            Err(PhoneNumberError::Foreign)
        );
    }

    #[test]
    fn op_9_a_caller_is_read_as_carriers_write_it() {
        for text in [
            "819055500001",
            "+819055500001",
            "tel:+819055500001",
            "TEL:09055500001;phone-context=+81",
            "sip:+819055500001@trunk.example.jp;user=phone",
            "<sips:09055500001;cpc=ordinary@192.0.2.1>",
            "090-5550-0001",
        ] {
            let caller = CallerId::from_report(text, "").unwrap();
            assert_eq!(caller.number().unwrap().as_e164(), "+819055500001", "{text}");
        }
        for text in ["Anonymous", "sip:anonymous@anonymous.invalid"] {
            assert_eq!(
                CallerId::from_report(text, ""),
                Ok(CallerId::Missing(MissingReason::Withheld)),
                "{text}"
            );
        }
        for text in [
            "8190555",
            "81905550000123",
            "12125550100",
            "http://09055500001",
            "taro",
        ] {
            assert!(CallerId::from_report(text, "").is_err(), "{text}");
        }
        assert_eq!(
            CallerId::from_report("tel:+12125550100", ""),
            Err(PhoneNumberError::Foreign)
        );
    }
}
