//! Who is logged in: the cookie, the sealed row it names, and the access token that is renewed while the row is locked.

mod content;
mod cookie;
mod store;
#[cfg(test)]
mod store_tests;
mod tokens;

pub(crate) use content::{Call, Challenge, Content, Flash, HandedIn, Open, Stage};
pub(crate) use cookie::{CUSTOMER_COOKIE, DEVICE_COOKIE, device_cookie, expired_cookie, set_cookie};
pub(crate) use store::{Found, MIGRATIONS, Session, Sessions};
