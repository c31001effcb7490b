//! One service with its folders and callers, and words to speak to it with.

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::time::Duration;

use claim_images::ClaimImages;
use contracts::claim_images::v1 as proto;
use contracts::claim_images::v1::claim_images_service_client::ClaimImagesServiceClient;
use contracts::names::{IDENTITY, VIEWS};
use harness::{STAFF, Tested, access_token, bearing, in_language};
use kernel::ids::{AccidentId, SubjectId};
use kernel::policy::{ClaimNumber, CustomerNumber};
use sha2::{Digest as _, Sha256};
use tonic::transport::Channel;
use tonic::{Request, Status};
use uuid::Uuid;

/// For waits that must end.
pub(crate) const SOON: Duration = Duration::from_secs(20);
pub(crate) const CHUNK: usize = 64 * 1024;

pub(crate) struct World {
    service: harness::World<Tested<ClaimImages>>,
}

impl Deref for World {
    type Target = harness::World<Tested<ClaimImages>>;

    fn deref(&self) -> &Self::Target {
        &self.service
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.service
    }
}

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
        Self::with(&[decoder()]).await
    }

    /// The same, listening to a stand-in for identity.
    pub(crate) async fn beside_identity() -> Self {
        Self::beside(&[IDENTITY], &[decoder()]).await
    }

    /// The same with other settings of the service's own.
    pub(crate) async fn with(own: &[(&str, toml::Value)]) -> Self {
        Self::beside(&[], own).await
    }

    async fn beside(neighbours: &[&'static str], own: &[(&str, toml::Value)]) -> Self {
        let service = harness::World::prepare("2026-11-16T10:00:00+09:00").await;
        let mut world = Self { service };
        let (spool, originals) = (world.spool(), world.originals());
        let settings = &mut world.settings;
        settings.accept(VIEWS);
        settings.set("service.spool_folder", spool.display().to_string());
        settings.set("service.originals_folder", originals.display().to_string());
        for (key, value) in own {
            settings.set(&format!("service.{key}"), value.clone());
        }
        world.stand_in_for(neighbours).await;
        world.start().await;
        let rows = vec![row("K26000001", "C0001"), row("K26000002", "C0002")];
        let results = world.import(rows).await;
        assert!(results.iter().all(|result| result.problems.is_empty()));
        world
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.folder.path().join("spool")
    }

    pub(crate) fn originals(&self) -> PathBuf {
        self.folder.path().join("originals")
    }

    pub(crate) fn client(&self) -> ClaimImagesServiceClient<Channel> {
        ClaimImagesServiceClient::new(self.channel())
    }

    /// A call of `caller`, in English.
    pub(crate) fn call<T>(&self, caller: As, message: T) -> Request<T> {
        let request = match caller {
            As::Holder(customer) => bearing(message, &self.access_token(customer)),
            As::Adjuster => self.as_staff(STAFF, "adjuster", message),
            As::Administrator => self.as_staff(STAFF, "administrator", message),
            As::CallCentre => self.as_staff(STAFF, "call_centre", message),
        };
        in_language(request, "en")
    }

    fn access_token(&self, customer: &str) -> String {
        let account = Uuid::new_v5(&Uuid::NAMESPACE_OID, customer.as_bytes());
        access_token(account, &[subject(customer)], &["pwd", "tel"], self.now())
    }

    pub(crate) async fn import(
        &self,
        rows: Vec<proto::AccidentRow>,
    ) -> Vec<contracts::common::v1::ImportRowResult> {
        let request = proto::ImportAccidentsRequest {
            request_id: new_request_id(),
            rows,
            as_of_us: self.as_of_us(),
            dry_run: false,
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
        self.hand_in_by(HOLDER, "K26000001", file).await
    }

    /// The same, saying what it shows.
    pub(crate) async fn hand_in_as(&self, category: proto::ImageCategory, file: &[u8]) -> proto::Image {
        let request = proto::StartUploadRequest {
            category: category.into(),
            ..new_upload(&accident_id("K26000001"), file.len())
        };
        self.handed_in(HOLDER, request, file).await
    }

    /// Hands a file in to the accident with this claim number, from start to finish.
    pub(crate) async fn hand_in_by(&self, caller: As, claim: &str, file: &[u8]) -> proto::Image {
        let request = new_upload(&accident_id(claim), file.len());
        self.handed_in(caller, request, file).await
    }

    async fn handed_in(&self, caller: As, request: proto::StartUploadRequest, file: &[u8]) -> proto::Image {
        let upload_id = self.start_upload(caller, request).await.unwrap().upload_id;
        let persisted = self.write(caller, chunks(&upload_id, file, 0)).await.unwrap();
        assert_eq!(persisted, file.len() as u64);
        self.finish(caller, finishing(&upload_id, file))
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

    /// The small one.
    pub(crate) async fn derivative(
        &self,
        caller: As,
        image: &proto::Image,
    ) -> Result<proto::GetDerivativeResponse, Status> {
        self.derivative_of(caller, image, proto::DerivativeSize::Small)
            .await
    }

    pub(crate) async fn derivative_of(
        &self,
        caller: As,
        image: &proto::Image,
        size: proto::DerivativeSize,
    ) -> Result<proto::GetDerivativeResponse, Status> {
        let request = proto::GetDerivativeRequest {
            accident_id: image.accident_id.clone(),
            image_id: image.image_id.clone(),
            size: size.into(),
        };
        Ok(self
            .client()
            .get_derivative(self.call(caller, request))
            .await?
            .into_inner())
    }

    pub(crate) async fn derivatives(
        &self,
        caller: As,
        request: proto::GetDerivativesRequest,
    ) -> Result<Vec<proto::GetDerivativesResponse>, Status> {
        let mut stream = self
            .client()
            .get_derivatives(self.call(caller, request))
            .await?
            .into_inner();
        let mut found = Vec::new();
        while let Some(message) = stream.message().await? {
            found.push(message);
        }
        Ok(found)
    }

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

/// The real program, as a child decodes pictures.
pub(crate) fn decoder() -> (&'static str, toml::Value) {
    let program = env!("CARGO_BIN_EXE_madoguchi-claim-images");
    ("decoder_program", program.into())
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
