//! The order of a core system's rows about one thing (EN-16): an older one never overwrites a newer one, and two of the same
//! instant that differ are for people to look at.

use crate::problem::{Explain, Problem, ProblemKind};

/// When the core system wrote a row, and when it last said again what stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf<T> {
    /// The row.
    pub row: T,
    /// The newest row that said nothing else than what stands. It leaves no event, so it is not in the history.
    pub confirmed: Option<T>,
}

/// A row that is not taken, however good it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutOfOrder {
    /// A newer row was taken.
    Older,
    /// A row as of the same instant says otherwise.
    Contradicts,
}

impl<T: Ord + Copy> AsOf<T> {
    /// A row about something of which nothing stands that was not recorded.
    pub const fn of(row: T) -> Self {
        Self { row, confirmed: None }
    }

    /// Whether a row with this digest brings something new to what stands, which was recorded as of `since` with its own digest.
    ///
    /// # Errors
    /// Where it says something else and is not newer.
    pub fn is_news<D: PartialEq>(self, digest: &D, standing: &D, since: T) -> Result<bool, OutOfOrder> {
        if digest == standing {
            return Ok(false);
        }
        let newest = self.confirmed.map_or(since, |confirmed| confirmed.max(since));
        match self.row.cmp(&newest) {
            std::cmp::Ordering::Less => Err(OutOfOrder::Older),
            std::cmp::Ordering::Equal => Err(OutOfOrder::Contradicts),
            std::cmp::Ordering::Greater => Ok(true),
        }
    }
}

impl std::fmt::Display for OutOfOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Older => "a newer row was taken",
            Self::Contradicts => "a row as of the same instant says otherwise",
        })
    }
}

impl std::error::Error for OutOfOrder {}

impl Explain for OutOfOrder {
    fn explain(&self) -> Problem {
        let reason = match self {
            Self::Older => "ROW_OLDER",
            Self::Contradicts => "ROW_CONTRADICTS",
        };
        Problem::new(ProblemKind::FailedPrecondition, reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn en_16_only_a_newer_row_with_other_content_is_news() {
        let row = |row| AsOf::of(row);
        assert_eq!(
            row(1).is_news(&"a", &"a", 2),
            Ok(false),
            "the same says nothing, however old"
        );
        assert_eq!(row(1).is_news(&"b", &"a", 2), Err(OutOfOrder::Older));
        assert_eq!(row(2).is_news(&"b", &"a", 2), Err(OutOfOrder::Contradicts));
        assert_eq!(row(3).is_news(&"b", &"a", 2), Ok(true));
    }

    #[test]
    fn en_16_what_a_newer_row_confirmed_is_as_new_as_that_row() {
        let confirmed = |row| AsOf {
            row,
            confirmed: Some(4),
        };
        assert_eq!(confirmed(3).is_news(&"b", &"a", 2), Err(OutOfOrder::Older));
        assert_eq!(confirmed(4).is_news(&"b", &"a", 2), Err(OutOfOrder::Contradicts));
        assert_eq!(confirmed(5).is_news(&"b", &"a", 2), Ok(true));
        assert_eq!(confirmed(5).is_news(&"b", &"a", 6), Err(OutOfOrder::Older));
    }
}
