//! What one upload may be.

/// Most bytes of one file: 32 MiB, as the proto says.
pub const MAX_FILE_BYTES: u64 = 32 * 1024 * 1024;
/// Most bytes of one chunk: 1 MiB, as the proto says.
pub const MAX_CHUNK_BYTES: usize = 1024 * 1024;
/// What a chunk should be: 64 KiB.
pub const CHUNK_BYTES: u32 = 64 * 1024;
/// Received bytes are synced to disk at least this often: every MiB.
pub const SEGMENT_BYTES: usize = 1024 * 1024;
