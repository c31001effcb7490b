//! One server: its log, what it knows of its cluster, and what it is told to do wrong.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::watch;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::connections::Connections;
use crate::expectation::Expectation;
use crate::faults::Faults;
use crate::log::{Log, Outcome, Proposed, Record};
use crate::metadata::{Limits, Refused, described};

/// What a server of a cluster knows of itself.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) version: String,
    /// User and password every call must come with.
    pub(crate) user: Option<(String, String)>,
    /// Host and port of the leader this server follows; none if it leads.
    pub(crate) leader: Option<(String, u16)>,
    pub(crate) port: u16,
}

#[derive(Debug)]
pub(crate) struct Node {
    log: Mutex<Log>,
    /// How many records there are, so that subscriptions wake.
    pub(crate) written: watch::Sender<usize>,
    pub(crate) faults: Faults,
    pub(crate) connections: Arc<Connections>,
    pub(crate) identity: Identity,
}

impl Node {
    pub(crate) fn new(log: Log, identity: Identity) -> Self {
        Self {
            written: watch::Sender::new(log.len()),
            log: Mutex::new(log),
            faults: Faults::default(),
            connections: Arc::new(Connections::default()),
            identity,
        }
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the call is answered at all.
    pub(crate) async fn admit(&self, metadata: &MetadataMap) -> Result<(), Status> {
        self.faults.answer().await?;
        if let Some((name, password)) = &self.identity.user {
            let wanted = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
            let given = metadata.get("authorization");
            if given.is_none_or(|given| given.as_bytes() != wanted.as_bytes()) {
                return Err(Status::unauthenticated("Unauthenticated"));
            }
        }
        match &self.identity.leader {
            Some((host, port)) if metadata.contains_key("requires-leader") => {
                let mut status = Status::not_found("Leader info available");
                let told = status.metadata_mut();
                for (key, value) in [
                    ("exception", "not-leader"),
                    ("leader-endpoint-host", host),
                    ("leader-endpoint-port", &port.to_string()),
                ] {
                    let value = value.parse().map_err(|_| Status::internal("no header value"))?;
                    told.insert(key, value);
                }
                Err(status)
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn record(&self, place: usize) -> Option<Arc<Record>> {
        self.log().get(place)
    }

    /// Appends, and wakes who follows. Metadata that would not be applied are refused.
    pub(crate) fn append(
        &self,
        stream: &str,
        expectation: Expectation,
        events: &[Proposed],
    ) -> Result<Outcome, Status> {
        if described(stream).is_some() {
            for event in events {
                Limits::parse(&event.data).map_err(refusal)?;
            }
        }
        let mut log = self.log();
        let outcome = log
            .append(stream, expectation, events)
            .map_err(|error| Status::data_loss(error.to_string()))?;
        self.written.send_replace(log.len());
        Ok(outcome)
    }
}

fn refusal(refused: Refused) -> Status {
    match refused {
        Refused::Malformed => Status::invalid_argument("a stream's metadata are an object of limits"),
        Refused::Unsupported(what) => Status::unimplemented(format!("metadata of a stream: {what}")),
    }
}
