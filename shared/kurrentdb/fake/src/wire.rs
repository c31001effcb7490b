//! The messages and services of the wire, generated from `protos/` (see the README there). Only server halves.

macro_rules! generated {
    ($file:literal) => {
        include!(concat!("generated/", $file));
    };
}

#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    reason = "generated; documented by KurrentDB"
)]
pub(crate) mod event_store {
    pub(crate) mod client {
        generated!("event_store.client.rs");
        pub(crate) mod gossip {
            generated!("event_store.client.gossip.rs");
        }
        pub(crate) mod server_features {
            generated!("event_store.client.server_features.rs");
        }
        pub(crate) mod streams {
            generated!("event_store.client.streams.rs");
        }
    }
}

#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "generated; documented by Google"
)]
pub(crate) mod google {
    pub(crate) mod rpc {
        generated!("google.rpc.rs");
    }
}
