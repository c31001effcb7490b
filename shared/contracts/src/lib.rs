//! The published language: messages and services generated from `proto/`, every NATS name, and the table of who may call
//! which RPC. Nothing else crosses the border of a service. Depends on none of our crates.
#![warn(missing_docs)]

pub mod access;
pub mod names;

/// The descriptor set of all our protos, for gRPC reflection and for tests that go through every RPC.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/descriptors.bin");

macro_rules! packages {
    ($($name:ident = $file:literal, $doc:literal;)*) => {
        $(
            #[doc = $doc]
            pub mod $name {
                #[doc = $doc]
                #[allow(
                    missing_docs, unreachable_pub, clippy::all, clippy::pedantic, clippy::allow_attributes_without_reason,
                    reason = "generated; documented in proto/"
                )]
                pub mod v1 {
                    include!(concat!("generated/", $file));
                }
            }
        )*
    };
}

packages! {
    common = "madoguchi.common.v1.rs", "Words that several services share.";
    admin = "madoguchi.admin.v1.rs", "What operators do with a running service.";
    feed = "madoguchi.feed.v1.rs", "Published events read from their owner's store.";
    identity = "madoguchi.identity.v1.rs", "Registration and login.";
    phone_verification = "madoguchi.phone_verification.v1.rs", "The phone call as second factor.";
    endorsement = "madoguchi.endorsement.v1.rs", "Contracts and their changes.";
    claim_images = "madoguchi.claim_images.v1.rs", "Accidents and their pictures.";
    views = "madoguchi.views.v1.rs", "The read models.";
}
