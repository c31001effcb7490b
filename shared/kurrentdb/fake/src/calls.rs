//! The calls: append, read, server features, gossip. What our client does not use is answered UNIMPLEMENTED.

use std::sync::Arc;

use futures::stream;
use tonic::{Request, Response, Status, Streaming, async_trait};

use crate::expectation::Expectation;
use crate::faults::Cut;
use crate::log::{Outcome, Proposed};
use crate::node::Node;
use crate::reading::{Answers, Filter, log_answers, stream_answers, troubled};
use crate::render::appended;
use crate::subscription::Subscription;
use crate::wire::event_store::client::gossip::gossip_server::Gossip;
use crate::wire::event_store::client::gossip::{ClusterInfo, EndPoint, MemberInfo, member_info::VNodeState};
use crate::wire::event_store::client::server_features::server_features_server::ServerFeatures;
use crate::wire::event_store::client::server_features::{SupportedMethod, SupportedMethods};
use crate::wire::event_store::client::streams::read_req::options::{
    AllOptions, CountOption, ReadDirection, StreamOption, StreamOptions, all_options::AllOption,
    stream_options::RevisionOption,
};
use crate::wire::event_store::client::streams::streams_server::Streams;
use crate::wire::event_store::client::streams::{
    AppendReq, AppendResp, BatchAppendReq, BatchAppendResp, DeleteReq, DeleteResp, ReadReq, TombstoneReq,
    TombstoneResp, append_req, read_req,
};
use crate::wire::event_store::client::{Empty, StreamIdentifier, Uuid, uuid};

/// The node as the generated servers want it.
#[derive(Debug, Clone)]
pub(crate) struct Calls(pub(crate) Arc<Node>);

impl Calls {
    fn read_stream(&self, options: StreamOptions, count: u64, positions: bool) -> Result<Answers, Status> {
        let name = name(options.stream_identifier)?;
        let from = match options.revision_option {
            Some(RevisionOption::Revision(revision)) => revision,
            Some(RevisionOption::Start(_)) => 0,
            _ => return Err(Status::unimplemented("reading a stream from its end")),
        };
        let shown = self.0.log().stream(&name, from, count);
        Ok(stream_answers(shown.as_ref(), &name, from, count, positions))
    }

    fn subscribe(&self, options: AllOptions, filter: Filter) -> Result<Answers, Status> {
        let place = match options.all_option {
            Some(AllOption::Start(_)) => 0,
            Some(AllOption::Position(position)) => {
                let log = self.0.log();
                let (place, exact) = log.find(position.commit_position);
                if !exact && place < log.len() {
                    return Err(Status::invalid_argument(
                        "Trying to read from an invalid position.",
                    ));
                }
                place + usize::from(exact && !self.0.faults.next_subscription_repeats())
            }
            _ => return Err(Status::unimplemented("subscribing from the end")),
        };
        Ok(Subscription::new(Arc::clone(&self.0), filter, place).answers())
    }
}

fn name(identifier: Option<StreamIdentifier>) -> Result<String, Status> {
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

fn expectation(option: Option<&append_req::options::ExpectedStreamRevision>) -> Result<Expectation, Status> {
    use append_req::options::ExpectedStreamRevision::{Any, NoStream, Revision, StreamExists};
    match option {
        // Beyond 2^63 the real server reads another meaning into it, which no client of ours may rely on.
        Some(Revision(revision)) if i64::try_from(*revision).is_err() => {
            Err(Status::invalid_argument("no revision"))
        }
        Some(Revision(revision)) => Ok(Expectation::Exactly(Some(*revision))),
        Some(NoStream(_)) => Ok(Expectation::Exactly(None)),
        Some(Any(_)) => Ok(Expectation::Any),
        Some(StreamExists(_)) => Ok(Expectation::Exists),
        None => Err(Status::invalid_argument(
            "an append expects something, if only anything",
        )),
    }
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
            control_option,
            ..
        } = options;
        let filter = Filter::parse(filter_option)?;
        let positions = control_option.is_some_and(|control| control.compatibility >= 1);
        let answers = match (stream_option, count_option) {
            (Some(StreamOption::Stream(stream)), Some(CountOption::Count(count)))
                if direction == ReadDirection::Forwards =>
            {
                self.read_stream(stream, count, positions)?
            }
            (Some(StreamOption::All(all)), Some(CountOption::Count(count))) => {
                log_answers(&self.0, all, direction, &filter, count)?
            }
            (Some(StreamOption::All(all)), Some(CountOption::Subscription(_))) => {
                self.subscribe(all, filter)?
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
        let expectation = expectation(options.expected_stream_revision.as_ref())?;
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
            return Ok(Response::new(appended(&wrong, expectation)));
        }
        let cut = self.0.faults.next_append();
        if cut != Some(Cut::BeforeWriting) {
            let outcome = self.0.append(&stream, expectation, &events)?;
            if cut.is_none() {
                return Ok(Response::new(appended(&outcome, expectation)));
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

fn proposed(message: append_req::ProposedMessage) -> Result<Proposed, Status> {
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
