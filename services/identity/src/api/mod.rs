//! gRPC in: one function per RPC. Who may call what was decided at the door (`contracts::access`).

mod describe;
mod erasure;
mod import;
mod keyring;
mod login;
mod parse;
mod register;
mod session;

use async_trait::async_trait;
use contracts::identity::v1::identity_service_server::IdentityService;
use contracts::identity::v1::{
    CompleteLoginRequest, CompleteLoginResponse, DescribeRegistrationRequest, DescribeRegistrationResponse,
    GetAccountRequest, GetAccountResponse, GetKeysRequest, GetKeysResponse, ImportInitialCredentialsRequest,
    ImportInitialCredentialsResponse, LoginRequest, LoginResponse, LogoutRequest, LogoutResponse,
    RefreshRequest, RefreshResponse, RegisterWithInitialCredentialsRequest,
    RegisterWithInitialCredentialsResponse,
};
use eventsourcing::{Repository, Request as Command};
use kernel::Timestamp;
use kernel::clock::Clock as _;
use service::{Context, command_once, refuse};
use tonic::{Request, Response, Status};

pub use erasure::ErasureApi;
pub use keyring::KeyringApi;
pub(crate) use session::key_set;

use crate::credentials::Credentials;
use crate::domain::{Account, Entitlement};
use crate::hashing::HashingPool;
use crate::random;
use crate::refresh_families::RefreshFamilies;
use crate::registrar::Registrar;
use crate::secrets::Secrets;
use crate::sessions::Sessions;
use crate::throttle::Throttle;
use crate::tokens::TokenIssuer;
use crate::waiting::Waiting;

/// Everything the RPCs work with.
#[derive(Clone)]
pub struct Api {
    pub context: Context,
    pub accounts: Repository<Account>,
    pub entitlements: Repository<Entitlement>,
    /// The index secrets are checked by first.
    pub credentials: Credentials,
    /// Counters of failed attempts.
    pub throttle: Throttle,
    pub hashing: HashingPool,
    pub tokens: TokenIssuer,
    pub families: RefreshFamilies,
    /// Ends sessions whose refresh tokens were replayed or have expired.
    pub sessions: Sessions,
    pub registrar: Registrar,
    /// Who waits for a call.
    pub waiting: Waiting,
    pub secrets: Secrets,
}

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl IdentityService for Api {
    async fn describe_registration(
        &self,
        _: Request<DescribeRegistrationRequest>,
    ) -> Answer<DescribeRegistrationResponse> {
        Ok(Response::new(describe::describe(&self.context)))
    }

    async fn register_with_initial_credentials(
        &self,
        request: Request<RegisterWithInitialCredentialsRequest>,
    ) -> Answer<RegisterWithInitialCredentialsResponse> {
        register::register(self, request).await
    }

    async fn login(&self, request: Request<LoginRequest>) -> Answer<LoginResponse> {
        login::login(self, request).await
    }

    async fn complete_login(&self, request: Request<CompleteLoginRequest>) -> Answer<CompleteLoginResponse> {
        login::complete(self, request).await
    }

    async fn refresh(&self, request: Request<RefreshRequest>) -> Answer<RefreshResponse> {
        session::refresh(self, request).await
    }

    async fn logout(&self, request: Request<LogoutRequest>) -> Answer<LogoutResponse> {
        session::logout(self, request).await
    }

    async fn get_account(&self, request: Request<GetAccountRequest>) -> Answer<GetAccountResponse> {
        session::account(self, request).await
    }

    async fn get_keys(&self, _: Request<GetKeysRequest>) -> Answer<GetKeysResponse> {
        session::keys(self)
    }

    async fn import_initial_credentials(
        &self,
        request: Request<ImportInitialCredentialsRequest>,
    ) -> Answer<ImportInitialCredentialsResponse> {
        import::import(self, request).await
    }
}

impl Api {
    fn now(&self) -> Timestamp {
        self.context.clock.now()
    }

    /// The envelope of a call that is not retried by a request id because its answer holds secrets: each is a new one
    /// (ID-16).
    fn once<T>(&self, request: &Request<T>) -> Result<Command, Status> {
        command_once(&self.context, request, random::id()).map_err(refuse)
    }
}

/// The network address a call came from, for counting failed attempts; empty if unknown. Headers that a client can
/// write are not believed.
fn source<T>(request: &Request<T>) -> String {
    request
        .remote_addr()
        .map(|address| address.ip().to_string())
        .unwrap_or_default()
}
