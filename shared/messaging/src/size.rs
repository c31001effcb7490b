//! How large a message may be, said once: from it follow the largest stored event, the largest payload and what the NATS
//! server has to take.

use async_nats::Client;

/// What a message has beside its payload and its trace: our headers and those of the fence, with room to spare, in bytes.
const HEADERS: usize = 2 * 1024;
/// What a payload may have that its stored event has not: the envelope, and the tags of its fields, in bytes.
const ENVELOPE: usize = 2 * 1024;

/// JSON names every field and writes bytes as text, so what is published of a field is smaller than the field as it is stored.
/// But it may be told twice: a contract's policyholder who is the insured is told as both.
const TOLD_TWICE: usize = 2;

/// The most that can be published of an event of `stored` bytes ([`eventsourcing::stored_bytes`]), in bytes; a property test
/// of every service that publishes holds it to that.
pub const fn largest_payload_of(stored: usize) -> usize {
    (stored + ENVELOPE) * TOLD_TWICE
}

/// The largest message, headers included, in bytes; what NATS calls the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageSize(usize);

/// The NATS server takes less than the largest message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the NATS server takes messages of at most {server} bytes (max_payload), and nats.max_message_bytes is {configured}: raise \
     max_payload in the server's configuration, or lower the setting"
)]
pub struct PayloadLimit {
    /// The server's `max_payload`, in bytes.
    pub server: usize,
    /// The setting, in bytes.
    pub configured: usize,
}

impl MessageSize {
    /// A server's own default, 1 MiB.
    pub const STANDARD: Self = Self(1 << 20);
    /// What a feed's page and its reader's limit leave room for, in bytes.
    const MOST: usize = 4 << 20;
    /// Less leaves no room for what is published today, in bytes.
    const LEAST: usize = 64 << 10;

    /// None outside of 64 KiB to 4 MiB.
    pub const fn of_bytes(bytes: usize) -> Option<Self> {
        if bytes < Self::LEAST || bytes > Self::MOST {
            return None;
        }
        Some(Self(bytes))
    }

    /// In bytes.
    pub const fn bytes(self) -> usize {
        self.0
    }

    /// The largest payload, the trace counted with it, in bytes.
    pub const fn payload(self) -> usize {
        self.0 - HEADERS
    }

    /// The largest event that is stored ([`eventsourcing::stored_bytes`]), in bytes.
    pub const fn stored_event(self) -> usize {
        self.payload() / TOLD_TWICE - ENVELOPE
    }

    /// Compares with what the server says it takes, if it has said so yet.
    ///
    /// # Errors
    /// When that is less.
    pub fn check(self, nats: &Client) -> Result<(), PayloadLimit> {
        let server = nats.server_info().max_payload;
        // Before the first connection there is no word of the server.
        if server == 0 || server >= self.0 {
            return Ok(());
        }
        Err(PayloadLimit {
            server,
            configured: self.0,
        })
    }
}

impl Default for MessageSize {
    fn default() -> Self {
        Self::STANDARD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_leaves_no_room_for_messages_or_pages_is_none() {
        let sizes = [0, 65_535, 65_536, 1 << 20, 4 << 20, (4 << 20) + 1];
        let taken = sizes.map(|bytes| MessageSize::of_bytes(bytes).is_some());
        assert_eq!(taken, [false, false, true, true, true, false]);
    }

    #[test]
    fn the_largest_stored_event_leaves_room_for_envelope_and_headers() {
        let standard = MessageSize::STANDARD;
        assert_eq!(largest_payload_of(standard.stored_event()), standard.payload());
        assert_eq!(standard.bytes() - standard.payload(), HEADERS);
    }
}
