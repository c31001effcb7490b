//! A personal value with the instants between which it counts (PV-7, EN-7). What is scheduled counts from its instant by the
//! clock, not by when somebody hears of it. **Format**: stored inside events.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::SubjectId;
use crate::personal::Personal;

/// A value in force or scheduled, such as a telephone number of a party to a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dated<T> {
    /// The value.
    pub value: Personal<T>,
    /// The first instant at which it counts.
    pub counts_from: Timestamp,
    /// The first instant at which it no longer counts; absent if no end is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts_until: Option<Timestamp>,
}

impl<T> Dated<T> {
    /// A value of `subject` that counts from an instant on.
    pub const fn new(subject: SubjectId, value: T, counts_from: Timestamp) -> Self {
        Self {
            value: Personal::new(subject, value),
            counts_from,
            counts_until: None,
        }
    }

    /// Whether it counts at an instant.
    pub fn counts_at(&self, at: Timestamp) -> bool {
        self.counts_from <= at && !self.is_over_at(at)
    }

    /// Whether its end has come.
    pub fn is_over_at(&self, at: Timestamp) -> bool {
        self.counts_until.is_some_and(|until| until <= at)
    }
}
