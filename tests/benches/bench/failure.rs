//! Why a measurement could not be made, told once to whoever runs it.

use std::error::Error;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;
