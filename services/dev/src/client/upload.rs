//! One upload: start, write from where the service stands, query, finish (CI-6).

use std::time::Duration;

use contracts::claim_images::v1::{
    FinishUploadRequest, FinishUploadResponse, ImageCategory, QueryUploadRequest, StartUploadRequest,
    WriteUploadRequest,
};
use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};

use super::{Bearer, Client, Refusal, request_id};

/// Bytes of one message.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// How long the bytes are given to get under way before the connection is cut.
const UNDER_WAY: Duration = Duration::from_secs(1);
/// How long a cut connection may take until the service has kept what came.
const KEPT_WITHIN: Duration = Duration::from_secs(10);

/// A file to hand in.
#[derive(Debug, Clone)]
pub struct UploadSource {
    /// Its name on the customer's device.
    pub file_name: String,
    /// What it shows.
    pub category: ImageCategory,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A started upload.
#[derive(Debug)]
pub struct Upload<'a> {
    client: &'a Client,
    bearer: &'a Bearer,
    source: &'a UploadSource,
    id: String,
}

impl<'a> Upload<'a> {
    /// Starts an upload into an accident.
    pub async fn start(
        client: &'a Client,
        bearer: &'a Bearer,
        accident_id: &str,
        source: &'a UploadSource,
    ) -> Result<Self, Refusal> {
        let request = StartUploadRequest {
            request_id: request_id(),
            accident_id: accident_id.to_owned(),
            category: source.category.into(),
            size_bytes: source.bytes.len() as u64,
            file_name: source.file_name.clone(),
        };
        let started = client
            .claim_images(bearer)
            .start_upload(request)
            .await?
            .into_inner();
        Ok(Self {
            client,
            bearer,
            source,
            id: started.upload_id,
        })
    }

    /// How much the service has kept.
    pub async fn persisted(&self) -> Result<u64, Refusal> {
        let request = QueryUploadRequest {
            upload_id: self.id.clone(),
        };
        Ok(self
            .client
            .claim_images(self.bearer)
            .query_upload(request)
            .await?
            .into_inner()
            .persisted_size_bytes)
    }

    /// Sends everything from `offset` on; the size that is kept then.
    pub async fn write_from(&self, offset: u64) -> Result<u64, Refusal> {
        let chunks = futures::stream::iter(self.chunks(offset));
        Ok(self
            .client
            .claim_images(self.bearer)
            .write_upload(chunks)
            .await?
            .into_inner()
            .persisted_size_bytes)
    }

    /// Sends about the first half and breaks the connection off in the middle of the call, as a lost signal does; the
    /// size that was kept, which is 0 if nothing was kept within ten seconds.
    pub async fn write_half_and_break_off(&self) -> Result<u64, Refusal> {
        let half: Vec<_> = self
            .chunks(0)
            .into_iter()
            .take(self.source.bytes.len().div_ceil(CHUNK_BYTES).div_ceil(2))
            .collect();
        let sent: u64 = half.iter().map(|chunk| chunk.data.len() as u64).sum();
        let never_ending = futures::stream::iter(half).chain(futures::stream::pending());
        let kept = async || match self.persisted().await {
            Ok(0) => Err(Ok(0)),
            Ok(persisted) if persisted <= sent => Ok(persisted),
            other => Err(other),
        };
        {
            let mut images = self.client.claim_images(self.bearer);
            let cut = std::pin::pin!(testkit::poll(UNDER_WAY, kept));
            tokio::select! {
                answer = images.write_upload(never_ending) => return Ok(answer?.into_inner().persisted_size_bytes),
                _ = cut => {}
            }
        }
        match testkit::poll(KEPT_WITHIN, kept).await {
            Ok(persisted) => Ok(persisted),
            Err(Some(last)) => last,
            Err(None) => Ok(0),
        }
    }

    /// Ends the upload: the service judges the content.
    pub async fn finish(&self) -> Result<FinishUploadResponse, Refusal> {
        let request = FinishUploadRequest {
            request_id: request_id(),
            upload_id: self.id.clone(),
            sha256: Sha256::digest(&self.source.bytes).to_vec(),
        };
        Ok(self
            .client
            .claim_images(self.bearer)
            .finish_upload(request)
            .await?
            .into_inner())
    }

    /// Starts, writes and finishes.
    pub async fn whole(
        client: &Client,
        bearer: &Bearer,
        accident_id: &str,
        source: &UploadSource,
    ) -> Result<FinishUploadResponse, Refusal> {
        let upload = Upload::start(client, bearer, accident_id, source).await?;
        upload.write_from(0).await?;
        upload.finish().await
    }

    fn chunks(&self, offset: u64) -> Vec<WriteUploadRequest> {
        let start = usize::try_from(offset).map_or(self.source.bytes.len(), |start| {
            start.min(self.source.bytes.len())
        });
        let mut offset = offset;
        self.source.bytes[start..]
            .chunks(CHUNK_BYTES)
            .map(|data| {
                let chunk = WriteUploadRequest {
                    upload_id: self.id.clone(),
                    offset,
                    data: data.to_vec(),
                    crc32c: crc32c::crc32c(data),
                };
                offset += data.len() as u64;
                chunk
            })
            .collect()
    }
}
