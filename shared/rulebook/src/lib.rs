//! The insurer's rulebook: everything in which insurers differ, as validated data, and what is asked of it: the business
//! calendar, opening hours, which telephone numbers count. Pure: no I/O, no async; knows the kernel's words only.
#![warn(missing_docs)]

mod calendar;
mod challenge;
mod contact;
mod error;
mod file;
mod login_number;
mod number_pattern;
mod number_rules;
mod opening_hours;
mod rules;

pub use calendar::HolidayCalendar;
pub use challenge::{ChallengeRules, MAX_CHALLENGE_TTL_S};
pub use contact::Contact;
pub use error::RulebookError;
pub use login_number::{LoginNumber, NumberHolder, UnusableReason};
pub use number_rules::{IneligibleReason, LineKind, NumberRules, Verdict};
pub use opening_hours::{ContactRoute, ContactTopic, MaintenanceWindow, OpeningHours};
pub use rules::{
    ContactChangeRules, ContactRoutes, ContractRules, DEFAULT_RULEBOOK, EffectiveDateError, LoginRules,
    PasswordRules, PictureRules, ProductRules, RegistrationRoute, RegistrationRules, RetentionRules,
    Rulebook,
};
