//! The rows a batch makes, and the statements that write them: one per table, whatever the batch holds.

pub(super) mod claim_images;
pub(super) mod endorsement;
pub(super) mod identity;
