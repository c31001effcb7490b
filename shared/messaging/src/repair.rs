//! Every way in which the transport can differ from the stores, by the name its counter carries. docs/adr/0013 says what
//! each ends in, and which test holds it.

/// What a relay finds when it compares the stream with its checkpoint and its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendRepair {
    /// The stream is gone or empty although events were published: it was deleted, purged or wiped, or aged out.
    StreamEmpty,
    /// Its last message is older than what JetStream had acknowledged: it was rolled back.
    StreamBehind,
    /// Its last message was sent and not noted: the relay before stopped in between.
    StreamAhead,
    /// Its last message is none of the store's: it is of a history that a restore took back.
    StreamUnknown,
    /// Its last message was not signed by a relay of ours.
    StreamForeign,
    /// The store does not hold what the checkpoint names: the store was restored from an older copy.
    StoreRestored,
    /// Somebody else has written to the stream, or it was changed under the relay.
    Fenced,
}

impl SendRepair {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::StreamEmpty => "stream_empty",
            Self::StreamBehind => "stream_behind",
            Self::StreamAhead => "stream_ahead",
            Self::StreamUnknown => "stream_unknown",
            Self::StreamForeign => "stream_foreign",
            Self::StoreRestored => "store_restored",
            Self::Fenced => "fenced",
        }
    }
}

/// What a subscription finds when it compares stream, heartbeats and feed with its cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadRepair {
    /// Messages between its own and the one that came are missing in the stream.
    Gap,
    /// A message, or a heartbeat, follows something older than what was applied.
    Behind,
    /// The stream does not bring what the source is known to have published.
    LostTail,
    /// No heartbeat comes.
    Silence,
    /// The stream cannot be read at all.
    Unreadable,
    /// The stream was rolled back or made anew: the place to go on from is not in it.
    PlaceLost,
    /// The stream holds a message that its source's store does not.
    Orphan,
    /// The stream, or a heartbeat, says what its source did not sign.
    Foreign,
    /// A message is signed with a key that its source does not name (any more).
    UnknownKey,
    /// The source does not hold what was applied.
    Diverged,
}

impl ReadRepair {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Behind => "behind",
            Self::LostTail => "lost_tail",
            Self::Silence => "silence",
            Self::Unreadable => "unreadable",
            Self::PlaceLost => "place_lost",
            Self::Orphan => "orphan",
            Self::Foreign => "foreign",
            Self::UnknownKey => "unknown_key",
            Self::Diverged => "diverged",
        }
    }
}
