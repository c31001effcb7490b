//! The insurer's rulebook: everything that differs between insurers, as validated data. Rules ask it; no `if` in code
//! knows an insurer. Which version is in force is decided elsewhere; a rulebook here is one version.

use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};

use crate::calendar::HolidayCalendar;
use crate::challenge::ChallengeRules;
use crate::number_rules::NumberRules;
use crate::opening_hours::{ContactRoute, ContactTopic, MaintenanceWindow};
use kernel::clock::{Timestamp, at_jst, days_after, jst_date, start_of_jst_day};

/// The text of the rulebook the software ships with.
pub const DEFAULT_RULEBOOK: &str = include_str!("../data/rulebook.default.toml");

/// One version of the rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Rulebook {
    /// The version's number, rising.
    pub version: u32,
    /// The phone gate.
    pub login: LoginRules,
    /// Phone challenges.
    pub challenge: ChallengeRules,
    /// Who may register, and how.
    pub registration: RegistrationRules,
    /// Passwords.
    pub password: PasswordRules,
    /// Which phone numbers may be used at login (PV-4).
    pub numbers: NumberRules,
    /// Contracts.
    pub contract: ContractRules,
    /// Changes of contact data.
    pub contact_changes: ContactChangeRules,
    /// What is sold.
    pub products: Vec<ProductRules>,
    /// When the service rests (OP-1).
    pub maintenance: Vec<MaintenanceWindow>,
    /// Whom to call (OP-2).
    pub contacts: ContactRoutes,
    /// When a customer is advised to take a picture again (CI-7).
    pub pictures: PictureRules,
    /// How long what is kept (OP-4).
    pub retention: RetentionRules,
    /// The business calendar.
    pub holidays: Arc<HolidayCalendar>,
}

/// PV-2: the phone gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginRules {
    /// From this instant a login needs the phone call.
    pub gate_from: Timestamp,
}

impl LoginRules {
    /// Whether a login at this instant needs the phone call.
    pub fn phone_required(&self, at: Timestamp) -> bool {
        self.gate_from <= at
    }
}

/// A way to register (ID-3, ID-5, ID-17).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RegistrationRoute {
    /// By the initial code on paper.
    A,
    /// By what the claimant knows.
    B,
    /// By a reusable login ID that the insurer issued.
    C,
}

impl RegistrationRoute {
    /// The routes for which there is an RPC.
    pub const SERVED: [Self; 1] = [Self::A];
}

/// ID-2, ID-17: who may register, and how.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistrationRules {
    /// The routes this insurer offers; none, and nobody registers online.
    pub routes: Vec<RegistrationRoute>,
    /// Whether a corporate policyholder may register.
    pub corporate_allowed: bool,
    /// Kinds of contract that cannot be used online, such as `group`.
    pub refused_kinds: Vec<String>,
}

impl RegistrationRules {
    /// Whether the insurer offers this route.
    pub fn offers(&self, route: RegistrationRoute) -> bool {
        self.routes.contains(&route)
    }

    /// Whether contracts of this kind are refused.
    pub fn refuses_kind(&self, kind: &str) -> bool {
        self.refused_kinds.iter().any(|refused| refused == kind)
    }
}

/// ID-14: lengths of passwords, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordRules {
    /// Fewest with the second factor in force.
    pub min_chars_with_second_factor: u32,
    /// Fewest without it.
    pub min_chars_alone: u32,
    /// Most.
    pub max_chars: u32,
}

impl PasswordRules {
    /// Fewest characters, with the second factor in force or without.
    pub const fn min_chars(&self, second_factor: bool) -> u32 {
        if second_factor {
            self.min_chars_with_second_factor
        } else {
            self.min_chars_alone
        }
    }
}

/// PV-7: contracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContractRules {
    /// Days after its end for which a contract's numbers still count.
    pub tail_days: u32,
}

impl ContractRules {
    /// The instant from which numbers of a contract that ends at `period_end` no longer count; none where it has no end.
    pub fn numbers_count_until(&self, period_end: Option<Timestamp>) -> Option<Timestamp> {
        let tail = SignedDuration::from_hours(24 * i64::from(self.tail_days));
        // An end that no calendar reaches is none.
        period_end?.checked_add(tail).ok()
    }
}

