//! A secret from the configuration. It prints nothing and is wiped when dropped; it cannot be deserialized, so it
//! can only come through the configuration reader, which knows the `_file` variant.

use std::fmt;

use zeroize::Zeroizing;

/// Text that must not be printed: passwords, keys, URLs that carry a password.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over; the caller's copy is gone.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, at the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
