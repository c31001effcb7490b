//! All that is wrong with a request or a row, in one answer: every field that cannot be taken, with its reason.

use crate::problem::{FieldViolation, Problem, ProblemKind};

/// Collects what is wrong. Whoever reads goes on after a field that cannot be read, so that one look tells everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violations(Problem);

impl Default for Violations {
    fn default() -> Self {
        Self(Problem::new(ProblemKind::InvalidArgument, "INVALID_ARGUMENT"))
    }
}

impl Violations {
    /// One wrong field and nothing else.
    pub fn of(field: impl Into<String>, reason: &'static str) -> Self {
        let mut violations = Self::default();
        violations.add(field, reason);
        violations
    }

    /// A wrong field.
    pub fn add(&mut self, field: impl Into<String>, reason: &'static str) {
        self.0.violations.push(FieldViolation::new(field, reason));
    }

    /// A value that the reasons' texts are rendered with.
    pub fn fact(&mut self, key: &'static str, value: impl Into<String>) {
        self.0.metadata.insert(key, value.into());
    }

    /// Keeps the value, or notes the reason.
    pub fn keep<T, E>(
        &mut self,
        field: impl Into<String>,
        value: Result<T, E>,
        reason: &'static str,
    ) -> Option<T> {
        value.map_err(|_| self.add(field, reason)).ok()
    }

    /// A text that must not be blank; kept as entered.
    pub fn required(&mut self, field: impl Into<String>, text: &str, reason: &'static str) -> Option<String> {
        if text.trim().is_empty() {
            self.add(field, reason);
            return None;
        }
        Some(text.to_owned())
    }

    /// What somebody else found.
    pub fn extend(&mut self, found: impl IntoIterator<Item = FieldViolation>) {
        self.0.violations.extend(found);
    }

    /// Whether nothing is wrong.
    pub const fn is_empty(&self) -> bool {
        self.0.violations.is_empty()
    }

    /// The wrong fields, in the order they were found.
    pub fn fields(&self) -> &[FieldViolation] {
        &self.0.violations
    }

    /// Nothing, or the refusal of the whole request.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with every field.
    pub fn none_or(self) -> Result<(), Problem> {
        if self.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_wrong_comes_in_one_refusal_and_nothing_is_none() {
        assert_eq!(Violations::default().none_or(), Ok(()));
        let mut found = Violations::of("name", "NAME_REQUIRED");
        assert_eq!(found.keep("age", "x".parse::<u8>(), "AGE_INVALID"), None);
        assert_eq!(found.keep("rooms", "3".parse::<u8>(), "ROOMS_INVALID"), Some(3));
        found.fact("max", "8");
        let expected = Problem::invalid("name", "NAME_REQUIRED")
            .field("age", "AGE_INVALID")
            .with("max", "8");
        assert_eq!(found.none_or(), Err(expected));
    }
}
