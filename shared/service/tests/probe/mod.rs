//! A service made of nothing but the runtime: it answers RPCs of the real access table with an empty message, or does
//! what the call's metadata ask for. Shared by the tests of this crate.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "shared by several test binaries, none uses all of it; a test fails by panicking"
)]

use std::{
    collections::{BTreeSet, HashMap},
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, atomic::AtomicBool, atomic::Ordering},
    task::Poll,
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use decider::{Problem, ProblemKind};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey};
use futures::future::BoxFuture;
use jsonwebtoken::{EncodingKey, jwk::JwkSet};
use kernel::{
    clock::Timestamp,
    ids::{AccountId, LoginId, SessionId, SubjectId},
};
use service::{
    Context, Served, Service, StartError, Wiring, caller,
    tokens::{self, AccessClaims, Audience, KeySource, KeySourceError, LoginClaims, StaffClaims},
};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use tonic::{
    Request, Response, Status, body::Body, metadata::MetadataMap, server::NamedService, transport::Channel,
};
use tonic_prost::ProstCodec;
use uuid::Uuid;

/// A Monday noon in Japan, far from the maintenance window.
pub(crate) const NOON: &str = "2026-11-16T12:00:00+09:00";
pub(crate) const PEER_SECRET: &str = "a-secret-of-the-carrier";
pub(crate) const STAFF_ISSUER: &str = "https://login.insurer.example";
pub(crate) const STAFF_AUDIENCE: &str = "madoguchi-staff";

pub(crate) const OPEN_CHALLENGE: &str =
    "/madoguchi.phone_verification.v1.PhoneVerificationService/OpenChallenge";
pub(crate) const REPORT_CALL: &str = "/madoguchi.phone_verification.v1.PhoneVerificationService/ReportCall";
pub(crate) const LIST_CONTRACTS: &str = "/madoguchi.views.v1.CustomerViewService/ListContracts";
pub(crate) const LIST_QUEUE: &str = "/madoguchi.views.v1.AdjusterViewService/ListQueue";
pub(crate) const WRITE_UPLOAD: &str = "/madoguchi.claim_images.v1.ClaimImagesService/WriteUpload";
pub(crate) const NOT_IN_TABLE: &str = "/madoguchi.views.v1.AdjusterViewService/Undeclared";

pub(crate) fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What a test shares with the service it started.
#[derive(Default)]
pub(crate) struct Shared {
    /// A call that was asked to wait has arrived.
    pub(crate) arrived: Notify,
    /// It may go on.
    pub(crate) go_on: Notify,
    /// Reactions and deadlines seen.
    pub(crate) seen: Mutex<Vec<String>>,
    /// What a reaction must fail on.
    pub(crate) poison: Mutex<Option<String>>,
    /// What a reaction must fail on for now.
    pub(crate) away: Mutex<Option<String>>,
    /// What a deadline is due at.
    pub(crate) due: Mutex<Vec<Timestamp>>,
    /// `traceparent()` inside the last handler.
    pub(crate) traceparent: Mutex<Option<String>>,
    /// What a test answers itself where the call asks for it (`x-do: own`).
    pub(crate) own: OnceLock<Handler>,
    /// The parts of the service started last.
    pub(crate) context: Mutex<Option<Context>>,
    /// Identity does not answer.
    pub(crate) keys_away: AtomicBool,
}

/// A handler with the service's parts in hand.
pub(crate) type Handler =
    Box<dyn Fn(Context, Request<()>) -> BoxFuture<'static, Result<(), Status>> + Send + Sync>;

fn registry() -> &'static Mutex<HashMap<String, Arc<Shared>>> {
    static REGISTRY: OnceLock<Mutex<HashMap<String, Arc<Shared>>>> = OnceLock::new();
    REGISTRY.get_or_init(Mutex::default)
}

service::configuration! {
    /// The probe's own settings.
    pub(crate) struct Config {
        /// Which test it belongs to.
        pub(crate) test: String,
        /// A number, to be wrong with.
        pub(crate) number: u16 = 1,
    }
}

