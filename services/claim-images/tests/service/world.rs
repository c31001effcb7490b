//! One service with its databases, folders, NATS prefix, clock and callers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use claim_images::{ClaimImages, Config};
use contracts::claim_images::v1 as proto;
use contracts::claim_images::v1::claim_images_service_client::ClaimImagesServiceClient;
use jsonwebtoken::jwk::JwkSet;
use kernel::clock::{Clock as _, ManualClock};
use kernel::ids::{AccidentId, SubjectId};
use kernel::policy::{ClaimNumber, CustomerNumber};
use service::tokens::{KeySource, KeySourceError};
use service::{Context, Overrides, Running, Service, StartError, Wiring, start_in_process};
use sha2::{Digest as _, Sha256};
use testkit::customer_issuer::CustomerIssuer;
use testkit::staff_issuer::{STAFF_ISSUER, StaffIssuer};
use testkit::{TestDatabase, TestNats};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::standin::{SECRET, StandIn};

/// For waits that must end.
pub(crate) const SOON: Duration = Duration::from_secs(20);
pub(crate) const CHUNK: usize = 64 * 1024;
pub(crate) const VIEWS_SECRET: &str = "a-secret-of-the-views";
pub(crate) const MASTER_KEY: &str = "0f0e0d0c0b0a09080706050403020100000102030405060708090a0b0c0d0e0f";
/// Where identity is until it can be heard.
const NOWHERE: &str = "http://127.0.0.1:1";
const PEPPER: &str = "101112131415161718191a1b1c1d1e1f101112131415161718191a1b1c1d1e1f";

/// The service under test; identity's public key is handed to it instead of being fetched.
struct Tested;

impl Service for Tested {
    const NAME: &'static str = ClaimImages::NAME;
    const MESSAGES: &'static str = ClaimImages::MESSAGES;
    const LISTENS_TO: &'static [&'static str] = ClaimImages::LISTENS_TO;
    type Config = Config;

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        ClaimImages::migrations()
    }

    fn publish() -> Option<messaging::Publish> {
        ClaimImages::publish()
    }

    async fn start(config: Config, context: Context, wiring: &mut Wiring) -> Result<(), StartError> {
        context.tokens.use_local_keys(Arc::new(IdentityKey));
        ClaimImages::start(config, context, wiring).await
    }
}

struct IdentityKey;

fn identity() -> CustomerIssuer {
    CustomerIssuer::from_seed(1)
}

#[async_trait]
impl KeySource for IdentityKey {
    async fn keys(&self) -> Result<JwkSet, KeySourceError> {
        Ok(serde_json::from_str(&identity().jwks()).unwrap())
    }
}

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) database: TestDatabase,
    pub(crate) keyring: TestDatabase,
    pub(crate) nats: TestNats,
    staff: StaffIssuer,
    folder: tempfile::TempDir,
    settings: String,
    running: Option<Running>,
    channel: Channel,
    identity: Option<StandIn>,
}

/// Who calls.
#[derive(Clone, Copy)]
pub(crate) enum As {
    /// The policyholder with this customer number.
    Holder(&'static str),
    Adjuster,
    Administrator,
    CallCentre,
}

/// The customer whose accidents the tests use.
pub(crate) const HOLDER: As = As::Holder("C0001");
pub(crate) const STRANGER: As = As::Holder("C0002");

impl World {
    /// A Monday morning in Japan, with one open accident of [`HOLDER`]'s and one of [`STRANGER`]'s.
    pub(crate) async fn new() -> Self {
        let program = env!("CARGO_BIN_EXE_madoguchi-claim-images");
        Self::with(&format!("decoder_program = \"{program}\"")).await
    }

    /// The same with other settings of the service's own.
    pub(crate) async fn with(settings: &str) -> Self {
        let clock = ManualClock::new("2026-11-16T10:00:00+09:00".parse().unwrap());
        let staff = StaffIssuer::generate();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("staff.json"), staff.jwks()).unwrap();
        let mut world = Self {
            clock,
            database: testkit::database().await.unwrap(),
            keyring: testkit::database().await.unwrap(),
            nats: testkit::nats().await.unwrap(),
            staff,
            folder,
            settings: settings.to_owned(),
            running: None,
            channel: Channel::from_static("http://127.0.0.1:1").connect_lazy(),
            identity: None,
        };
        world.start().await;
        let rows = vec![row("K26000001", "C0001"), row("K26000002", "C0002")];
        assert!(
            world
                .import(rows)
                .await
                .iter()
                .all(|result| result.problems.is_empty())
        );
        world
    }

