//! Pictures: what their derivatives cost beside libvips, and how long an upload and a gallery page take. Of ours the whole
//! child is counted, its start and its reading included; of libvips the calls alone.

mod derivatives;
mod uploads;
mod vips;

use std::path::Path;

use crate::extent::Extent;
use crate::failure::Failure;
use crate::report::Report;

/// Programs, and the Python that has libvips.
pub(crate) async fn measure(
    extent: Extent,
    programs: &Path,
    python: &Path,
    report: &mut Report,
) -> Result<(), Failure> {
    derivatives::measure(extent, programs, python, report).await?;
    uploads::measure(extent, programs, report).await
}
