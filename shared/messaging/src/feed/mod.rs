//! `madoguchi.feed.v1`: published events read from their owner's store, the truth behind JetStream.

pub(crate) mod client;
pub(crate) mod server;

/// The reason of `FAILED_PRECONDITION` when the store does not hold the asked event at the asked cursor.
const DIVERGED: &str = "DIVERGED";
/// Items of a page where the caller does not say.
const DEFAULT_PAGE_SIZE: usize = 500;
/// The most items of a page.
const MAX_PAGE_SIZE: usize = 2_000;
/// A page ends early when its payloads pass this, in bytes; well below gRPC's default limit of 4 MiB.
const MAX_PAGE_BYTES: usize = 2 * 1024 * 1024;
