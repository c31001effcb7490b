//! The calls: append, read, server features, gossip. What our client does not use is answered UNIMPLEMENTED.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::stream::{self, StreamExt as _};
use tokio::sync::watch;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::connections::Connections;
use super::faults::{Cut, Faults};
use super::log::{Log, Outcome, Proposed, Record};
use super::reading::{Answers, Subscription, event, say, troubled};
use super::wire::event_store::client::gossip::gossip_server::Gossip;
use super::wire::event_store::client::gossip::{ClusterInfo, EndPoint, MemberInfo, member_info::VNodeState};
use super::wire::event_store::client::server_features::server_features_server::ServerFeatures;
use super::wire::event_store::client::server_features::{SupportedMethod, SupportedMethods};
use super::wire::event_store::client::streams::read_req::options::{
    AllOptions, CountOption, FilterOption, FilterOptions, ReadDirection, StreamOption, StreamOptions,
    all_options::AllOption, filter_options, stream_options::RevisionOption,
};
use super::wire::event_store::client::streams::streams_server::Streams;
use super::wire::event_store::client::streams::{
    self, AppendReq, AppendResp, BatchAppendReq, BatchAppendResp, DeleteReq, DeleteResp, ReadReq,
    TombstoneReq, TombstoneResp, append_req, append_resp, read_req, read_resp::Content,
    read_resp::StreamNotFound,
};
use super::wire::event_store::client::{Empty, Uuid, uuid};

/// What a server of a cluster knows of itself.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) version: String,
    /// User and password every call must come with.
    pub(super) user: Option<(String, String)>,
    /// Host and port of the leader this server follows; none if it leads.
    pub(super) leader: Option<(String, u16)>,
    pub(super) port: u16,
}

/// One server: its log, and what it is told to do wrong.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) log: Mutex<Log>,
    /// How many records there are, so that subscriptions wake.
    pub(super) written: watch::Sender<usize>,
    pub(super) faults: Faults,
    pub(super) connections: Arc<Connections>,
    pub(super) identity: Identity,
}

/// The node as the generated servers want it.
#[derive(Debug, Clone)]
pub(super) struct Calls(pub(super) Arc<Node>);

impl Node {
    /// Whether the call is answered at all.
    async fn admit(&self, metadata: &MetadataMap) -> Result<(), Status> {
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

    pub(super) fn record(&self, place: usize) -> Option<Arc<Record>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).get(place)
    }

    fn append(&self, stream: &str, expected: i64, events: &[Proposed]) -> Result<Outcome, Status> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = log
            .append(stream, expected, events)
            .map_err(|error| Status::data_loss(error.to_string()))?;
        self.written.send_replace(log.len());
        Ok(outcome)
    }

    fn read_stream(&self, options: StreamOptions, count: u64) -> Result<Answers, Status> {
        let stream = name(options.stream_identifier)?;
        let from = match options.revision_option {
            Some(RevisionOption::Revision(revision)) => revision,
            Some(RevisionOption::Start(_)) => 0,
            _ => return Err(Status::unimplemented("reading a stream from its end")),
        };
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = match log.stream(&stream, from, count) {
            Some(records) => records.iter().map(|record| event(record)).collect(),
            None => vec![say(Content::StreamNotFound(StreamNotFound {
                stream_identifier: Some(identifier(&stream)),
            }))],
        };
        Ok(stream::iter(answers).map(Ok).boxed())
    }

    fn read_all(&self, options: AllOptions, direction: ReadDirection, count: u64) -> Result<Answers, Status> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let shown = |from: usize| (from..log.len()).filter(|place| log.shows(*place));
        let places: Vec<usize> = match (direction, options.all_option) {
            (ReadDirection::Forwards, Some(AllOption::Start(_))) => shown(0).take(count).collect(),
            (ReadDirection::Forwards, Some(AllOption::Position(position))) => {
                let (place, exact) = log.find(position.commit_position);
                if !exact && place < log.len() {
                    return Err(Status::unknown("Unexpected ReadAllResult: InvalidPosition"));
                }
                shown(place).take(count).collect()
            }
            (ReadDirection::Backwards, Some(AllOption::End(_))) => (0..log.len()).rev().take(count).collect(),
            _ => return Err(Status::unimplemented("reading the log in this way")),
        };
        let answers: Vec<_> = places
            .into_iter()
            .filter_map(|place| log.get(place))
            .map(|record| Ok(event(&record)))
            .collect();
        Ok(stream::iter(answers).boxed())
    }

    fn subscribe(
        self: &Arc<Self>,
        options: AllOptions,
        filter: Option<FilterOption>,
    ) -> Result<Answers, Status> {
        let (prefixes, window) = match filter {
            Some(FilterOption::Filter(filter)) => prefixes(filter)?,
            _ => (Vec::new(), 32),
        };
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let place = match options.all_option {
            Some(AllOption::Start(_)) => 0,
            Some(AllOption::Position(position)) => {
                let (place, exact) = log.find(position.commit_position);
                if !exact && place < log.len() {
                    return Err(Status::invalid_argument(
                        "Trying to read from an invalid position.",
                    ));
                }
                place + usize::from(exact && !self.faults.next_subscription_repeats())
            }
            _ => return Err(Status::unimplemented("subscribing from the end")),
        };
        drop(log);
        Ok(Subscription::new(Arc::clone(self), prefixes, window, place).answers())
    }
}