    async fn start(&mut self) {
        let clock = Arc::new(self.clock.clone());
        let overrides = Overrides { clock: Some(clock) };
        let running = start_in_process::<Tested>(&self.toml(), overrides).await.unwrap();
        self.channel = Channel::from_shared(running.url())
            .unwrap()
            .connect()
            .await
            .unwrap();
        self.running = Some(running);
    }

    /// Identity can be heard from now on.
    pub(crate) async fn with_identity(&mut self) {
        self.identity = Some(StandIn::start(&self.nats, ClaimImages::NAME).await);
        self.kill_and_restart().await;
    }

    /// Identity tells that the subject's key was destroyed, and it is.
    pub(crate) async fn erase(&self, subject: kernel::SubjectId) {
        let master = privacy::MasterKey::from_hex(MASTER_KEY).unwrap();
        let elsewhere = privacy::Keyring::new(self.keyring.pool.clone(), master);
        elsewhere.destroy(subject).await.unwrap();
        self.identity.as_ref().unwrap().tell_erased(subject).await;
    }

    /// Drops every task where it stands, then starts again on the same databases and folders.
    pub(crate) async fn kill_and_restart(&mut self) {
        self.running.take().unwrap().abandon();
        self.start().await;
    }

    /// Stops in order, as a deployment does.
    pub(crate) async fn stop(&mut self) {
        self.running.take().unwrap().stop().await.unwrap();
    }

    fn toml(&self) -> String {
        format!(
            r#"[grpc]
listen = "127.0.0.1:0"
[database]
url = "{}"
[keyring]
url = "{}"
master_key = "{MASTER_KEY}"
[secrets]
pepper = "{PEPPER}"
[nats]
url = "{}"
prefix = "{}"
[feeds]
identity = "{}"
[peers]
own_secret = "{SECRET}"
[peers.accept]
views = "{}"
[tokens]
staff_issuer = "{STAFF_ISSUER}"
staff_jwks_file = "{}/staff.json"
[service]
spool_folder = "{}"
originals_folder = "{}"
{}
"#,
            self.database.url,
            self.keyring.url,
            self.nats.url,
            self.nats.prefix,
            self.identity.as_ref().map_or(NOWHERE.to_owned(), StandIn::url),
            hex::encode(Sha256::digest(VIEWS_SECRET)),
            self.folder.path().display(),
            self.spool().display(),
            self.originals().display(),
            self.settings,
        )
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.folder.path().join("spool")
    }

    pub(crate) fn originals(&self) -> PathBuf {
        self.folder.path().join("originals")
    }

