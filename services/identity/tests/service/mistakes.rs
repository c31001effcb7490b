//! Everything that can be wrong with a registration's fields and with an imported row, one mistake each.

use contracts::identity::v1::{InitialCredential, RegisterWithInitialCredentialsRequest};

pub(crate) type Typing = fn(&mut RegisterWithInitialCredentialsRequest);
/// What can be wrong with a registration as typed: field, reason, and how it is made.
pub(crate) const TYPED: [(&str, &str, Typing); 11] = [
    ("initial_user_id", "INITIAL_USER_ID_REQUIRED", |typed| {
        typed.initial_user_id.clear();
    }),
    ("initial_user_id", "TEXT_TOO_LONG", |typed| {
        typed.initial_user_id = "Z".repeat(65);
    }),
    ("initial_password", "INITIAL_PASSWORD_REQUIRED", |typed| {
        typed.initial_password.clear();
    }),
    ("initial_password", "INITIAL_PASSWORD_TOO_LONG", |typed| {
        typed.initial_password = "K".repeat(65);
    }),
    ("email", "EMAIL_REQUIRED", |typed| typed.email.clear()),
    ("email", "EMAIL_INVALID", |typed| typed.email = "nobody".into()),
    ("email", "EMAIL_TOO_LONG", |typed| {
        typed.email = format!("a@{}.jp", "example.".repeat(40));
    }),
    ("password", "PASSWORD_TOO_SHORT", |typed| {
        typed.password = "short".into();
    }),
    ("password", "PASSWORD_TOO_LONG", |typed| {
        typed.password = "long".repeat(40);
    }),
    ("password", "PASSWORD_COMMON", |typed| {
        typed.password = "password".into();
    }),
    ("password", "PASSWORD_CONTAINS_PERSONAL", |typed| {
        typed.password = format!("{} sea", typed.initial_user_id);
    }),
];

pub(crate) type Mistake = (&'static str, &'static str, fn(&mut InitialCredential));

/// One mistake per row: its column, its reason, and how it is made.
pub(crate) const MISTAKES: [Mistake; 8] = [
    ("policy_number", "POLICY_NUMBER_REQUIRED", |row| {
        row.policy_number.clear();
    }),
    ("policy_number", "POLICY_NUMBER_INVALID", |row| {
        row.policy_number = "?".into();
    }),
    ("branch_number", "BRANCH_NUMBER_INVALID", |row| {
        row.branch_number = "X".into();
    }),
    ("customer_number", "CUSTOMER_NUMBER_REQUIRED", |row| {
        row.customer_number.clear();
    }),
    ("customer_number", "CUSTOMER_NUMBER_INVALID", |row| {
        row.customer_number = "C1".into();
    }),
    ("initial_user_id", "TEXT_TOO_LONG", |row| {
        row.initial_user_id = "Z".repeat(65);
    }),
    ("code", "CODE_REQUIRED", |row| row.code.clear()),
    ("code", "INITIAL_PASSWORD_TOO_LONG", |row| {
        row.code = "K".repeat(65);
    }),
];
