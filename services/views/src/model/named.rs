//! Enums of the published language in columns: by their names, without the type's own before them, as operators read them.

use contracts::claim_images::v1::{
    AccidentKind, AccidentState, DerivativeSize, ImageCategory, ImageRefusal, ImageState,
};
use contracts::endorsement::v1::EndorsementState;
use contracts::views::v1::{RowDifference, TimelineKind, ViewsRunKind, ViewsRunState};
use messaging::Malformed;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// An enum of the published language.
pub(crate) trait Named: Copy + Default + PartialEq + Into<i32> {
    /// Its name in a column.
    fn name(self) -> &'static str;
    /// The value of that name; the unspecified one where there is none.
    fn of(name: &str) -> Self;
}

macro_rules! named {
    ($($type:ty = $prefix:literal),+ $(,)?) => {$(
        impl Named for $type {
            fn name(self) -> &'static str {
                let name = self.as_str_name();
                name.strip_prefix($prefix).unwrap_or(name)
            }

            fn of(name: &str) -> Self {
                Self::from_str_name(&format!(concat!($prefix, "{}"), name)).unwrap_or_default()
            }
        }
    )+};
}

named! {
    AccidentKind = "ACCIDENT_KIND_",
    AccidentState = "ACCIDENT_STATE_",
    DerivativeSize = "DERIVATIVE_SIZE_",
    EndorsementState = "ENDORSEMENT_STATE_",
    ImageCategory = "IMAGE_CATEGORY_",
    ImageRefusal = "IMAGE_REFUSAL_",
    ImageState = "IMAGE_STATE_",
    RowDifference = "ROW_DIFFERENCE_",
    TimelineKind = "TIMELINE_KIND_",
    ViewsRunKind = "VIEWS_RUN_KIND_",
    ViewsRunState = "VIEWS_RUN_STATE_",
}

/// What goes into a column; an unspecified value is a field that is missing.
pub(crate) fn given<E: Named>(field: &'static str, value: E) -> Result<&'static str, Malformed> {
    if value == E::default() {
        return Err(Malformed::Missing(field));
    }
    Ok(value.name())
}

/// What stands in a column; unspecified where that is empty.
pub(crate) fn stored<E: Named>(row: &PgRow, column: &str) -> Result<E, sqlx::Error> {
    Ok(E::of(row.try_get(column)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_it_was_written() {
        for state in [
            ImageState::Received,
            ImageState::Refused,
            ImageState::Sent,
            ImageState::Seen,
        ] {
            assert_eq!(ImageState::of(state.name()), state);
        }
        assert_eq!(AccidentKind::WaterLeak.name(), "WATER_LEAK");
        assert_eq!(ImageRefusal::of(""), ImageRefusal::Unspecified);
        assert!(given("state", ImageState::Unspecified).is_err());
    }
}
