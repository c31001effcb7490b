//! Request ids are the caller's own choice, so that a repeated call has one effect.

/// A new request id (UUID).
pub fn request_id() -> String {
    uuid::Builder::from_random_bytes(rand::random())
        .into_uuid()
        .to_string()
}
