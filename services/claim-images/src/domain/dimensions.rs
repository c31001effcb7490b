//! How large a picture is.

use serde::{Deserialize, Serialize};

/// Upright width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dimensions {
    pub width: u32,
    pub height: u32,
}