    pub(crate) fn client(&self) -> ClaimImagesServiceClient<Channel> {
        ClaimImagesServiceClient::new(self.channel.clone())
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A call of `caller`, in English.
    pub(crate) fn call<T>(&self, caller: As, message: T) -> Request<T> {
        let bearer = match caller {
            As::Holder(customer) => self.access_token(customer),
            As::Adjuster => self.staff_token("adjuster"),
            As::Administrator => self.staff_token("administrator"),
            As::CallCentre => self.staff_token("call_centre"),
        };
        let mut request = Request::new(message);
        request
            .metadata_mut()
            .insert("authorization", format!("Bearer {bearer}").parse().unwrap());
        request
            .metadata_mut()
            .insert("accept-language", "en".parse().unwrap());
        request
    }

    fn staff_token(&self, role: &str) -> String {
        self.staff
            .token("staff-7", &[role], self.clock.now().as_second(), 600)
            .unwrap()
    }

    fn access_token(&self, customer: &str) -> String {
        let account = Uuid::new_v5(&Uuid::NAMESPACE_OID, customer.as_bytes());
        let now = self.clock.now().as_second();
        identity()
            .access_token(account, &[subject(customer)], &["pwd", "tel"], now)
            .unwrap()
    }

    pub(crate) async fn import(
        &self,
        rows: Vec<proto::AccidentRow>,
    ) -> Vec<contracts::common::v1::ImportRowResult> {
        let request = proto::ImportAccidentsRequest {
            request_id: new_request_id(),
            rows,
        };
        let answer = self
            .client()
            .import_accidents(self.call(As::Administrator, request))
            .await;
        answer.unwrap().into_inner().results
    }

    pub(crate) async fn start_upload(
        &self,
        caller: As,
        request: proto::StartUploadRequest,
    ) -> Result<proto::StartUploadResponse, Status> {
        Ok(self
            .client()
            .start_upload(self.call(caller, request))
            .await?
            .into_inner())
    }

    /// Starts an upload of this size into [`HOLDER`]'s accident.
    pub(crate) async fn started(&self, size_bytes: usize) -> String {
        let request = new_upload(&accident_id("K26000001"), size_bytes);
        self.start_upload(HOLDER, request).await.unwrap().upload_id
    }

    pub(crate) async fn write(
        &self,
        caller: As,
        chunks: Vec<proto::WriteUploadRequest>,
    ) -> Result<u64, Status> {
        let request = self.call(caller, tokio_stream::iter(chunks));
        Ok(self
            .client()
            .write_upload(request)
            .await?
            .into_inner()
            .persisted_size_bytes)
    }

    pub(crate) async fn query(
        &self,
        caller: As,
        upload_id: &str,
    ) -> Result<proto::QueryUploadResponse, Status> {
        let request = proto::QueryUploadRequest {
            upload_id: upload_id.to_owned(),
        };
        Ok(self
            .client()
            .query_upload(self.call(caller, request))
            .await?
            .into_inner())
    }

    pub(crate) async fn finish(
        &self,
        caller: As,
        request: proto::FinishUploadRequest,
    ) -> Result<proto::FinishUploadResponse, Status> {
        Ok(self
            .client()
            .finish_upload(self.call(caller, request))
            .await?
            .into_inner())
    }

    /// Hands a file in as [`HOLDER`], from start to finish.
    pub(crate) async fn hand_in(&self, file: &[u8]) -> proto::Image {
        let upload_id = self.started(file.len()).await;
        let persisted = self.write(HOLDER, chunks(&upload_id, file, 0)).await.unwrap();
        assert_eq!(persisted, file.len() as u64);
        self.finish(HOLDER, finishing(&upload_id, file))
            .await
            .unwrap()
            .image
            .unwrap()
    }

    pub(crate) async fn send(
        &self,
        caller: As,
        request: proto::SendSubmissionRequest,
    ) -> Result<proto::SendSubmissionResponse, Status> {
        Ok(self
            .client()
            .send_submission(self.call(caller, request))
            .await?
            .into_inner())
    }

    pub(crate) async fn mark_seen(
        &self,
        caller: As,
        submission_id: &str,
    ) -> Result<proto::MarkSubmissionSeenResponse, Status> {
        let request = proto::MarkSubmissionSeenRequest {
            request_id: new_request_id(),
            accident_id: accident_id("K26000001"),
            submission_id: submission_id.to_owned(),
        };
        Ok(self
            .client()
            .mark_submission_seen(self.call(caller, request))
            .await?
            .into_inner())
    }

    pub(crate) async fn thumbnail(
        &self,
        caller: As,
        image: &proto::Image,
    ) -> Result<proto::GetThumbnailResponse, Status> {
        let request = proto::GetThumbnailRequest {
            accident_id: image.accident_id.clone(),
            image_id: image.image_id.clone(),
        };
        Ok(self
            .client()
            .get_thumbnail(self.call(caller, request))
            .await?
            .into_inner())
    }

    /// Head and bytes.
    pub(crate) async fn download(
        &self,
        caller: As,
        image: &proto::Image,
    ) -> Result<(proto::OriginalHead, Vec<u8>), Status> {
        let request = proto::DownloadOriginalRequest {
            accident_id: image.accident_id.clone(),
            image_id: image.image_id.clone(),
        };
        let mut stream = self
            .client()
            .download_original(self.call(caller, request))
            .await?
            .into_inner();
        let (mut head, mut bytes) = (None, Vec::new());
        while let Some(message) = stream.message().await? {
            assert!(message.data.len() <= CHUNK);
            head = head.or(message.head);
            bytes.extend(message.data);
        }
        Ok((head.unwrap(), bytes))
    }

    /// The types of all stored events, in order.
    pub(crate) async fn event_types(&self) -> Vec<String> {
        sqlx::query_scalar("SELECT type FROM store.event ORDER BY position")
            .fetch_all(&self.database.pool)
            .await
            .unwrap()
    }
}

/// An id of its own for each request.
pub(crate) fn new_request_id() -> String {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    Uuid::new_v5(&Uuid::NAMESPACE_OID, &number.to_be_bytes()).to_string()
}

pub(crate) fn subject(customer: &str) -> SubjectId {
    SubjectId::of_customer(&CustomerNumber::parse(customer).unwrap())
}

pub(crate) fn accident_id(claim: &str) -> String {
    AccidentId::of_claim(&ClaimNumber::parse(claim).unwrap()).to_string()
}

pub(crate) fn row(claim: &str, customer: &str) -> proto::AccidentRow {
    proto::AccidentRow {
        line: 2,
        claim_number: claim.to_owned(),
        policy_number: "AB12345678".to_owned(),
        branch_number: String::new(),
        customer_number: customer.to_owned(),
        occurred_at: "2026-11-10T08:30".to_owned(),
        place: "1-1 Invented Town".to_owned(),
        kind: "WATER_LEAK".to_owned(),
        adjuster_id: "staff-7".to_owned(),
        office: "TOKYO-1".to_owned(),
        state: "OPEN".to_owned(),
    }
}

pub(crate) fn new_upload(accident_id: &str, size_bytes: usize) -> proto::StartUploadRequest {
    proto::StartUploadRequest {
        request_id: new_request_id(),
        accident_id: accident_id.to_owned(),
        category: proto::ImageCategory::DamagedProperty.into(),
        size_bytes: size_bytes as u64,
        file_name: "holiday-with-aunt.jpg".to_owned(),
    }
}

/// The file from `offset` on in chunks.
pub(crate) fn chunks(upload_id: &str, file: &[u8], offset: usize) -> Vec<proto::WriteUploadRequest> {
    let chunks = file[offset..].chunks(CHUNK).zip(0..);
    let chunks = chunks.map(|(data, index)| proto::WriteUploadRequest {
        upload_id: upload_id.to_owned(),
        offset: (offset + index * CHUNK) as u64,
        data: data.to_vec(),
        crc32c: crc32c::crc32c(data),
    });
    chunks.collect()
}

pub(crate) fn finishing(upload_id: &str, file: &[u8]) -> proto::FinishUploadRequest {
    proto::FinishUploadRequest {
        request_id: new_request_id(),
        upload_id: upload_id.to_owned(),
        sha256: Sha256::digest(file).to_vec(),
    }
}

pub(crate) fn all_unsent() -> proto::SendSubmissionRequest {
    proto::SendSubmissionRequest {
        request_id: new_request_id(),
        accident_id: accident_id("K26000001"),
        image_ids: Vec::new(),
        note: "The tub is on the left.".to_owned(),
    }
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The refusal's reason, with the checks every refusal must pass: a localized text without holes.
#[track_caller]
pub(crate) fn reason(refused: &Status) -> String {
    let details = refused.get_error_details();
    let info = details.error_info().expect("a refusal has ErrorInfo");
    let text = &details.localized_message().expect("a refusal has a text").message;
    assert_eq!(info.domain, "madoguchi.claim-images");
    assert!(!text.is_empty() && !text.contains('{'), "{}: {text}", info.reason);
    info.reason.clone()
}

#[track_caller]
pub(crate) fn assert_refused<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    code: Code,
    expected: &str,
) -> Status {
    let refused = answer.expect_err(expected);
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (code, expected),
        "{refused:?}"
    );
    refused
}

/// The reasons of the refused fields.
pub(crate) fn fields(refused: &Status) -> Vec<(String, String)> {
    let details = refused.get_error_details();
    let violations = details
        .bad_request()
        .map(|bad| bad.field_violations.clone())
        .unwrap_or_default();
    violations
        .into_iter()
        .map(|violation| (violation.field, violation.reason))
        .collect()
}
