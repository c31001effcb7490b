//! What a customer is told at once about a picture that may not serve (CI-7). Never a refusal.

use rulebook::PictureRules;
use serde::{Deserialize, Serialize};

use super::dimensions::Dimensions;

/// A hint about a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Hint {
    /// So unsharp that it should be taken again.
    Blurred,
    /// Not quite sharp.
    Soft,
    /// Hardly anything can be seen.
    Dark,
    /// Too small for details.
    Tiny,
}

impl Hint {
    /// As told to callers; key of the localized message.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blurred => "BLURRED",
            Self::Soft => "SOFT",
            Self::Dark => "DARK",
            Self::Tiny => "TINY",
        }
    }
}

/// What was measured in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// Variance of the Laplacian of the brightness, at a longer side of 1,024 pixels.
    pub sharpness: f64,
    /// Mean brightness, 0 to 255.
    pub brightness: f64,
}

/// The hints about a picture of this size.
pub fn hints(rules: &PictureRules, measures: Measures, picture: Dimensions) -> Vec<Hint> {
    let sharpness = if measures.sharpness < rules.blurred_below {
        Some(Hint::Blurred)
    } else {
        (measures.sharpness < rules.soft_below).then_some(Hint::Soft)
    };
    let dark = (measures.brightness < rules.dark_below).then_some(Hint::Dark);
    let tiny = (picture.width.max(picture.height) < rules.tiny_below_px).then_some(Hint::Tiny);
    [sharpness, dark, tiny].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ci_7_each_threshold_is_the_rulebook_s() {
        let rules = PictureRules::default();
        let told = |sharpness, brightness, side| {
            let picture = Dimensions {
                width: 10,
                height: side,
            };
            let measures = Measures {
                sharpness,
                brightness,
            };
            hints(&rules, measures, picture)
        };
        assert_eq!(told(80.0, 40.0, 640), []);
        assert_eq!(told(79.9, 40.0, 640), [Hint::Soft]);
        assert_eq!(told(19.9, 39.9, 639), [Hint::Blurred, Hint::Dark, Hint::Tiny]);
        let lenient = PictureRules {
            soft_below: 0.0,
            blurred_below: 0.0,
            ..rules
        };
        let measures = Measures {
            sharpness: 0.0,
            brightness: 255.0,
        };
        let picture = Dimensions {
            width: 640,
            height: 480,
        };
        assert_eq!(hints(&lenient, measures, picture), []);
    }
}
