//! The services as they are named to a command, and which of them can be asked.

use clap::ValueEnum;
use contracts::names::{CLAIM_IMAGES, ENDORSEMENT, IDENTITY, PHONE_VERIFICATION, VIEWS};

use super::Context;
use crate::failure::Failure;

/// A service. Each listens to others and has a store or a database of its own.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Service {
    Identity,
    Endorsement,
    PhoneVerification,
    ClaimImages,
    Views,
}

impl Service {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Identity => IDENTITY,
            Self::Endorsement => ENDORSEMENT,
            Self::PhoneVerification => PHONE_VERIFICATION,
            Self::ClaimImages => CLAIM_IMAGES,
            Self::Views => VIEWS,
        }
    }
}

/// The one that was named, or all whose addresses are known; and the names of those that are not asked.
pub(super) fn asked(
    context: &Context,
    named: Option<Service>,
) -> Result<(Vec<Service>, Vec<&'static str>), Failure> {
    let (asked, not_asked): (Vec<_>, Vec<_>) = if let Some(service) = named {
        (vec![service], Vec::new())
    } else {
        let client = context.deployment.client()?;
        let known = |service: &Service| client.reaches(service.name());
        Service::value_variants().iter().copied().partition(known)
    };
    // Without any address the first of them is asked for.
    let needed = asked.first().copied().unwrap_or(Service::Identity);
    context.deployment.client_of(&[needed.name()])?;
    Ok((asked, not_asked.into_iter().map(Service::name).collect()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_service_listens_to_another_and_can_be_asked() {
        let asked: BTreeSet<_> = Service::value_variants()
            .iter()
            .map(|service| service.name())
            .collect();
        assert_eq!(asked, client::SERVICES.into_iter().collect());
    }
}
