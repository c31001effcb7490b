//! PDF (ISO 32000-2): whether all of it is there. It is kept as a document and not rendered, so nothing else is read.

use super::{MAX_PIXELS, Structure};
use crate::domain::RefusalReason;

pub(super) const BEGINNING: &[u8] = b"%PDF-";
const END: &[u8] = b"%%EOF";
/// How far before the file's end viewers look for the document's end.
const LOOKED_AT: usize = 1024;

/// Looks for the last end mark.
pub(super) fn structure(file: &[u8]) -> Result<Structure, RefusalReason> {
    let from = file.len().saturating_sub(LOOKED_AT);
    let end = file[from..]
        .windows(END.len())
        .rposition(|window| window == END)
        .ok_or(RefusalReason::Truncated)?;
    Ok(Structure {
        stored: None,
        end: from + end + END.len(),
        max_pixels: MAX_PIXELS,
    })
}
