//! Receiving chunks (CI-6). The receiving goes on beside the call: when a connection breaks, what has arrived is still
//! synced, and the client resumes behind it.

use std::time::Duration;

use contracts::claim_images::v1 as proto;
use decider::{Problem, ProblemKind};
use kernel::ids::UploadId;
use service::{Context, refuse, status};
use tonic::{Request, Response, Status, Streaming};
use zeroize::Zeroizing;

use super::uploads::{check_not_aborted, find, finished};
use super::{Api, owner, parse};
use crate::spool::{Spool, SpoolError};
use crate::turns::Turn;
use crate::upload_limits::{MAX_CHUNK_BYTES, MAX_SHORT_SEGMENTS, SEGMENT_BYTES};
use crate::uploads::{Upload, UploadState};

pub(super) async fn write(
    api: &Api,
    request: Request<Streaming<proto::WriteUploadRequest>>,
) -> Result<Response<proto::WriteUploadResponse>, Status> {
    let owner = owner(&request)?;
    let mut stream = request.into_inner();
    let first = tokio::time::timeout(api.idle_timeout, stream.message())
        .await
        .map_err(|_| status(stalled()))?;
    let Some(first) = first? else {
        return Err(refuse(Problem::invalid("upload_id", "ID_INVALID")));
    };
    let upload_id: UploadId = parse::id("upload_id", &first.upload_id).map_err(refuse)?;
    find(api, upload_id, &owner).await?;
    let turn = api.turns.take(upload_id).await;
    // Read again: whoever had the turn before may have finished it.
    let upload = find(api, upload_id, &owner).await?;
    check_not_aborted(&upload).map_err(refuse)?;
    if upload.state == UploadState::Finished {
        return Err(status(finished()));
    }
    let held = api.spool.held(upload_id).await.map_err(refuse)?;
    let receiving = Receiving {
        context: api.context.clone(),
        spool: api.spool.clone(),
        idle_timeout: api.idle_timeout,
        turn,
        upload,
        persisted: held.bytes,
        short_segments: held.short_segments,
        buffer: buffer(),
    };
    let outcome = api.context.tasks.spawn(receiving.run(first, stream)).await;
    match outcome {
        Ok(Ok(persisted_size_bytes)) => {
            Ok(Response::new(proto::WriteUploadResponse { persisted_size_bytes }))
        }
        Ok(Err(Stopped::Problem(problem))) => Err(status(problem)),
        Ok(Err(Stopped::Spool(error))) => Err(refuse(error)),
        Ok(Err(Stopped::Connection(status))) => Err(*status),
        Err(_) => Err(status(stopping())),
    }
}

/// Another instance, or this one started again, takes the upload from where it stands.
const fn stopping() -> Problem {
    Problem::new(ProblemKind::Unavailable, "SHUTTING_DOWN").retry_after(Duration::from_secs(1))
}

fn stalled() -> Problem {
    Problem::new(ProblemKind::Aborted, "UPLOAD_STALLED")
}

fn buffer() -> Zeroizing<Vec<u8>> {
    // Never reallocated, so that no plaintext is left behind.
    Zeroizing::new(Vec::with_capacity(SEGMENT_BYTES + MAX_CHUNK_BYTES))
}

/// Why receiving ended before the stream did.
enum Stopped {
    Problem(Problem),
    Spool(SpoolError),
    Connection(Box<Status>),
}

