//! Pictures derived from an original for looking at (CI-5): upright, in sRGB, without metadata.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::dimensions::Dimensions;

/// The version of how derivatives are made. **Format**: it is part of their address in the store. Whoever changes what is made
/// of the same original raises it; what older versions made is then made anew when it is asked for.
pub const RECIPE: u32 = 1;

/// How large a derivative is; never larger than its original.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DerivativeSize {
    /// For lists: 400 pixels.
    Small,
    /// For looking at: 1,600 pixels.
    Large,
}

impl DerivativeSize {
    /// The smallest first.
    pub const ALL: [Self; 2] = [Self::Small, Self::Large];

    /// The longer side in pixels.
    pub const fn side(self) -> u32 {
        match self {
            Self::Small => 400,
            Self::Large => 1600,
        }
    }

    /// Width and height of the derivative of an upright picture.
    pub fn of(self, picture: Dimensions) -> Dimensions {
        let longer = picture.width.max(picture.height);
        if longer <= self.side() {
            return picture;
        }
        let scaled = |side: u32| {
            let (side, longer) = (u64::from(side), u64::from(longer));
            let rounded = (side * u64::from(self.side()) + longer / 2) / longer;
            u32::try_from(rounded.max(1)).unwrap_or(self.side())
        };
        Dimensions {
            width: scaled(picture.width),
            height: scaled(picture.height),
        }
    }
}

/// Which derivatives of a picture there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derivatives {
    /// The [`RECIPE`] they were made by.
    pub recipe: u32,
    pub sizes: BTreeSet<DerivativeSize>,
}

impl Derivatives {
    /// All sizes, by today's recipe.
    pub fn all() -> Self {
        Self {
            recipe: RECIPE,
            sizes: DerivativeSize::ALL.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derivative_keeps_the_proportions_and_is_never_larger() {
        for (size, picture, expected) in [
            (DerivativeSize::Small, (4000, 3000), (400, 300)),
            (DerivativeSize::Large, (3000, 4000), (1200, 1600)),
            (DerivativeSize::Large, (1200, 900), (1200, 900)),
            (DerivativeSize::Small, (20_000, 1), (400, 1)),
            (DerivativeSize::Small, (2268, 1512), (400, 267)),
        ] {
            let [picture, expected] = [picture, expected].map(|(width, height)| Dimensions { width, height });
            assert_eq!(size.of(picture), expected);
        }
    }
}