/// CI-7: from where on a picture is worth a hint. Never a reason to refuse it.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureRules {
    /// Below this variance of the Laplacian, measured at 1,024 px, a picture is blurred.
    pub blurred_below: f64,
    /// Below this one it is soft; at least [`PictureRules::blurred_below`].
    pub soft_below: f64,
    /// Below this mean brightness, of 255, it is dark.
    pub dark_below: f64,
    /// Below this length of its longer side in pixels it is tiny.
    pub tiny_below_px: u32,
}

impl Default for PictureRules {
    /// For rulebooks that were written before there was this section.
    fn default() -> Self {
        Self {
            blurred_below: 20.0,
            soft_below: 80.0,
            dark_below: 40.0,
            tiny_below_px: 640,
        }
    }
}

/// OP-4: how long data are kept that no person's erasure reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionRules {
    /// Days after the day of a call from a number that nobody was expected to call from.
    pub unknown_callers_days: u32,
}

impl Default for RetentionRules {
    /// 90 days; for rulebooks that were written before there was this section.
    fn default() -> Self {
        Self {
            unknown_callers_days: 90,
        }
    }
}

/// EN-7: changes of contact data go by date and are not bound to the term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactChangeRules {
    /// How far ahead a change may be dated.
    pub max_days_ahead: u32,
}

/// EN-7: why an effective date cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EffectiveDateError {
    /// It lies before today in Japan.
    #[error("the effective date is in the past")]
    Past,
    /// It lies too far ahead.
    #[error("the effective date is after {latest}")]
    TooFarAhead {
        /// The latest date that can be taken.
        latest: Date,
    },
}

impl ContactChangeRules {
    /// EN-7: when a change dated `effective` counts: today on acceptance (`now`), a later date at 00:00 JST.
    pub fn effective_at(&self, effective: Date, now: Timestamp) -> Result<Timestamp, EffectiveDateError> {
        let today = jst_date(now);
        let latest = days_after(today, self.max_days_ahead);
        if effective < today {
            Err(EffectiveDateError::Past)
        } else if effective > latest {
            Err(EffectiveDateError::TooFarAhead { latest })
        } else if effective == today {
            Ok(now)
        } else {
            Ok(start_of_jst_day(effective))
        }
    }
}

/// EN-7: one product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductRules {
    /// The core system's code.
    pub code: String,
    /// Its name in Japanese.
    pub name_ja: String,
    /// Its name in English.
    pub name_en: String,
    /// The clock time in Japan at which its terms begin and end.
    pub term_clock: Time,
    /// How far ahead a change of terms may be dated.
    pub max_days_ahead: u32,
}

impl ProductRules {
    /// The instant at which a term begins or ends on this date.
    pub fn term_instant(&self, date: Date) -> Timestamp {
        at_jst(date, self.term_clock)
    }
}

/// OP-2: one route per topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRoutes {
    pub(crate) registration: ContactRoute,
    pub(crate) images: ContactRoute,
    pub(crate) contracts: ContactRoute,
    pub(crate) names: ContactRoute,
    pub(crate) login: ContactRoute,
}

