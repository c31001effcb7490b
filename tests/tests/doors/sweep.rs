//! Every field of every RPC alone, on a request that is valid but for it: no answer says that something broke, and what the
//! field's rule forbids is refused by the field's name.

use std::sync::Arc;

use bytes::Bytes;
use contracts::access::rule_of;
use contracts::endorsement::v1::ImportContractsResponse;
use futures::StreamExt as _;
use prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::raw::call;
use crate::stage::Stage;
use crate::values::{Generated, Rule, largest, of_field};

/// Calls under way at the same time.
const AT_ONCE: usize = 8;

/// A field of a request by the way to it, and whether it stands in a row that is judged for itself.
struct Place {
    way: Vec<FieldDescriptor>,
    in_row: bool,
}

impl Place {
    /// As refusals name it: of a list the first item.
    fn name(&self, whole_list: bool) -> String {
        let last = self.way.len() - 1;
        let skipped = usize::from(self.in_row);
        let steps = self.way.iter().enumerate().skip(skipped).map(|(depth, field)| {
            let indexed = field.is_list() && !(depth == last && whole_list);
            format!("{}{}", field.name(), if indexed { "[0]" } else { "" })
        });
        steps.collect::<Vec<_>>().join(".")
    }
}

pub(crate) async fn every_field(stage: &Stage) {
    let pool = DescriptorPool::decode(contracts::FILE_DESCRIPTOR_SET).unwrap();
    let mut attempts = Vec::new();
    for service in pool.services() {
        for method in service.methods() {
            let mut places = Vec::new();
            fields(&method.input(), &mut Vec::new(), false, &mut places);
            for place in places.into_iter().map(Arc::new) {
                let values = of_field(place.way.last().unwrap());
                if place.in_row {
                    // Rows are judged one by one: all in one call.
                    attempts.push((method.clone(), place, values));
                } else {
                    let alone = values.into_iter().map(|value| vec![value]);
                    attempts.extend(alone.map(|value| (method.clone(), place.clone(), value)));
                }
            }
        }
    }
    let calls = attempts.len();
    assert!(calls > 1_000, "only {calls} calls are made");
    let failures: Vec<Vec<String>> = futures::stream::iter(attempts)
        .map(|(method, place, values)| attempt(stage, method, place, values))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let failures = failures.concat();
    assert!(
        failures.is_empty(),
        "{} of {calls}:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// Every RPC with everything at once, as large as the rules allow: it is read, and what is wrong with it is told.
pub(crate) async fn largest_messages(stage: &Stage) {
    let pool = DescriptorPool::decode(contracts::FILE_DESCRIPTOR_SET).unwrap();
    for service in pool.services() {
        for method in service.methods() {
            let rpc = format!("/{}/{}", service.full_name(), method.name());
            let message = largest(&method.input()).encode_to_vec();
            let bytes = message.len();
            let (channel, authorization) = stage.caller_of(rule_of(&rpc).unwrap());
            let answer = call(&channel, &rpc, authorization.as_deref(), message).await;
            let Err(status) = answer else { continue };
            assert!(!broken(status.code()), "{rpc}, {bytes} bytes: {status:?}");
            let reason = status.get_details_error_info().map(|info| info.reason);
            assert_ne!(
                reason.as_deref(),
                Some("MESSAGE_TOO_LARGE"),
                "{rpc}, {bytes} bytes"
            );
        }
    }
}

/// Every field of a message that is no message itself, however deep, and every list of messages.
fn fields(message: &MessageDescriptor, way: &mut Vec<FieldDescriptor>, in_row: bool, found: &mut Vec<Place>) {
    for field in message.fields() {
        way.push(field.clone());
        let kind = field.kind();
        if field.is_list() || kind.as_message().is_none() {
            found.push(Place {
                way: way.clone(),
                in_row,
            });
        }
        if let Kind::Message(inner) = kind {
            fields(&inner, way, in_row || Rule::of(&field).apart, found);
        }
        way.pop();
    }
}

/// One call of one value, or of a row for each; what is wrong with its answer.
async fn attempt(
    stage: &Stage,
    method: MethodDescriptor,
    place: Arc<Place>,
    values: Vec<Generated>,
) -> Vec<String> {
    let rpc = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let request = request(stage, &method, &place, &values);
    let (channel, authorization) = stage.caller_of(rule_of(&rpc).unwrap());
    let answer = call(&channel, &rpc, authorization.as_deref(), request.encode_to_vec()).await;
    let wrong = match answer {
        Ok(answer) if place.in_row => of_rows(&answer, &place, &values),
        answer => judged(&rpc, answer, &place, &values[0]).into_iter().collect(),
    };
    let named = |wrong: String| format!("{rpc}: {}, {wrong}", place.name(true));
    wrong.into_iter().map(named).collect()
}

fn of_rows(answer: &Bytes, place: &Place, values: &[Generated]) -> Vec<String> {
    let results = ImportContractsResponse::decode(answer.clone()).unwrap().results;
    assert_eq!(results.len(), values.len());
    let rows = results.iter().zip(values);
    rows.filter(|(result, generated)| {
        generated.beyond && !result.problems.iter().any(|problem| is_at(&problem.field, place))
    })
    .map(|(result, generated)| format!("{}: not named: {:?}", generated.what, result.problems))
    .collect()
}

fn judged(rpc: &str, answer: Result<Bytes, Status>, place: &Place, generated: &Generated) -> Option<String> {
    let wrong = match answer {
        Err(status) if broken(status.code()) => Some(format!("{status:?}")),
        Err(status) if generated.beyond => (!names(&status, place)).then(|| format!("not named: {status:?}")),
        Err(_) if rpc.starts_with(FOR_PROGRAMS) => None,
        Err(status) => told(&status),
        Ok(_) => generated
            .beyond
            .then(|| "accepted, which its rule forbids".to_owned()),
    };
    wrong.map(|wrong| format!("{}: {wrong}", generated.what))
}

/// Called by our own services alone, which read codes and fields: it has no texts for people.
const FOR_PROGRAMS: &str = "/madoguchi.feed.v1.FeedService/";

/// Codes that say that something of ours broke, or is not there.
const fn broken(code: Code) -> bool {
    matches!(
        code,
        Code::Internal
            | Code::Unknown
            | Code::DataLoss
            | Code::Unimplemented
            | Code::DeadlineExceeded
            | Code::Cancelled
    )
}

fn is_at(field: &str, place: &Place) -> bool {
    field == place.name(false) || field == place.name(true)
}

fn names(status: &Status, place: &Place) -> bool {
    let bad = status.get_details_bad_request();
    let fields = bad.into_iter().flat_map(|bad| bad.field_violations);
    status.code() == Code::InvalidArgument
        && fields.map(|wrong| wrong.field).any(|field| is_at(&field, place))
}

/// Every refusal has a reason and a text for people.
fn told(status: &Status) -> Option<String> {
    let reason = status.get_details_error_info().map(|info| info.reason);
    let text = status.get_details_localized_message().map(|text| text.message);
    let complete =
        reason.is_some_and(|reason| !reason.is_empty()) && text.is_some_and(|text| !text.is_empty());
    (!complete).then(|| format!("without words: {status:?}"))
}

/// The base request with this value at its place, or with a row for each.
fn request(stage: &Stage, method: &MethodDescriptor, place: &Place, values: &[Generated]) -> DynamicMessage {
    if !place.in_row {
        return with(stage, method.input(), &place.way, &values[0].value);
    }
    let (rows, rest) = place.way.split_first().unwrap();
    let kind = rows.kind();
    let row = kind.as_message().unwrap();
    let made = values
        .iter()
        .map(|generated| with(stage, row.clone(), rest, &generated.value));
    let mut request = stage.base(method.input());
    request.set_field(rows, Value::List(made.map(Value::Message).collect()));
    request
}

/// The base request with this value on this way.
fn with(stage: &Stage, message: MessageDescriptor, way: &[FieldDescriptor], value: &Value) -> DynamicMessage {
    let mut request = stage.base(message);
    let (field, rest) = way.split_first().unwrap();
    if rest.is_empty() {
        request.set_field(field, value.clone());
        return request;
    }
    let Kind::Message(inner) = field.kind() else {
        unreachable!("a way goes through messages")
    };
    let inner = Value::Message(with(stage, inner, rest, value));
    let inner = if field.is_list() {
        Value::List(vec![inner])
    } else {
        inner
    };
    request.set_field(field, inner);
    request
}
