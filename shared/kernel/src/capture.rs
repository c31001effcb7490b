//! What a camera says of a picture: when, with what, how held, where. Personal, so it travels sealed; kept apart from the
//! picture (CI-5). **Format**: these types are sealed into events as JSON.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use crate::characters::is_of_one_line;

/// Most characters of a camera's name.
pub const MAX_CAMERA_CHARS: usize = 100;

/// Something a camera may have said. That nothing is there and that what is there cannot be read are two things: the second
/// is worth a look at the original.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptureFact<T> {
    /// The picture says nothing of it.
    #[default]
    Absent,
    /// The picture says something that cannot be read.
    Unreadable,
    /// What it says.
    Parsed(T),
}

impl<T> CaptureFact<T> {
    /// What it says, if that can be read.
    pub const fn parsed(&self) -> Option<&T> {
        match self {
            Self::Parsed(value) => Some(value),
            Self::Absent | Self::Unreadable => None,
        }
    }

    /// The same fact of another type.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> CaptureFact<U> {
        match self {
            Self::Absent => CaptureFact::Absent,
            Self::Unreadable => CaptureFact::Unreadable,
            Self::Parsed(value) => CaptureFact::Parsed(change(value)),
        }
    }
}

/// What a camera says of a picture. Nothing vouches for it: whoever has the file can change it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureFacts {
    /// When it was taken.
    pub taken_at: CaptureFact<CaptureTime>,
    /// Maker and model.
    pub camera: CaptureFact<CameraName>,
    /// How the camera was held: Exif's orientation, 1 to 8.
    pub orientation: CaptureFact<Orientation>,
    /// Where it was taken.
    pub position: CaptureFact<Position>,
}

impl CaptureFacts {
    /// Of a picture whose camera data are there and cannot be read at all.
    pub const UNREADABLE: Self = Self {
        taken_at: CaptureFact::Unreadable,
        camera: CaptureFact::Unreadable,
        orientation: CaptureFact::Unreadable,
        position: CaptureFact::Unreadable,
    };
}

/// The camera's clock as it showed; most cameras do not say where on Earth that clock is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureTime {
    /// Date and time of day.
    pub local: DateTime,
    /// Minutes east of UTC, where the camera says them; -14 to 14 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_minutes: Option<i16>,
}

impl fmt::Display for CaptureTime {
    /// RFC 3339 where the offset is known, else the same without one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.local)?;
        let Some(offset) = self.offset_minutes else {
            return Ok(());
        };
        let sign = if offset < 0 { '-' } else { '+' };
        let minutes = offset.unsigned_abs();
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

/// Maker and model of a camera in one line that can be shown anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CameraName(String);

/// A value that no camera means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not what a camera says")]
pub struct CaptureError;

impl CameraName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CameraName {
    type Err = CaptureError;

    /// Blanks at its ends are none of it; refuses what is empty, too long or does not fit one line.
    fn from_str(text: &str) -> Result<Self, CaptureError> {
        let text = text.trim();
        let fits =
            !text.is_empty() && text.chars().count() <= MAX_CAMERA_CHARS && text.chars().all(is_of_one_line);
        fits.then(|| Self(text.to_owned())).ok_or(CaptureError)
    }
}

impl TryFrom<String> for CameraName {
    type Error = CaptureError;

    fn try_from(text: String) -> Result<Self, CaptureError> {
        text.parse()
    }
}

impl From<CameraName> for String {
    fn from(name: CameraName) -> Self {
        name.0
    }
}

/// How a stored picture lies (Exif 2.32, tag 0x0112): 1 is upright.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Orientation(u8);

impl Orientation {
    /// As it should be seen.
    pub const UPRIGHT: Self = Self(1);

    /// 1 to 8.
    pub const fn value(self) -> u8 {
        self.0
    }

    /// Whether width and height change places when it is set upright.
    pub const fn swaps_sides(self) -> bool {
        self.0 >= 5
    }
}

impl TryFrom<u8> for Orientation {
    type Error = CaptureError;