fn prefixes(filter: FilterOptions) -> Result<(Vec<String>, usize), Status> {
    let Some(filter_options::Filter::StreamIdentifier(expression)) = filter.filter else {
        return Err(Status::unimplemented("filters other than by stream name"));
    };
    if !expression.regex.is_empty() || expression.prefix.is_empty() {
        return Err(Status::unimplemented("filters other than by prefix"));
    }
    let window = match filter.window {
        Some(filter_options::Window::Max(max)) if max > 0 => max,
        _ => 32,
    };
    let multiplier = filter.checkpoint_interval_multiplier.max(1);
    let window = usize::try_from(window.saturating_mul(multiplier)).unwrap_or(usize::MAX);
    Ok((expression.prefix, window))
}

fn identifier(stream: &str) -> super::wire::event_store::client::StreamIdentifier {
    super::wire::event_store::client::StreamIdentifier {
        stream_name: stream.as_bytes().to_vec(),
    }
}

fn name(identifier: Option<super::wire::event_store::client::StreamIdentifier>) -> Result<String, Status> {
    let name = identifier
        .map(|identifier| identifier.stream_name)
        .unwrap_or_default();
    String::from_utf8(name).map_err(|_| Status::invalid_argument("a stream's name is UTF-8"))
}

fn id(id: Option<Uuid>) -> Option<u128> {
    match id?.value? {
        uuid::Value::Structured(bits) => {
            let (most, least) = (bits.most_significant_bits, bits.least_significant_bits);
            Some((u128::from(most.cast_unsigned()) << 64) | u128::from(least.cast_unsigned()))
        }
        uuid::Value::String(text) => u128::from_str_radix(&text.replace('-', ""), 16).ok(),
    }
}

/// Expectations as the real server counts them.
fn expected(option: Option<&append_req::options::ExpectedStreamRevision>) -> Result<i64, Status> {
    use append_req::options::ExpectedStreamRevision::{NoStream, Revision};
    match option {
        // Beyond 2^63 the real server reads another meaning into it, which no client of ours may rely on.
        Some(Revision(revision)) => {
            i64::try_from(*revision).map_err(|_| Status::invalid_argument("no revision"))
        }
        Some(NoStream(_)) => Ok(-1),
        _ => Err(Status::unimplemented("appending without a revision")),
    }
}

fn answer(outcome: &Outcome, asked: i64) -> AppendResp {
    use append_resp::success::{CurrentRevisionOption, PositionOption};
    use append_resp::wrong_expected_version::{
        CurrentRevisionOption as Current, ExpectedRevisionOption as Asked,
    };
    let result = match *outcome {
        Outcome::Written { last, position } => append_resp::Result::Success(append_resp::Success {
            current_revision_option: Some(CurrentRevisionOption::CurrentRevision(last)),
            position_option: Some(PositionOption::Position(append_resp::Position {
                commit_position: position,
                prepare_position: position,
            })),
        }),
        Outcome::WrongRevision { current } => {
            append_resp::Result::WrongExpectedVersion(append_resp::WrongExpectedVersion {
                current_revision_option: Some(
                    current.map_or(Current::CurrentNoStream(Empty {}), Current::CurrentRevision),
                ),
                expected_revision_option: Some(
                    u64::try_from(asked).map_or(Asked::ExpectedNoStream(Empty {}), Asked::ExpectedRevision),
                ),
                ..append_resp::WrongExpectedVersion::default()
            })
        }
    };
    AppendResp { result: Some(result) }
}

#[async_trait]
impl Streams for Calls {
    type ReadStream = Answers;
    type BatchAppendStream = stream::Empty<Result<BatchAppendResp, Status>>;

