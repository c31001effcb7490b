//! The typed client of every RPC that is not between services themselves.

use std::collections::BTreeMap;

use contracts::admin::v1::parking_admin_service_client::ParkingAdminServiceClient;
use contracts::admin::v1::set_aside_admin_service_client::SetAsideAdminServiceClient;
use contracts::claim_images::v1::claim_images_service_client::ClaimImagesServiceClient;
use contracts::endorsement::v1::endorsement_service_client::EndorsementServiceClient;
use contracts::identity::v1::erasure_service_client::ErasureServiceClient;
use contracts::identity::v1::identity_service_client::IdentityServiceClient;
use contracts::identity::v1::keyring_service_client::KeyringServiceClient;
use contracts::identity::v1::signing_key_service_client::SigningKeyServiceClient;
use contracts::names::{CLAIM_IMAGES, ENDORSEMENT, IDENTITY, PHONE_VERIFICATION, VIEWS};
use contracts::phone_verification::v1::phone_verification_service_client::PhoneVerificationServiceClient;
use contracts::views::v1::adjuster_view_service_client::AdjusterViewServiceClient;
use contracts::views::v1::customer_view_service_client::CustomerViewServiceClient;
use contracts::views::v1::views_admin_service_client::ViewsAdminServiceClient;

use crate::address::{Address, AddressError};
use crate::bearer::Bearer;
use crate::connection::{Connection, Target};

/// What operators ask about parked messages.
pub type ParkingAdmin = ParkingAdminServiceClient<Connection>;

/// What operators ask about events that a service could not carry.
pub type SetAsideAdmin = SetAsideAdminServiceClient<Connection>;

/// Channels to services. They connect when first used; a call to a service whose address is not known fails and says so.
#[derive(Debug, Clone, Default)]
pub struct Client {
    targets: BTreeMap<&'static str, Target>,
}

impl Client {
    /// From the services' addresses by name.
    pub fn new(addresses: &BTreeMap<String, String>) -> Result<Self, AddressError> {
        let addresses = addresses
            .iter()
            .map(|(service, address)| Address::parse(service, address));
        Ok(Self::of(addresses.collect::<Result<Vec<_>, _>>()?))
    }

    /// From addresses.
    pub fn of(addresses: impl IntoIterator<Item = Address>) -> Self {
        let targets = addresses
            .into_iter()
            .map(|address| (address.service(), Target::new(address)))
            .collect();
        Self { targets }
    }

    /// Whether the address of a service is known.
    pub fn reaches(&self, service: &str) -> bool {
        self.targets.contains_key(service)
    }

    /// Registration and login.
    pub fn identity(&self, bearer: &Bearer) -> IdentityServiceClient<Connection> {
        IdentityServiceClient::new(self.to(IDENTITY, bearer))
    }

    /// Erasure of persons.
    pub fn erasures(&self, bearer: &Bearer) -> ErasureServiceClient<Connection> {
        ErasureServiceClient::new(self.to(IDENTITY, bearer))
    }

    /// The keyring's master key.
    pub fn keyring(&self, bearer: &Bearer) -> KeyringServiceClient<Connection> {
        KeyringServiceClient::new(self.to(IDENTITY, bearer))
    }

    /// The keys that tokens are signed with.
    pub fn signing_keys(&self, bearer: &Bearer) -> SigningKeyServiceClient<Connection> {
        SigningKeyServiceClient::new(self.to(IDENTITY, bearer))
    }

    /// Contracts.
    pub fn endorsement(&self, bearer: &Bearer) -> EndorsementServiceClient<Connection> {
        EndorsementServiceClient::new(self.to(ENDORSEMENT, bearer))
    }

    /// Accidents and pictures.
    pub fn claim_images(&self, bearer: &Bearer) -> ClaimImagesServiceClient<Connection> {
        ClaimImagesServiceClient::new(self.to(CLAIM_IMAGES, bearer))
    }

    /// Challenges and calls.
    pub fn phone_verification(&self, bearer: &Bearer) -> PhoneVerificationServiceClient<Connection> {
        PhoneVerificationServiceClient::new(self.to(PHONE_VERIFICATION, bearer))
    }

    /// What a customer sees.
    pub fn customer_view(&self, bearer: &Bearer) -> CustomerViewServiceClient<Connection> {
        CustomerViewServiceClient::new(self.to(VIEWS, bearer))
    }

    /// What an adjuster sees.
    pub fn adjuster_view(&self, bearer: &Bearer) -> AdjusterViewServiceClient<Connection> {
        AdjusterViewServiceClient::new(self.to(VIEWS, bearer))
    }

    /// What operators do with the views.
    pub fn views_admin(&self, bearer: &Bearer) -> ViewsAdminServiceClient<Connection> {
        ViewsAdminServiceClient::new(self.to(VIEWS, bearer))
    }

    /// What a service that listens to others could not apply.
    pub fn parking_admin(&self, service: &'static str, bearer: &Bearer) -> ParkingAdmin {
        ParkingAdminServiceClient::new(self.to(service, bearer))
    }

    /// What a service's own followers could not carry.
    pub fn set_aside_admin(&self, service: &'static str, bearer: &Bearer) -> SetAsideAdmin {
        SetAsideAdminServiceClient::new(self.to(service, bearer))
    }

    fn to(&self, service: &'static str, bearer: &Bearer) -> Connection {
        Connection::new(service, self.targets.get(service).cloned(), bearer)
    }
}