impl Rulebook {
    /// The rulebook the software ships with.
    #[allow(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "the text is compiled in and a test reads it"
    )]
    pub fn default_rulebook() -> Self {
        Self::parse(DEFAULT_RULEBOOK).expect("the compiled-in rulebook is well formed")
    }

    /// OP-1: when the maintenance that holds `at` ends; none if the service is open.
    pub fn closed_until(&self, at: Timestamp) -> Option<Timestamp> {
        self.maintenance
            .iter()
            .filter_map(|window| window.closed_until(at))
            .max()
    }

    /// OP-2: whom to call about a topic.
    pub const fn contact(&self, topic: ContactTopic) -> &ContactRoute {
        match topic {
            ContactTopic::Registration => &self.contacts.registration,
            ContactTopic::Images => &self.contacts.images,
            ContactTopic::Contracts => &self.contacts.contracts,
            ContactTopic::Names => &self.contacts.names,
            ContactTopic::Login => &self.contacts.login,
        }
    }

    /// The rules of a product; none if this insurer does not sell it.
    pub fn product(&self, code: &str) -> Option<&ProductRules> {
        self.products.iter().find(|product| product.code == code)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use jiff::civil::date;

    use super::*;
    use crate::error::RulebookError;

    fn field_of(text: &str) -> String {
        match Rulebook::parse(text).unwrap_err() {
            RulebookError::Field { field, .. } => field,
            RulebookError::Syntax { problem } => panic!("{problem}"),
        }
    }

    fn with(from: &str, to: &str) -> String {
        assert!(DEFAULT_RULEBOOK.contains(from), "{from}");
        DEFAULT_RULEBOOK.replacen(from, to, 1)
    }

    #[test]
    fn the_default_rulebook_holds_the_published_rules() {
        let rules = Rulebook::default_rulebook();
        assert_eq!(rules.challenge.ttl(), SignedDuration::from_secs(180));
        assert_eq!(rules.challenge.max_open_per_number, 3);
        assert_eq!(rules.challenge.max_per_login, 5);
        assert_eq!(rules.challenge.pause_per_login_s, 3);
        assert_eq!(rules.retention, RetentionRules::default());
        assert_eq!(rules.pictures, PictureRules::default());
        assert!(rules.registration.offers(RegistrationRoute::A));
        assert!(!rules.registration.offers(RegistrationRoute::B));
        assert!(rules.registration.refuses_kind("group") && !rules.registration.refuses_kind("individual"));
        assert!(!rules.registration.corporate_allowed);
        assert_eq!(
            (rules.password.min_chars(true), rules.password.min_chars(false)),
            (8, 15)
        );
        assert_eq!(rules.product("AUTO").unwrap().name_ja, "自動車保険");
        assert!(rules.product("NONE").is_none());
        assert_eq!(rules.contact(ContactTopic::Names).name_ja, "コールセンター");
    }

    #[test]
    fn id_17_an_insurer_may_offer_no_route_but_none_that_nothing_serves() {
        let none = Rulebook::parse(&with("routes = [\"A\"]", "routes = []")).unwrap();
        assert!(!none.registration.offers(RegistrationRoute::A));
        let error = Rulebook::parse(&with("routes = [\"A\"]", "routes = [\"B\"]")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "registration.routes[0]: no RPC serves route B; served are [A]"
        );
    }

    #[test]
    fn a_rulebook_from_before_there_was_retention_keeps_its_default() {
        let section = "[retention]\nunknown_callers_days = 90 ";
        let rules = Rulebook::parse(&with(section, "")).unwrap();
        assert_eq!(rules.retention.unknown_callers_days, 90);
    }

    #[test]
    fn a_broken_rulebook_names_its_field() {
        assert_eq!(field_of(&with("ttl_s = 180 ", "ttl_s = 601 ")), "challenge.ttl_s");
        assert_eq!(
            field_of(&with("ttl_s = 180 ", "ttl_s = \"x\" ")),
            "challenge.ttl_s"
        );
        assert_eq!(
            field_of(&with("max_open_per_number = 3", "max_open_per_number = 0")),
            "challenge.max_open_per_number"
        );
        assert_eq!(
            field_of(&with("max_per_login = 5", "max_per_login = 0")),
            "challenge.max_per_login"
        );
        assert_eq!(
            field_of(&with("pause_per_login_s = 3", "pause_per_login_s = 601")),
            "challenge.pause_per_login_s"
        );
        assert_eq!(
            field_of(&with("unknown_callers_days = 90", "unknown_callers_days = 3651")),
            "retention.unknown_callers_days"
        );
        for (from, to, field) in [
            ("soft_below = 80", "soft_below = nan", "pictures.soft_below"),
            (
                "blurred_below = 20",
                "blurred_below = 81",
                "pictures.blurred_below",
            ),
            ("dark_below = 40", "dark_below = 256", "pictures.dark_below"),
        ] {
            assert_eq!(field_of(&with(from, to)), field);
        }
        assert_eq!(field_of(&with("\"050*\"", "\"05x\"")), "numbers.deny[0].pattern");
        assert_eq!(
            field_of(&with("routes = [\"A\"]", "routes = [\"A\", \"C\"]")),
            "registration.routes[1]"
        );
        assert_eq!(
            field_of(&with("min_chars_alone = 15", "min_chars_alone = 5")),
            "password.min_chars_alone"
        );
        assert_eq!(
            field_of(&with("code = \"FIRE\"", "code = \"AUTO\"")),
            "products[1].code"
        );
        assert_eq!(
            field_of(&with("end = \"04:00\"", "end = \"01:00\"")),
            "maintenance[0].end"
        );
        assert_eq!(
            field_of(&with("number = \"0120-000-002\"", "number = \"x\"")),
            "contacts.images.number"
        );
        assert_eq!(
            field_of(&with("[contacts.names]", "[contacts.nobody]")),
            "contacts.nobody"
        );
        assert!(matches!(
            Rulebook::parse("= 1"),
            Err(RulebookError::Syntax { .. })
        ));
    }

    #[test]
    fn a_rulebook_may_bring_its_own_calendar() {
        let own = "\n[holidays]\nvalid_from = \"2026-01-01\"\nvalid_until = \"2026-12-31\"\nholidays = []\n";
        let rules = Rulebook::parse(&format!("{DEFAULT_RULEBOOK}{own}")).unwrap();
        assert_eq!(rules.holidays.validity().1, date(2026, 12, 31));
        let holiday: Timestamp = "2026-11-23T10:00:00+09:00".parse().unwrap();
        assert!(rules.contact(ContactTopic::Registration).open_at(holiday));
        assert!(
            !Rulebook::default_rulebook()
                .contact(ContactTopic::Registration)
                .open_at(holiday)
        );
    }

    #[test]
    fn pv_2_the_gate_begins_at_its_instant() {
        let gate = Rulebook::default_rulebook().login;
        assert!(gate.phone_required(gate.gate_from));
        assert!(!gate.phone_required(gate.gate_from - SignedDuration::from_nanos(1)));
    }

    #[test]
    fn en_7_a_contact_change_counts_at_once_today_and_at_midnight_later() {
        let rules = Rulebook::default_rulebook().contact_changes;
        let now: Timestamp = "2026-11-16T15:30:00Z".parse().unwrap();
        assert_eq!(rules.effective_at(date(2026, 11, 17), now), Ok(now));
        assert_eq!(
            rules.effective_at(date(2026, 11, 18), now),
            Ok(start_of_jst_day(date(2026, 11, 18)))
        );
        assert_eq!(
            rules.effective_at(date(2026, 11, 16), now),
            Err(EffectiveDateError::Past)
        );
        let latest = date(2027, 2, 15);
        assert!(rules.effective_at(latest, now).is_ok());
        assert_eq!(
            rules.effective_at(latest.tomorrow().unwrap(), now),
            Err(EffectiveDateError::TooFarAhead { latest })
        );
    }

    #[test]
    fn en_7_terms_run_at_the_products_clock() {
        let rules = Rulebook::default_rulebook();
        let end: Timestamp = "2026-11-16T07:00:00Z".parse().unwrap();
        assert_eq!(
            rules.product("AUTO").unwrap().term_instant(date(2026, 11, 16)),
            end
        );
    }

    #[test]
    fn pv_7_numbers_count_until_the_tail_ends() {
        let rules = ContractRules { tail_days: 90 };
        let end: Timestamp = "2026-01-01T07:00:00Z".parse().unwrap();
        let until = rules.numbers_count_until(Some(end));
        assert_eq!(
            until.map(|until| until.to_string()),
            Some("2026-04-01T07:00:00Z".to_owned())
        );
        assert_eq!(rules.numbers_count_until(None), None);
        assert_eq!(rules.numbers_count_until(Some(Timestamp::MAX)), None);
    }
}
