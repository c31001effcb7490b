//! One upload: start, write from where the service stands, query, finish (CI-6); and the sending of what was handed in.

use std::time::Duration;

use contracts::claim_images::v1::{
    FinishUploadRequest, FinishUploadResponse, ImageCategory, QueryUploadRequest, SendSubmissionRequest,
    SendSubmissionResponse, StartUploadRequest, WriteUploadRequest,
};
use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};
use tonic::{Response, Status};

use crate::bearer::Bearer;
use crate::refusal::{Refusal, answered};
use crate::request_id::request_id;
use crate::services::Client;
use crate::wait::poll;

/// Bytes of one message.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// How long the bytes are given to get under way before the connection is cut, try after try.
const UNDER_WAY: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(4),
    Duration::from_secs(16),
    Duration::from_mins(1),
];
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

impl UploadSource {
    /// What starts an upload of this file, under a new request id.
    pub fn start_request(&self, accident_id: &str) -> StartUploadRequest {
        StartUploadRequest {
            request_id: request_id(),
            accident_id: accident_id.to_owned(),
            category: self.category.into(),
            size_bytes: self.bytes.len() as u64,
            file_name: self.file_name.clone(),
        }
    }
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
        let started = client
            .claim_images(bearer)
            .start_upload(source.start_request(accident_id))
            .await;
        Ok(Self::started(
            client,
            bearer,
            source,
            answered(started)?.upload_id,
        ))
    }

    /// Goes on with an upload that was started.
    pub const fn started(
        client: &'a Client,
        bearer: &'a Bearer,
        source: &'a UploadSource,
        upload_id: String,
    ) -> Self {
        Self {
            client,
            bearer,
            source,
            id: upload_id,
        }
    }

    /// How much the service has kept.
    pub async fn persisted(&self) -> Result<u64, Status> {
        let request = QueryUploadRequest {
            upload_id: self.id.clone(),
        };
        let kept = self
            .client
            .claim_images(self.bearer)
            .query_upload(request)
            .await?;
        Ok(kept.into_inner().persisted_size_bytes)
    }

    /// Sends everything from `offset` on; the size that is kept then.
    pub async fn write_from(&self, offset: u64) -> Result<u64, Status> {
        let chunks = futures::stream::iter(self.chunks(offset));
        let kept = self.client.claim_images(self.bearer).write_upload(chunks).await?;
        Ok(kept.into_inner().persisted_size_bytes)
    }

    /// Sends what the service does not have yet.
    pub async fn write_rest(&self) -> Result<(), Status> {
        let kept = self.persisted().await?;
        if kept < self.source.bytes.len() as u64 {
            self.write_from(kept).await?;
        }
        Ok(())
    }

    /// Sends about the first half and breaks the connection off in the middle of the call, as a lost signal does; the
    /// size that was kept. Where nothing was, the bytes are given longer to get under way.
    pub async fn write_half_and_break_off(&self) -> Result<u64, Status> {
        for under_way in UNDER_WAY {
            let kept = self.break_off_after(under_way).await?;
            if kept > 0 {
                return Ok(kept);
            }
        }
        Ok(0)
    }

    async fn break_off_after(&self, under_way: Duration) -> Result<u64, Status> {
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
            let cut = std::pin::pin!(poll(under_way, kept));
            tokio::select! {
                answer = images.write_upload(never_ending) => return Ok(answer?.into_inner().persisted_size_bytes),
                _ = cut => {}
            }
        }
        match poll(KEPT_WITHIN, kept).await {
            Ok(persisted) => Ok(persisted),
            Err(Some(last)) => last,
            Err(None) => Ok(0),
        }
    }

    /// Ends the upload: the service judges the content. The same request id ends it once.
    pub async fn finish(&self, request_id: &str) -> Result<Response<FinishUploadResponse>, Status> {
        let request = FinishUploadRequest {
            request_id: request_id.to_owned(),
            upload_id: self.id.clone(),
            sha256: Sha256::digest(&self.source.bytes).to_vec(),
        };
        self.client.claim_images(self.bearer).finish_upload(request).await
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
        answered(upload.finish(&request_id()).await)
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

/// Sends the pictures that were handed in for an accident (CI-1); the same request id sends them once.
pub async fn send(
    client: &Client,
    bearer: &Bearer,
    accident_id: &str,
    note: &str,
    request_id: &str,
) -> Result<Response<SendSubmissionResponse>, Status> {
    let request = SendSubmissionRequest {
        request_id: request_id.to_owned(),
        accident_id: accident_id.to_owned(),
        image_ids: Vec::new(),
        note: note.to_owned(),
    };
    client.claim_images(bearer).send_submission(request).await
}
