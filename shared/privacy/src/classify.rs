//! What the keyring's failures mean: erased, away, damaged, or not set up.

use decider::{Class, Classify, Problem, ProblemKind};

use crate::keyring::KeyringError;

impl Classify for KeyringError {
    fn classify(&self) -> Class {
        match self {
            Self::Destroyed(_) => {
                Class::Refused(Problem::new(ProblemKind::FailedPrecondition, "SUBJECT_ERASED"))
            }
            Self::Store(error) => error.classify(),
            Self::UnknownKey(_) | Self::Damaged(_) | Self::Field(_) | Self::Content { .. } => {
                Class::content()
            }
            // Whoever runs the service configured another master key.
            Self::WrongMasterKey { .. } | Self::Wrap => Class::ours(),
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::KeyId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_master_key_that_is_not_configured_is_no_fault_of_what_was_sealed() {
        let key = KeyId::from_uuid(Uuid::from_u128(1));
        let wrong = KeyringError::WrongMasterKey {
            key,
            wrapped_by: "old".to_owned(),
            configured: "new".to_owned(),
        };
        assert_eq!(wrong.classify(), Class::ours());
        assert_eq!(KeyringError::Wrap.classify(), Class::ours());
        assert_eq!(KeyringError::UnknownKey(key).classify(), Class::content());
        assert_eq!(
            KeyringError::Store(sqlx::Error::PoolTimedOut).classify(),
            Class::unavailable()
        );
    }
}