    async fn read(&self, request: Request<ReadReq>) -> Result<Response<Answers>, Status> {
        self.0.admit(request.metadata()).await?;
        let options = request.into_inner().options.unwrap_or_default();
        let direction = options.read_direction();
        let read_req::Options {
            stream_option,
            count_option,
            filter_option,
            ..
        } = options;
        let answers = match (stream_option, count_option) {
            (Some(StreamOption::Stream(stream)), Some(CountOption::Count(count)))
                if direction == ReadDirection::Forwards =>
            {
                self.0.read_stream(stream, count)?
            }
            (Some(StreamOption::All(all)), Some(CountOption::Count(count))) => {
                self.0.read_all(all, direction, count)?
            }
            (Some(StreamOption::All(all)), Some(CountOption::Subscription(_))) => {
                self.0.subscribe(all, filter_option)?
            }
            _ => return Err(Status::unimplemented("reading in this way")),
        };
        Ok(Response::new(troubled(Arc::clone(&self.0), answers)))
    }

    async fn append(&self, request: Request<Streaming<AppendReq>>) -> Result<Response<AppendResp>, Status> {
        self.0.admit(request.metadata()).await?;
        let mut messages = request.into_inner();
        let Some(AppendReq {
            content: Some(append_req::Content::Options(options)),
        }) = messages.message().await?
        else {
            return Err(Status::invalid_argument("the first message holds the options"));
        };
        let asked = expected(options.expected_stream_revision.as_ref())?;
        let stream = name(options.stream_identifier)?;
        let mut events = Vec::new();
        while let Some(message) = messages.message().await? {
            let Some(append_req::Content::ProposedMessage(message)) = message.content else {
                return Err(Status::invalid_argument("the options come once"));
            };
            events.push(proposed(message)?);
        }
        if self.0.faults.next_revision_is_wrong() {
            let wrong = Outcome::WrongRevision { current: Some(4711) };
            return Ok(Response::new(answer(&wrong, asked)));
        }
        let cut = self.0.faults.next_append();
        if cut != Some(Cut::BeforeWriting) {
            let outcome = self.0.append(&stream, asked, &events)?;
            if cut.is_none() {
                return Ok(Response::new(answer(&outcome, asked)));
            }
        }
        self.0.connections.cut();
        Err(Status::unavailable("cut"))
    }

    async fn delete(&self, _: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        Err(Status::unimplemented("delete"))
    }

    async fn tombstone(&self, _: Request<TombstoneReq>) -> Result<Response<TombstoneResp>, Status> {
        Err(Status::unimplemented("tombstone"))
    }

    async fn batch_append(
        &self,
        _: Request<Streaming<BatchAppendReq>>,
    ) -> Result<Response<Self::BatchAppendStream>, Status> {
        Err(Status::unimplemented("batch append"))
    }
}

fn proposed(message: streams::append_req::ProposedMessage) -> Result<Proposed, Status> {
    for required in ["type", "content-type"] {
        if !message.metadata.contains_key(required) {
            return Err(Status::invalid_argument(format!(
                "Required Metadata Property '{required}' is missing"
            )));
        }
    }
    Ok(Proposed {
        id: id(message.id).ok_or_else(|| Status::invalid_argument("an event has an id"))?,
        metadata: message.metadata,
        custom_metadata: message.custom_metadata,
        data: message.data,
    })
}

#[async_trait]
impl ServerFeatures for Calls {
    async fn get_supported_methods(&self, _: Request<Empty>) -> Result<Response<SupportedMethods>, Status> {
        self.0.faults.answer().await?;
        let method = |name: &str| SupportedMethod {
            method_name: name.to_owned(),
            service_name: "event_store.client.streams.streams".to_owned(),
            features: Vec::new(),
        };
        Ok(Response::new(SupportedMethods {
            methods: ["append", "read"].map(method).to_vec(),
            event_store_server_version: self.0.identity.version.clone(),
        }))
    }
}

#[async_trait]
impl Gossip for Calls {
    async fn read(&self, _: Request<Empty>) -> Result<Response<ClusterInfo>, Status> {
        let member = |state: VNodeState, address: String, port: u16| MemberInfo {
            instance_id: None,
            time_stamp: 0,
            state: state.into(),
            is_alive: true,
            http_end_point: Some(EndPoint {
                address,
                port: port.into(),
            }),
        };
        let identity = &self.0.identity;
        let own = "127.0.0.1".to_owned();
        let members = match &identity.leader {
            None => vec![member(VNodeState::Leader, own, identity.port)],
            Some((host, port)) => vec![
                member(VNodeState::Follower, own, identity.port),
                member(VNodeState::Leader, host.clone(), *port),
            ],
        };
        Ok(Response::new(ClusterInfo { members }))
    }
}
