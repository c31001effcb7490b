//! A small typed client: one channel per service, a bearer, and refusals as people read them. Everything the program and
//! the journey ask goes through it.

mod refusal;
mod upload;

use std::collections::BTreeMap;

use contracts::admin::v1::parking_admin_service_client::ParkingAdminServiceClient;
use contracts::claim_images::v1::claim_images_service_client::ClaimImagesServiceClient;
use contracts::endorsement::v1::endorsement_service_client::EndorsementServiceClient;
use contracts::identity::v1::erasure_service_client::ErasureServiceClient;
use contracts::identity::v1::identity_service_client::IdentityServiceClient;
use contracts::identity::v1::keyring_service_client::KeyringServiceClient;
use contracts::names::{CLAIM_IMAGES, ENDORSEMENT, IDENTITY, PHONE_VERIFICATION, VIEWS};
use contracts::phone_verification::v1::phone_verification_service_client::PhoneVerificationServiceClient;
use contracts::views::v1::adjuster_view_service_client::AdjusterViewServiceClient;
use contracts::views::v1::customer_view_service_client::CustomerViewServiceClient;
use contracts::views::v1::views_admin_service_client::ViewsAdminServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

pub use refusal::{Refusal, Violation};
pub use upload::{CHUNK_BYTES, Upload, UploadSource};

/// A channel that sends a bearer along.
pub type Bearing = InterceptedService<Channel, Bearer>;

/// What operators ask about parked messages.
pub type ParkingAdmin = ParkingAdminServiceClient<Bearing>;

/// A service's address is missing or no URL.
#[derive(Debug, thiserror::Error)]
#[error("the address of {service} is missing or wrong: {why}")]
pub struct AddressError {
    /// The service.
    pub service: &'static str,
    /// What is wrong with it.
    pub why: String,
}

/// Channels to all services. They connect when first used.
#[derive(Debug, Clone)]
pub struct Client {
    identity: Channel,
    endorsement: Channel,
    claim_images: Channel,
    phone_verification: Channel,
    views: Channel,
}

impl Client {
    /// From the services' addresses (`127.0.0.1:port`) by name.
    pub fn new(addresses: &BTreeMap<String, String>) -> Result<Self, AddressError> {
        let channel = |service: &'static str| {
            let missing = || AddressError {
                service,
                why: "not in stack.json".to_owned(),
            };
            let url = format!("http://{}", addresses.get(service).ok_or_else(missing)?);
            let endpoint = Endpoint::from_shared(url).map_err(|error| AddressError {
                service,
                why: error.to_string(),
            })?;
            Ok(endpoint.connect_lazy())
        };
        Ok(Self {
            identity: channel(IDENTITY)?,
            endorsement: channel(ENDORSEMENT)?,
            claim_images: channel(CLAIM_IMAGES)?,
            phone_verification: channel(PHONE_VERIFICATION)?,
            views: channel(VIEWS)?,
        })
    }

    /// Registration and login.
    pub fn identity(&self, bearer: &Bearer) -> IdentityServiceClient<Bearing> {
        IdentityServiceClient::with_interceptor(self.identity.clone(), bearer.clone())
    }

    /// Erasure of persons.
    pub fn erasures(&self, bearer: &Bearer) -> ErasureServiceClient<Bearing> {
        ErasureServiceClient::with_interceptor(self.identity.clone(), bearer.clone())
    }

    /// The keyring's master key.
    pub fn keyring(&self, bearer: &Bearer) -> KeyringServiceClient<Bearing> {
        KeyringServiceClient::with_interceptor(self.identity.clone(), bearer.clone())
    }

    /// Contracts.
    pub fn endorsement(&self, bearer: &Bearer) -> EndorsementServiceClient<Bearing> {
        EndorsementServiceClient::with_interceptor(self.endorsement.clone(), bearer.clone())
    }

    /// Accidents and pictures.
    pub fn claim_images(&self, bearer: &Bearer) -> ClaimImagesServiceClient<Bearing> {
        ClaimImagesServiceClient::with_interceptor(self.claim_images.clone(), bearer.clone())
    }

    /// Challenges and calls.
    pub fn phone_verification(&self, bearer: &Bearer) -> PhoneVerificationServiceClient<Bearing> {
        PhoneVerificationServiceClient::with_interceptor(self.phone_verification.clone(), bearer.clone())
    }

    /// What a customer sees.
    pub fn customer_view(&self, bearer: &Bearer) -> CustomerViewServiceClient<Bearing> {
        CustomerViewServiceClient::with_interceptor(self.views.clone(), bearer.clone())
    }

    /// What operators do with the views.
    pub fn views_admin(&self, bearer: &Bearer) -> ViewsAdminServiceClient<Bearing> {
        ViewsAdminServiceClient::with_interceptor(self.views.clone(), bearer.clone())
    }

    /// What a service that listens to others could not apply.
    pub fn parking_admin(
        &self,
        service: &'static str,
        bearer: &Bearer,
    ) -> Result<ParkingAdmin, AddressError> {
        let channel = match service {
            IDENTITY => &self.identity,
            ENDORSEMENT => &self.endorsement,
            PHONE_VERIFICATION => &self.phone_verification,
            CLAIM_IMAGES => &self.claim_images,
            VIEWS => &self.views,
            _ => {
                return Err(AddressError {
                    service,
                    why: "it is no service of ours".to_owned(),
                });
            }
        };
        Ok(ParkingAdminServiceClient::with_interceptor(
            channel.clone(),
            bearer.clone(),
        ))
    }

    /// What an adjuster sees.
    pub fn adjuster_view(&self, bearer: &Bearer) -> AdjusterViewServiceClient<Bearing> {
        AdjusterViewServiceClient::with_interceptor(self.views.clone(), bearer.clone())
    }
}

/// Who we are to the services, and in which language we want to be refused. Prints nothing.
#[derive(Clone)]
pub struct Bearer {
    authorization: Option<MetadataValue<Ascii>>,
    language: Language,
}

/// A language errors are told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Japanese.
    Japanese,
}

impl Bearer {
    /// Nobody.
    pub const fn nobody() -> Self {
        Self {
            authorization: None,
            language: Language::English,
        }
    }

    /// Whoever holds this token or secret. One that cannot be sent is not sent, and the call refused.
    pub fn new(token: &str) -> Self {
        let mut authorization: Option<MetadataValue<Ascii>> = format!("Bearer {token}").parse().ok();
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }
        Self {
            authorization,
            language: Language::English,
        }
    }

    /// The same, to be refused in another language.
    #[must_use]
    pub const fn in_language(mut self, language: Language) -> Self {
        self.language = language;
        self
    }
}

impl std::fmt::Debug for Bearer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Bearer(…)")
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        if let Some(authorization) = &self.authorization {
            request
                .metadata_mut()
                .insert("authorization", authorization.clone());
        }
        let language = match self.language {
            Language::English => MetadataValue::from_static("en"),
            Language::Japanese => MetadataValue::from_static("ja"),
        };
        request.metadata_mut().insert("accept-language", language);
        Ok(request)
    }
}

/// A new request id: the caller's own choice, so that a repeated call has one effect.
pub fn request_id() -> String {
    uuid::Builder::from_random_bytes(rand::random())
        .into_uuid()
        .to_string()
}
