//! What every gRPC server of ours is set to, whichever service it is of.

use contracts::admin::v1::parking_admin_service_server::ParkingAdminServiceServer;
use contracts::admin::v1::set_aside_admin_service_server::SetAsideAdminServiceServer;
use contracts::claim_images::v1::claim_images_service_server::ClaimImagesServiceServer;
use contracts::endorsement::v1::endorsement_service_server::EndorsementServiceServer;
use contracts::feed::v1::feed_service_server::FeedServiceServer;
use contracts::identity::v1::erasure_service_server::ErasureServiceServer;
use contracts::identity::v1::identity_service_server::IdentityServiceServer;
use contracts::identity::v1::keyring_service_server::KeyringServiceServer;
use contracts::identity::v1::signing_key_service_server::SigningKeyServiceServer;
use contracts::phone_verification::v1::phone_verification_service_server::PhoneVerificationServiceServer;
use contracts::views::v1::adjuster_view_service_server::AdjusterViewServiceServer;
use contracts::views::v1::customer_view_service_server::CustomerViewServiceServer;
use contracts::views::v1::views_admin_service_server::ViewsAdminServiceServer;
use tonic::codec::CompressionEncoding;
use tonic_reflection::server::v1::ServerReflectionServer;
use tonic_reflection::server::v1alpha::ServerReflectionServer as OlderServerReflectionServer;

/// A generated gRPC server, as it is served: answers are compressed for callers who take that, and the size of requests is
/// the door's business, which knows what each may hold.
pub trait Served {
    /// The server, set so.
    #[must_use]
    fn served(self) -> Self;
}

macro_rules! served {
    ($($server:ident,)+) => {$(
        impl<T> Served for $server<T> {
            fn served(self) -> Self {
                self.send_compressed(CompressionEncoding::Gzip)
                    .max_decoding_message_size(usize::MAX)
            }
        }
    )+};
}

served! {
    AdjusterViewServiceServer,
    ClaimImagesServiceServer,
    CustomerViewServiceServer,
    EndorsementServiceServer,
    ErasureServiceServer,
    FeedServiceServer,
    IdentityServiceServer,
    KeyringServiceServer,
    OlderServerReflectionServer,
    ParkingAdminServiceServer,
    PhoneVerificationServiceServer,
    ServerReflectionServer,
    SetAsideAdminServiceServer,
    SigningKeyServiceServer,
    ViewsAdminServiceServer,
}
