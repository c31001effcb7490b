//! From integration events to rows: what each source's events do to the model. A section is written where its version is
//! newer, so what comes twice, or from a rebuild, changes nothing.

mod batch;
mod claim_images;
mod decrypt;
mod endorsement;
mod erasure;
mod identity;
mod message;
mod phone_verification;
mod projector;
mod rounds;

use std::sync::Arc;

use contracts::names;
use messaging::Handler;
use privacy::Keyring;

use batch::Source;
use claim_images::ClaimImages;
use endorsement::Endorsement;
use identity::Identity;
use phone_verification::PhoneVerification;
use projector::Projector;

/// Applies `source`'s events to the tables of `schema`.
pub(crate) fn projector(source: &'static str, keyring: Keyring, schema: &'static str) -> Arc<dyn Handler> {
    match source {
        names::ENDORSEMENT => of::<Endorsement>(keyring, schema),
        names::CLAIM_IMAGES => of::<ClaimImages>(keyring, schema),
        names::IDENTITY => of::<Identity>(keyring, schema),
        _ => of::<PhoneVerification>(keyring, schema),
    }
}

fn of<S: Source>(keyring: Keyring, schema: &'static str) -> Arc<dyn Handler> {
    Arc::new(Projector::<S>::new(keyring, schema))
}