    fn try_from(value: u8) -> Result<Self, CaptureError> {
        (1..=8)
            .contains(&value)
            .then_some(Self(value))
            .ok_or(CaptureError)
    }
}

impl From<Orientation> for u8 {
    fn from(orientation: Orientation) -> Self {
        orientation.0
    }
}

/// A place on Earth (WGS 84), in millionths of a degree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "(i32, i32)", into = "(i32, i32)")]
pub struct Position {
    latitude: i32,
    longitude: i32,
}

impl Position {
    const PER_DEGREE: f64 = 1e6;

    /// From degrees north and east; refuses what lies on no globe.
    pub fn from_degrees(latitude: f64, longitude: f64) -> Result<Self, CaptureError> {
        let millionths = |degrees: f64, most: f64| {
            // Within ±180 millions: it fits.
            #[allow(clippy::cast_possible_truncation, reason = "within ±180 millions")]
            (degrees.abs() <= most).then(|| (degrees * Self::PER_DEGREE).round() as i32)
        };
        Ok(Self {
            latitude: millionths(latitude, 90.0).ok_or(CaptureError)?,
            longitude: millionths(longitude, 180.0).ok_or(CaptureError)?,
        })
    }
}

impl TryFrom<(i32, i32)> for Position {
    type Error = CaptureError;

    fn try_from((latitude, longitude): (i32, i32)) -> Result<Self, CaptureError> {
        Self::from_degrees(
            f64::from(latitude) / Self::PER_DEGREE,
            f64::from(longitude) / Self::PER_DEGREE,
        )
    }
}

impl From<Position> for (i32, i32) {
    fn from(position: Position) -> Self {
        (position.latitude, position.longitude)
    }
}

impl fmt::Display for Position {
    /// Degrees north and east with six decimals, as maps take them: `35.681236,139.767125`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.6},{:.6}",
            f64::from(self.latitude) / Self::PER_DEGREE,
            f64::from(self.longitude) / Self::PER_DEGREE
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn facts() -> CaptureFacts {
        CaptureFacts {
            taken_at: CaptureFact::Parsed(CaptureTime {
                local: "2026-11-02T14:03:05".parse().unwrap(),
                offset_minutes: Some(540),
            }),
            camera: CaptureFact::Parsed(" Invented Works X1 ".parse().unwrap()),
            orientation: CaptureFact::Unreadable,
            position: CaptureFact::Parsed(Position::from_degrees(35.681_236, -139.767_125).unwrap()),
        }
    }

    #[test]
    fn facts_are_the_same_after_a_journey_as_json() {
        let json = serde_json::to_string(&facts()).unwrap();
        assert_eq!(serde_json::from_str::<CaptureFacts>(&json).unwrap(), facts());
        assert_eq!(
            json,
            r#"{"taken_at":{"parsed":{"local":"2026-11-02T14:03:05","offset_minutes":540}},"camera":{"parsed":"Invented Works X1"},"orientation":"unreadable","position":{"parsed":[35681236,-139767125]}}"#
        );
    }

    #[test]
    fn facts_are_shown_as_people_and_maps_read_them() {
        let facts = facts();
        assert_eq!(
            facts.taken_at.parsed().unwrap().to_string(),
            "2026-11-02T14:03:05+09:00"
        );
        assert_eq!(
            facts.position.parsed().unwrap().to_string(),
            "35.681236,-139.767125"
        );
        let west = CaptureTime {
            offset_minutes: Some(-210),
            ..*facts.taken_at.parsed().unwrap()
        };
        assert!(west.to_string().ends_with("-03:30"));
    }

    #[test]
    fn what_no_camera_means_is_refused() {
        assert!(Position::from_degrees(90.1, 0.0).is_err() && Position::from_degrees(0.0, f64::NAN).is_err());
        assert!(serde_json::from_str::<Position>("[90000001,0]").is_err());
        assert!(Orientation::try_from(0).is_err() && Orientation::try_from(9).is_err());
        for name in ["", "  ", "a\0b", "a\nb", &"x".repeat(101)] {
            assert!(name.parse::<CameraName>().is_err(), "{name:?}");
        }
    }
}
