//! Why a rulebook cannot be used, and the reading of TOML that says so.

use serde::de::DeserializeOwned;

/// A rulebook that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulebookError {
    /// The text is no TOML.
    #[error("the text cannot be read: {problem}")]
    Syntax {
        /// What the reader says, with line and column.
        problem: String,
    },
    /// A field is missing, unknown, of the wrong type or out of its limits.
    #[error("{field}: {problem}")]
    Field {
        /// The field's path, such as `challenge.ttl_s`.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// Reads TOML; an error names the path of its field.
pub(crate) fn read_toml<T: DeserializeOwned>(text: &str) -> Result<T, RulebookError> {
    let reader = toml::Deserializer::parse(text).map_err(|error| RulebookError::Syntax {
        problem: error.to_string().trim_end().to_owned(),
    })?;
    serde_path_to_error::deserialize(reader).map_err(|error| RulebookError::Field {
        field: error.path().to_string(),
        problem: error.inner().message().to_owned(),
    })
}
