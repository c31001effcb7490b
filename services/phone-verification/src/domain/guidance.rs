//! What is said beside a pending challenge about the last call on its line (PV-6, PV-9).

use kernel::MissingReason;

/// Why a call did not verify, as far as the one who waits can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuidanceReason {
    /// The number is none of the registered ones.
    NumberNotRegistered,
    /// The call showed no number.
    Missing(MissingReason),
}

impl GuidanceReason {
    /// Every reason there is.
    pub const ALL: [Self; 5] = [
        Self::NumberNotRegistered,
        Self::Missing(MissingReason::Withheld),
        Self::Missing(MissingReason::Payphone),
        Self::Missing(MissingReason::Unavailable),
        Self::Missing(MissingReason::ServiceConflict),
    ];

    /// As rows and answers hold it; also the key of its text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NumberNotRegistered => "NUMBER_NOT_REGISTERED",
            Self::Missing(reason) => reason.guidance_code(),
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_reads_back_as_it_was_written() {
        for reason in GuidanceReason::ALL {
            assert_eq!(GuidanceReason::from_code(reason.as_str()), Some(reason));
        }
        assert_eq!(GuidanceReason::from_code("SOMETHING_ELSE"), None);
    }
}