impl From<Problem> for Stopped {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// One stream being received.
struct Receiving {
    context: Context,
    spool: Spool,
    idle_timeout: Duration,
    turn: Turn,
    upload: Upload,
    persisted: u64,
    short_segments: usize,
    buffer: Zeroizing<Vec<u8>>,
}

impl Receiving {
    /// Everything good that arrived is on disk when this ends, however it ends; but for less than a segment that would be one
    /// short segment too many.
    async fn run(
        mut self,
        first: proto::WriteUploadRequest,
        mut stream: Streaming<proto::WriteUploadRequest>,
    ) -> Result<u64, Stopped> {
        let mut message = Some(first);
        let outcome = loop {
            match message.take().map(|chunk| self.take(chunk)) {
                None => break Ok(()),
                Some(Err(problem)) => break Err(problem),
                Some(Ok(())) => {}
            }
            if self.buffer.len() >= SEGMENT_BYTES {
                self = self.sync().await.map_err(Stopped::Spool)?;
            }
            match self.next(&mut stream).await {
                Ok(next) => message = next,
                Err(stopped) => break Err(stopped),
            }
        };
        let outcome = outcome.and_then(|()| self.check_pieces());
        if self.check_pieces().is_ok() {
            self = self.sync().await.map_err(Stopped::Spool)?;
        }
        match outcome {
            Ok(()) => Ok(self.persisted),
            Err(Stopped::Problem(problem)) => Err(problem
                .with("persisted_size_bytes", self.persisted.to_string())
                .into()),
            Err(other) => Err(other),
        }
    }

    async fn next(
        &self,
        stream: &mut Streaming<proto::WriteUploadRequest>,
    ) -> Result<Option<proto::WriteUploadRequest>, Stopped> {
        tokio::select! {
            biased;
            () = self.turn.wanted.cancelled() => Err(Problem::new(ProblemKind::Aborted, "UPLOAD_TAKEN_OVER").into()),
            () = self.context.shutdown.cancelled() => Err(stopping().into()),
            message = tokio::time::timeout(self.idle_timeout, stream.message()) => match message {
                Ok(message) => message.map_err(|status| Stopped::Connection(Box::new(status))),
                Err(_) => Err(stalled().into()),
            },
        }
    }

    /// Checks a chunk and takes it into the buffer.
    fn take(&mut self, chunk: proto::WriteUploadRequest) -> Result<(), Stopped> {
        let data = Zeroizing::new(chunk.data);
        if chunk.upload_id != self.upload.id.to_string() {
            return Err(Problem::invalid("upload_id", "UPLOAD_ID_CHANGED").into());
        }
        if crc32c::crc32c(&data) != chunk.crc32c {
            return Err(Problem::new(ProblemKind::InvalidArgument, "CHUNK_CORRUPT")
                .field("crc32c", "CHUNK_CORRUPT")
                .into());
        }
        let end = self.persisted + self.buffer.len() as u64;
        if chunk.offset != end {
            return Err(Problem::new(ProblemKind::FailedPrecondition, "OFFSET_MISMATCH").into());
        }
        if end + data.len() as u64 > self.upload.size_bytes {
            return Err(Problem::new(ProblemKind::InvalidArgument, "UPLOAD_TOO_LONG").into());
        }
        self.buffer.extend_from_slice(&data);
        Ok(())
    }

    /// Whether what is buffered may become a segment: a full one and the last always may.
    fn check_pieces(&self) -> Result<(), Stopped> {
        let length = self.buffer.len();
        let last = self.persisted + length as u64 == self.upload.size_bytes;
        if length == 0 || length >= SEGMENT_BYTES || last || self.short_segments < MAX_SHORT_SEGMENTS {
            return Ok(());
        }
        Err(Problem::new(ProblemKind::ResourceExhausted, "UPLOAD_IN_SMALL_PIECES").into())
    }

    /// Seals and syncs what is buffered.
    async fn sync(self) -> Result<Self, SpoolError> {
        if self.buffer.is_empty() {
            return Ok(self);
        }
        let length = self.buffer.len() as u64;
        let Self {
            context,
            spool,
            idle_timeout,
            turn,
            upload,
            persisted,
            short_segments,
            buffer: full,
        } = self;
        let turn = spool
            .append(turn, (upload.id, upload.subject), persisted, full)
            .await?;
        Ok(Self {
            context,
            spool,
            idle_timeout,
            turn,
            upload,
            persisted: persisted + length,
            short_segments: short_segments + usize::from(length < SEGMENT_BYTES as u64),
            buffer: buffer(),
        })
    }
}
