//! Why the suite itself could not go on.

/// Why the suite itself could not go on, told once to whoever runs it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
