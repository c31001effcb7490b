//! gRPC in: one function per RPC. Who may call what was decided at the door (`contracts::access`).

mod describe;
mod erasure;
mod import;
mod keyring;
mod login;
mod parse;
mod register;
mod session;
mod signing_keys;

use async_trait::async_trait;
use contracts::identity::v1::identity_service_server::IdentityService;
use contracts::identity::v1::{
    CompleteLoginRequest, CompleteLoginResponse, DescribeRegistrationRequest, DescribeRegistrationResponse,
    GetAccountRequest, GetAccountResponse, GetKeysRequest, GetKeysResponse, ImportInitialCredentialsRequest,
    ImportInitialCredentialsResponse, LoginRequest, LoginResponse, LogoutRequest, LogoutResponse,
    RefreshRequest, RefreshResponse, RegisterWithInitialCredentialsRequest,
    RegisterWithInitialCredentialsResponse,
};
use eventsourcing::{ExecuteError, Executed, Repository, Request as Command};
use kernel::clock::Clock as _;
use kernel::{AccountId, Timestamp};
use service::{Context, command_once, refuse};
use tonic::{Request, Response, Status};

pub use erasure::ErasureApi;
pub use keyring::KeyringApi;
pub(crate) use session::key_set;
pub use signing_keys::SigningKeyApi;

use crate::credentials::Credentials;
use crate::domain::{Account, AccountCommand, AccountRejection, Entitlement};
use crate::gates::Gates;
use crate::hashing::HashingPool;
use crate::known_addresses::KnownAddresses;
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
    /// Addresses that accounts' logins were completed from.
    pub addresses: KnownAddresses,
    /// Changes of one account wait for each other here, rather than undo each other in the store.
    pub turns: Gates,
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

/// How often a change is tried again that lost against other replicas all the time.
const CONTENDED_ROUNDS: usize = 4;

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

    /// Executes a command on an account. Those who come at once wait for each other here; what another replica writes in
    /// between is tried against again.
    async fn change(
        &self,
        account: AccountId,
        request: &Command,
        command: AccountCommand,
    ) -> Result<Executed<Account>, ExecuteError<AccountRejection>> {
        let _turn = self.turns.turn(account.as_uuid()).await;
        for _ in 0..CONTENDED_ROUNDS {
            match self.accounts.execute(account, request, command.clone()).await {
                Err(ExecuteError::Contended) => {}
                done => return done,
            }
        }
        self.accounts.execute(account, request, command).await
    }
}
