//! Every field of every RPC alone, on a request that is valid but for it: no answer says that something broke, and what the
//! field's rule forbids is refused by the field's name.

use contracts::access::rule_of;
use contracts::endorsement::v1::ImportContractsResponse;
use prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::raw::call;
use crate::stage::Stage;
use crate::values::{Generated, Rule, of_field};

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
    let (mut calls, mut failures) = (0, Vec::new());
    for service in pool.services() {
        for method in service.methods() {
            let rpc = format!("/{}/{}", service.full_name(), method.name());
            let mut places = Vec::new();
            fields(&method.input(), &mut Vec::new(), false, &mut places);
            for place in &places {
                for generated in of_field(place.way.last().unwrap()) {
                    calls += 1;
                    let wrong = attempt(stage, &rpc, &method, place, &generated).await;
                    let place = place.name(true);
                    failures
                        .extend(wrong.map(|wrong| format!("{rpc}: {place}, {}: {wrong}", generated.what)));
                }
            }
        }
    }
    assert!(calls > 1_500, "only {calls} calls were made");
    assert!(
        failures.is_empty(),
        "{} of {calls}:\n{}",
        failures.len(),
        failures.join("\n")
    );
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

/// One call; what is wrong with its answer.
async fn attempt(
    stage: &Stage,
    rpc: &str,
    method: &MethodDescriptor,
    place: &Place,
    generated: &Generated,
) -> Option<String> {
    let request = with(stage, method.input(), &place.way, &generated.value);
    let (channel, authorization) = stage.caller_of(rule_of(rpc).unwrap());
    let answer = call(&channel, rpc, authorization.as_deref(), request.encode_to_vec()).await;
    match answer {
        Err(status) if broken(status.code()) => Some(format!("{status:?}")),
        Err(status) if generated.beyond => (!names(&status, place)).then(|| format!("not named: {status:?}")),
        Err(status) => told(&status),
        Ok(answer) if place.in_row => {
            let results = ImportContractsResponse::decode(answer).unwrap().results;
            let problems = &results[0].problems;
            let named = problems.iter().any(|problem| is_at(&problem.field, place));
            (generated.beyond && !named).then(|| format!("not named: {problems:?}"))
        }
        Ok(_) => generated
            .beyond
            .then(|| "accepted, which its rule forbids".to_owned()),
    }
}

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