pub(crate) struct Probe;

impl Service for Probe {
    const NAME: &'static str = "probe";
    const MESSAGES: &'static str =
        "[PROBE_FULL]\nja = \"上限{max}に達しました。\"\nen = \"The limit of {max} is reached.\"";
    type Config = Config;

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        Vec::new()
    }

    async fn start(config: Config, context: Context, wiring: &mut Wiring) -> Result<(), StartError> {
        let shared = shared(&config.test);
        context.tokens.use_local_keys(Arc::new(TestKeys(shared.clone())));
        *shared.context.lock().unwrap() = Some(context);
        wiring
            .grpc(Answers::<PhoneVerification>::new(&shared))
            .grpc(Answers::<CustomerView>::new(&shared))
            .grpc(Answers::<AdjusterView>::new(&shared))
            .grpc(Answers::<ClaimImages>::new(&shared))
            .grpc(Answers::<Identity>::new(&shared))
            .grpc(Answers::<Erasures>::new(&shared))
            .grpc(Answers::<Keyring>::new(&shared))
            .grpc(Answers::<SigningKeys>::new(&shared))
            .grpc(Answers::<Endorsement>::new(&shared))
            .grpc(Answers::<ViewsAdmin>::new(&shared))
            .grpc(Answers::<ParkingAdmin>::new(&shared));
        let seen = shared.clone();
        wiring.own_reaction("probe", move |event| {
            let seen = seen.clone();
            async move {
                let stream = event.stream.to_string();
                if seen.poison.lock().unwrap().as_ref() == Some(&stream) {
                    return Err(service::ReactionError::content("this type is not known"));
                }
                if seen.away.lock().unwrap().as_ref() == Some(&stream) {
                    return Err(service::ReactionError::transient("what it needs is away"));
                }
                seen.seen
                    .lock()
                    .unwrap()
                    .push(format!("{}@{}", event.event_type, event.revision));
                Ok(())
            }
        });
        wiring.deadlines("probe", move |now| {
            let shared = shared.clone();
            async move {
                let mut due = shared.due.lock().unwrap();
                let before = due.len();
                due.retain(|at| *at > now);
                let handled = before - due.len();
                shared
                    .seen
                    .lock()
                    .unwrap()
                    .extend((0..handled).map(|_| format!("due by {now}")));
                Ok(handled)
            }
        });
        Ok(())
    }
}

/// The services of the access table, by the names that gRPC routes by.
macro_rules! named {
    ($($service:ident = $name:literal,)+) => {$(
        pub(crate) struct $service;

        impl NamedService for Answers<$service> {
            const NAME: &'static str = $name;
        }
    )+};
}

named! {
    PhoneVerification = "madoguchi.phone_verification.v1.PhoneVerificationService",
    CustomerView = "madoguchi.views.v1.CustomerViewService",
    AdjusterView = "madoguchi.views.v1.AdjusterViewService",
    ClaimImages = "madoguchi.claim_images.v1.ClaimImagesService",
    Identity = "madoguchi.identity.v1.IdentityService",
    Erasures = "madoguchi.identity.v1.ErasureService",
    Keyring = "madoguchi.identity.v1.KeyringService",
    SigningKeys = "madoguchi.identity.v1.SigningKeyService",
    Endorsement = "madoguchi.endorsement.v1.EndorsementService",
    ViewsAdmin = "madoguchi.views.v1.ViewsAdminService",
    ParkingAdmin = "madoguchi.admin.v1.ParkingAdminService",
}

/// A gRPC service of any name and any methods.
pub(crate) struct Answers<S> {
    shared: Arc<Shared>,
    name: std::marker::PhantomData<fn() -> S>,
}

impl<S> Answers<S> {
    fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: shared.clone(),
            name: std::marker::PhantomData,
        }
    }
}

