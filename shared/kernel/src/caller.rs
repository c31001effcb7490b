//! Who calls, as a call report says it: a number, or the reason why there is none (PV-6).
//! What a report may be believed is decided by whoever receives it (PV-10), not here.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::marks;
use crate::phone::{COUNTRY, PhoneNumber, PhoneNumberError, is_separator};

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
        let folded = folded(number);
        let subscriber = Subscriber::of(&folded);
        let told = |names: [&str; 2]| names.into_iter().find_map(MissingReason::from_display_name);
        match subscriber.number() {
            Ok(number) => Ok(Self::Number(number)),
            Err(PhoneNumberError::Empty) => Ok(Self::Missing(
                told([display_name, subscriber.name]).unwrap_or(MissingReason::Unavailable),
            )),
            Err(error @ PhoneNumberError::NotANumber) => told([subscriber.name, subscriber.user])
                .map(Self::Missing)
                .ok_or(error),
            Err(error) => Err(error),
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

/// OP-9: a telephone number as carriers report it: as people write it, as a URI with or without a display name, or as E.164
/// without its plus sign.
///
/// # Errors
/// The text is no Japanese telephone number.
pub fn number_of_carrier(text: &str) -> Result<PhoneNumber, PhoneNumberError> {
    Subscriber::of(&folded(text)).number()
}

/// In the widths of ASCII, with plus signs that were escaped for a URI.
fn folded(text: &str) -> String {
    let folded: String = text.nfkc().collect();
    folded.replace("%2B", "+").replace("%2b", "+")
}

/// What a carrier writes of a subscriber, taken apart.
struct Subscriber<'a> {
    /// The display name in front of the URI; empty where there is none.
    name: &'a str,
    /// The number, or what stands in its place.
    user: &'a str,
    /// The prefix of a number that is local to it (`phone-context`).
    context: Option<&'a str>,
}

impl<'a> Subscriber<'a> {
    /// Reads a `tel:` (RFC 3966), `sip:` or `sips:` URI (RFC 3261), also as `"name" <uri>`; any other text stands for the
    /// user.
    fn of(text: &'a str) -> Self {
        let bracketed = text.rsplit_once('<').and_then(|(name, rest)| {
            let (uri, _) = rest.split_once('>')?;
            uri.contains(':').then_some((name, uri))
        });
        let (name, uri) = bracketed.unwrap_or(("", text));
        let uri = uri.trim_matches(|c| matches!(c, '<' | '>' | '"') || marks::is_blank(c));
        let rest = uri.split_once(':').filter(|(scheme, _)| is_scheme(scheme));
        let Some((_, rest)) = rest else {
            return Self {
                name,
                user: uri,
                context: None,
            };
        };
        let subscriber = rest.split_once('@').map_or(rest, |(subscriber, _)| subscriber);
        let (user, parameters) = subscriber.split_once(';').unwrap_or((subscriber, ""));
        Self {
            name,
            user,
            context: context(parameters),
        }
    }

    fn number(&self) -> Result<PhoneNumber, PhoneNumberError> {
        let foreign = |context: &str| !context.starts_with(COUNTRY) && !self.user.starts_with('+');
        if self.context.is_some_and(foreign) {
            return Err(PhoneNumberError::Foreign);
        }
        PhoneNumber::parse(self.user).or_else(|error| {
            without_plus(self.user)
                .or_else(|| PhoneNumber::parse(&format!("{}{}", self.context?, self.user)).ok())
                .ok_or(error)
        })
    }
}

fn is_scheme(text: &str) -> bool {
    ["tel", "sip", "sips"]
        .iter()
        .any(|known| text.eq_ignore_ascii_case(known))
}

/// A context can also be a domain name, which says nothing of the number.
fn context(parameters: &str) -> Option<&str> {
    parameters
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, value)| name.eq_ignore_ascii_case("phone-context") && value.starts_with('+'))
        .map(|(_, value)| value)
}

/// `819012345678`: E.164 whose plus sign a switch has dropped. No number is dialled so within Japan, where all begin with 0.
fn without_plus(user: &str) -> Option<PhoneNumber> {
    let mut digits = user.chars().filter(|c| !is_separator(*c));
    let whole = digits.next() == Some('8') && digits.next() == Some('1');
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
            "81-90-5550-0001",
            "81 90 5550 0001",
            "(81) 90-5550-0001",
            "８１９０５５５００００１",
            "+819055500001",
            "%2B819055500001",
            "tel:+819055500001",
            "TEL:09055500001;phone-context=+81",
            "tel:9055500001;phone-context=+81",
            "tel:9055500001;isub=1;Phone-Context=+81",
            "tel:55500001;phone-context=+81-90",
            "tel:819055500001;phone-context=+81",
            "tel:09055500001;phone-context=trunk.example.jp",
            "sip:+819055500001@trunk.example.jp;user=phone",
            "sip:%2B819055500001@trunk.example.jp",
            "sip:%2b81-90-5550-0001@trunk.example.jp",
            "<sips:09055500001;cpc=ordinary@192.0.2.1>",
            "\"090-5550-0001\" <sip:+819055500001@trunk.example.jp>",
            "\"a < b\" <tel:+819055500001>;tag=1",
            "Anonymous <sip:+819055500001@trunk.example.jp>",
            "＜ｔｅｌ：＋８１９０５５５００００１＞",
            "090-5550-0001",
        ] {
            let caller = CallerId::from_report(text, "").unwrap();
            assert_eq!(caller.number().unwrap().as_e164(), "+819055500001", "{text}");
        }
    }

    #[test]
    fn op_9_a_caller_without_a_number_of_japan_says_why() {
        for (text, reason) in [
            ("Anonymous", MissingReason::Withheld),
            ("sip:anonymous@anonymous.invalid", MissingReason::Withheld),
            (
                "\"Anonymous\" <sip:anonymous@anonymous.invalid>",
                MissingReason::Withheld,
            ),
            (
                "\"Coin line/payphone\" <sip:anonymous@anonymous.invalid>",
                MissingReason::Payphone,
            ),
        ] {
            assert_eq!(
                CallerId::from_report(text, ""),
                Ok(CallerId::Missing(reason)),
                "{text}"
            );
        }
        for text in [
            "8190555",
            "81905550000123",
            "12125550100",
            "http://09055500001",
            "taro",
            "\"090-5550-0001\" <sip:taro@trunk.example.jp>",
            "tel:9055500001",
            "tel:9055500001;phone-context=trunk.example.jp",
        ] {
            assert!(CallerId::from_report(text, "").is_err(), "{text}");
        }
        for text in [
            "tel:+12125550100",
            "\"Anonymous\" <sip:+12125550100@trunk.example.jp>",
            "tel:0905550001;phone-context=+39",
        ] {
            assert_eq!(
                CallerId::from_report(text, ""),
                Err(PhoneNumberError::Foreign),
                "{text}"
            );
        }
    }
}
