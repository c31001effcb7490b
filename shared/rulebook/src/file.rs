//! How a rulebook is written in TOML, and the limits its values must keep. Reading names the first bad field.

use std::sync::Arc;

use jiff::civil::{Time, Weekday};
use serde::Deserialize;

use crate::calendar::HolidayCalendar;
use crate::challenge::{ChallengeRules, MAX_CHALLENGE_TTL_S};
use crate::error::{RulebookError, read_toml};
use crate::number_rules::NumberRules;
use crate::opening_hours::{ContactRoute, ContactTopic, MaintenanceWindow, OpeningHours};
use crate::rules::{
    ContactChangeRules, ContactRoutes, ContractRules, LoginRules, PasswordRules, PictureRules, ProductRules,
    RegistrationRoute, RegistrationRules, RetentionRules, Rulebook,
};
use kernel::phone::PhoneNumber;

/// ID-14: the lengths no rulebook may weaken, in characters.
const MIN_CHARS_WITH_SECOND_FACTOR: u32 = 8;
const MIN_CHARS_ALONE: u32 = 15;
const MAX_CHARS: u32 = 128;

/// A variance of the Laplacian that hardly any photograph reaches.
const MAX_SHARPNESS: f64 = 10_000.0;

/// The longest period of any class of record, ten years.
const MAX_RETENTION_DAYS: u32 = 3_650;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulebookFile {
    version: u32,
    login: LoginRules,
    challenge: ChallengeRules,
    registration: RegistrationRules,
    password: PasswordRules,
    numbers: NumberRules,
    contract: ContractRules,
    contact_changes: ContactChangeRules,
    products: Vec<ProductRules>,
    maintenance: Vec<MaintenanceFile>,
    contacts: ContactsFile,
    #[serde(default)]
    pictures: PictureRules,
    #[serde(default)]
    retention: RetentionRules,
    /// The national calendar that ships with the software, if absent.
    #[serde(default)]
    holidays: Option<HolidayCalendar>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DayFile {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl From<DayFile> for Weekday {
    fn from(day: DayFile) -> Self {
        match day {
            DayFile::Mon => Self::Monday,
            DayFile::Tue => Self::Tuesday,
            DayFile::Wed => Self::Wednesday,
            DayFile::Thu => Self::Thursday,
            DayFile::Fri => Self::Friday,
            DayFile::Sat => Self::Saturday,
            DayFile::Sun => Self::Sunday,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MaintenanceFile {
    weekday: DayFile,
    start: Time,
    end: Time,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContactsFile {
    registration: ContactFile,
    images: ContactFile,
    contracts: ContactFile,
    names: ContactFile,
    login: ContactFile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContactFile {
    name_ja: String,
    name_en: String,
    number: PhoneNumber,
    free: bool,
    days: Vec<DayFile>,
    opens: Time,
    closes: Time,
    closed_on_holidays: bool,
}

fn require(holds: bool, field: impl Into<String>, problem: impl Into<String>) -> Result<(), RulebookError> {
    if holds {
        Ok(())
    } else {
        Err(RulebookError::Field {
            field: field.into(),
            problem: problem.into(),
        })
    }
}

impl Rulebook {
    /// Reads and validates a rulebook; the first error names its field.
    pub fn parse(text: &str) -> Result<Self, RulebookError> {
        read_toml::<RulebookFile>(text)?.validate()
    }
}

impl RulebookFile {
    /// Checks what types cannot say and builds the rulebook.
    fn validate(self) -> Result<Rulebook, RulebookError> {
        check_challenge(self.challenge)?;
        check_password(&self.password)?;
        check_products(&self.products)?;
        require(
            self.retention.unknown_callers_days <= MAX_RETENTION_DAYS,
            "retention.unknown_callers_days",
            format!("must be at most {MAX_RETENTION_DAYS}"),
        )?;
        check_registration(&self.registration)?;
        check_pictures(&self.pictures)?;
        let holidays = self.holidays.map_or_else(HolidayCalendar::national, Arc::new);
        let windows = self.maintenance.into_iter().enumerate();
        Ok(Rulebook {
            version: self.version,
            login: self.login,
            challenge: self.challenge,
            registration: self.registration,
            password: self.password,
            numbers: self.numbers,
            contract: self.contract,
            contact_changes: self.contact_changes,
            products: self.products,
            maintenance: windows
                .map(|(at, window)| window.validate(at))
                .collect::<Result<_, _>>()?,
            contacts: self.contacts.validate(&holidays)?,
            pictures: self.pictures,
            retention: self.retention,
            holidays,
        })
    }
}

fn check_challenge(rules: ChallengeRules) -> Result<(), RulebookError> {
    require(
        (1..=MAX_CHALLENGE_TTL_S).contains(&rules.ttl_s),
        "challenge.ttl_s",
        format!("must be 1 to {MAX_CHALLENGE_TTL_S}"),
    )?;
    require(
        rules.max_open_per_number >= 1,
        "challenge.max_open_per_number",
        "must be at least 1",
    )?;
    require(
        rules.max_per_login >= 1,
        "challenge.max_per_login",
        "must be at least 1",
    )?;
    require(
        rules.pause_per_login_s <= MAX_CHALLENGE_TTL_S,
        "challenge.pause_per_login_s",
        format!("must be at most {MAX_CHALLENGE_TTL_S}"),
    )
}

/// ID-17: a route that nothing serves would be shown to visitors and then refused. No route at all is a choice: nobody
/// registers online.
fn check_registration(rules: &RegistrationRules) -> Result<(), RulebookError> {
    for (at, route) in rules.routes.iter().enumerate() {
        require(
            RegistrationRoute::SERVED.contains(route),
            format!("registration.routes[{at}]"),
            format!(
                "no RPC serves route {route:?}; served are {:?}",
                RegistrationRoute::SERVED
            ),
        )?;
    }
    Ok(())
}

fn check_password(rules: &PasswordRules) -> Result<(), RulebookError> {
    require(
        (MIN_CHARS_WITH_SECOND_FACTOR..=MAX_CHARS).contains(&rules.min_chars_with_second_factor),
        "password.min_chars_with_second_factor",
        format!("must be {MIN_CHARS_WITH_SECOND_FACTOR} to {MAX_CHARS}"),
    )?;
    require(
        (MIN_CHARS_ALONE..=MAX_CHARS).contains(&rules.min_chars_alone),
        "password.min_chars_alone",
        format!("must be {MIN_CHARS_ALONE} to {MAX_CHARS}"),
    )?;
    let longest_minimum = rules.min_chars_alone.max(rules.min_chars_with_second_factor);
    require(
        (longest_minimum..=MAX_CHARS).contains(&rules.max_chars),
        "password.max_chars",
        format!("must be {longest_minimum} to {MAX_CHARS}"),
    )
}

fn check_pictures(rules: &PictureRules) -> Result<(), RulebookError> {
    require(
        (0.0..=MAX_SHARPNESS).contains(&rules.soft_below),
        "pictures.soft_below",
        format!("must be 0 to {MAX_SHARPNESS}"),
    )?;
    require(
        (0.0..=rules.soft_below).contains(&rules.blurred_below),
        "pictures.blurred_below",
        "must be 0 to pictures.soft_below",
    )?;
    require(
        (0.0..=255.0).contains(&rules.dark_below),
        "pictures.dark_below",
        "must be 0 to 255",
    )
}

fn check_products(products: &[ProductRules]) -> Result<(), RulebookError> {
    for (at, product) in products.iter().enumerate() {
        let repeated = products[..at].iter().any(|earlier| earlier.code == product.code);
        require(
            !product.code.is_empty() && !repeated,
            format!("products[{at}].code"),
            "must be given, and given once",
        )?;
    }
    Ok(())
}

impl MaintenanceFile {
    fn validate(self, at: usize) -> Result<MaintenanceWindow, RulebookError> {
        require(
            self.start < self.end,
            format!("maintenance[{at}].end"),
            "must be after start, on the same day",
        )?;
        Ok(MaintenanceWindow {
            weekday: self.weekday.into(),
            start: self.start,
            end: self.end,
        })
    }
}

impl ContactsFile {
    fn validate(self, calendar: &Arc<HolidayCalendar>) -> Result<ContactRoutes, RulebookError> {
        Ok(ContactRoutes {
            registration: self.registration.validate(ContactTopic::Registration, calendar)?,
            images: self.images.validate(ContactTopic::Images, calendar)?,
            contracts: self.contracts.validate(ContactTopic::Contracts, calendar)?,
            names: self.names.validate(ContactTopic::Names, calendar)?,
            login: self.login.validate(ContactTopic::Login, calendar)?,
        })
    }
}

impl ContactFile {
    fn validate(
        self,
        topic: ContactTopic,
        calendar: &Arc<HolidayCalendar>,
    ) -> Result<ContactRoute, RulebookError> {
        let field = |name: &str| format!("contacts.{}.{name}", topic.as_str().to_ascii_lowercase());
        require(
            !self.days.is_empty(),
            field("days"),
            "at least one day must be given",
        )?;
        let ends_later = self.opens < self.closes || self.closes == Time::midnight();
        require(
            ends_later,
            field("closes"),
            "must be after opens, or 00:00 for the end of the day",
        )?;
        Ok(ContactRoute {
            topic,
            name_ja: self.name_ja,
            name_en: self.name_en,
            number: self.number,
            free: self.free,
            hours: OpeningHours {
                days: self.days.into_iter().map(Weekday::from).collect(),
                opens: self.opens,
                closes: self.closes,
                closed_on_holidays: self.closed_on_holidays,
                calendar: Arc::clone(calendar),
            },
        })
    }
}