impl<S> Clone for Answers<S> {
    fn clone(&self) -> Self {
        Self::new(&self.shared)
    }
}

impl<S> Served for Answers<S> {
    fn served(self) -> Self {
        self
    }
}

impl<S: 'static> tower::Service<http::Request<Body>> for Answers<S> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let shared = self.shared.clone();
        Box::pin(async move {
            let handler = tower::service_fn(move |request| answer(shared.clone(), request));
            let codec = ProstCodec::<(), ()>::default();
            Ok(tonic::server::Grpc::new(codec).unary(handler, request).await)
        })
    }
}

async fn answer(shared: Arc<Shared>, request: Request<()>) -> Result<Response<()>, Status> {
    *shared.traceparent.lock().unwrap() = service::traceparent();
    let wanted = request
        .metadata()
        .get("x-do")
        .map(|value| value.to_str().unwrap().to_owned());
    match wanted.as_deref() {
        Some("wait") => {
            shared.arrived.notify_one();
            shared.go_on.notified().await;
        }
        Some("hang") => std::future::pending().await,
        Some("refuse") => {
            let problem = Problem::new(ProblemKind::FailedPrecondition, "PROBE_FULL").with("max", "8");
            return Err(service::status(problem.field("name", "REQUEST_ID_REQUIRED")));
        }
        Some("own") => {
            let context = shared.context.lock().unwrap().clone().unwrap();
            let own = shared.own.get().unwrap();
            return own(context, request).await.map(Response::new);
        }
        Some("break") => {
            return Err(service::refuse(sqlx::Error::ColumnNotFound(
                "a secret inside".to_owned(),
            )));
        }
        _ => {}
    }
    let mut response = Response::new(());
    response
        .metadata_mut()
        .insert("x-caller", caller(&request).kind().parse().unwrap());
    Ok(response)
}

/// One call with metadata; the answer's `x-caller`.
pub(crate) async fn call(
    channel: &Channel,
    rpc: &str,
    metadata: &[(&'static str, &str)],
) -> Result<String, Status> {
    let mut request = Request::new(());
    for (key, value) in metadata {
        request.metadata_mut().insert(*key, value.parse().unwrap());
    }
    call_with(channel, rpc, request).await
}

pub(crate) async fn call_with(channel: &Channel, rpc: &str, request: Request<()>) -> Result<String, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client
        .ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let path = http::uri::PathAndQuery::try_from(rpc).unwrap();
    let response = client
        .unary(request, path, ProstCodec::<(), ()>::default())
        .await?;
    Ok(metadata_text(response.metadata(), "x-caller"))
}

fn metadata_text(metadata: &MetadataMap, key: &str) -> String {
    metadata
        .get(key)
        .map(|value| value.to_str().unwrap().to_owned())
        .unwrap_or_default()
}

/// `authorization` for a bearer.
pub(crate) fn bearer(text: &str) -> String {
    format!("Bearer {text}")
}

// Keys: number 1 is identity's, 2 the staff issuer's, others are strangers'.

pub(crate) fn signing_key(number: u8) -> EncodingKey {
    let document = SigningKey::from_bytes(&[number; 32]).to_pkcs8_der().unwrap();
    EncodingKey::from_ed_der(document.as_bytes())
}

pub(crate) fn key_set(number: u8) -> JwkSet {
    let public = SigningKey::from_bytes(&[number; 32]).verifying_key();
    let x = URL_SAFE_NO_PAD.encode(public.as_bytes());
    let jwk = serde_json::json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": format!("key-{number}"), "use": "sig"});
    serde_json::from_value(serde_json::json!({ "keys": [jwk] })).unwrap()
}

/// Identity's keys.
pub(crate) struct TestKeys(Arc<Shared>);

#[async_trait]
impl KeySource for TestKeys {
    async fn keys(&self) -> Result<JwkSet, KeySourceError> {
        if self.0.keys_away.load(Ordering::SeqCst) {
            return Err(KeySourceError("identity is away".into()));
        }
        Ok(key_set(1))
    }
}

pub(crate) fn access_claims(now: Timestamp) -> AccessClaims {
    AccessClaims {
        iss: tokens::CUSTOMER_ISSUER.to_owned(),
        aud: tokens::ACCESS_AUDIENCE.to_owned(),
        sub: AccountId::from_uuid(Uuid::from_u128(1)),
        sid: SessionId::from_uuid(Uuid::from_u128(2)),
        subjects: BTreeSet::from([SubjectId::from_uuid(Uuid::from_u128(3))]),
        amr: vec!["pwd".to_owned(), "tel".to_owned()],
        iat: now.as_second(),
        exp: now.as_second() + 600,
    }
}

pub(crate) fn access_token(now: Timestamp) -> String {
    tokens::issue_access("key-1", &signing_key(1), &access_claims(now)).unwrap()
}

pub(crate) fn login_token(now: Timestamp) -> String {
    let claims = LoginClaims {
        iss: tokens::CUSTOMER_ISSUER.to_owned(),
        aud: tokens::LOGIN_AUDIENCE.to_owned(),
        sub: AccountId::from_uuid(Uuid::from_u128(1)),
        login: LoginId::from_uuid(Uuid::from_u128(4)),
        subjects: BTreeSet::new(),
        iat: now.as_second(),
        exp: now.as_second() + 600,
    };
    tokens::issue_login("key-1", &signing_key(1), &claims).unwrap()
}

pub(crate) fn staff_token(now: Timestamp, issuer: &str, roles: &[&str]) -> String {
    let claims = StaffClaims {
        iss: issuer.to_owned(),
        aud: Audience::One(STAFF_AUDIENCE.to_owned()),
        sub: "staff-17".to_owned(),
        roles: roles.iter().map(|&role| role.to_owned()).collect(),
        iat: now.as_second(),
        nbf: None,
        exp: now.as_second() + 600,
    };
    tokens::issue_staff("key-2", &signing_key(2), &claims).unwrap()
}

/// The shared state of a test by its name.
pub(crate) fn shared(test: &str) -> Arc<Shared> {
    registry()
        .lock()
        .unwrap()
        .entry(test.to_owned())
        .or_default()
        .clone()
}

/// Databases and settings of one probe. Dropped after the probe.
pub(crate) struct Home {
    pub(crate) database: testkit::TestDatabase,
    pub(crate) keyring: testkit::TestDatabase,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) test: String,
}

impl Home {
    pub(crate) async fn new() -> Self {
        let database = testkit::database().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let keys = serde_json::to_string(&key_set(2)).unwrap();
        std::fs::write(folder.path().join("staff.json"), keys).unwrap();
        let test = database.name.clone();
        Self {
            database,
            keyring: testkit::database().await.unwrap(),
            folder,
            test,
        }
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        registry()
            .lock()
            .unwrap()
            .entry(self.test.clone())
            .or_default()
            .clone()
    }

    /// `grpc` is added to that section.
    pub(crate) fn toml(&self, grpc: &str) -> String {
        format!(
            r#"address_file = "{folder}/address"
[grpc]
listen = "127.0.0.1:0"
{grpc}
[database]
url = "{database}"
[keyring]
url = "{keyring}"
master_key = "{key}"
[secrets]
pepper = "{key}"
[peers.accept]
carrier = "{carrier}"
[tokens]
staff_issuer = "{STAFF_ISSUER}"
staff_audience = "{STAFF_AUDIENCE}"
staff_jwks_file = "{folder}/staff.json"
[service]
test = "{test}"
"#,
            folder = self.folder.path().display(),
            database = self.database.url,
            keyring = self.keyring.url,
            key = "0f".repeat(32),
            carrier = hex::encode(Sha256::digest(PEER_SECRET)),
            test = self.test,
        )
    }
}

pub(crate) async fn connect(address: std::net::SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

/// For waits that must end.
pub(crate) const SOON: Duration = Duration::from_secs(20);
