//! `madoguchi.admin.v1.ParkingAdminService`, added by the runtime to every service that listens to others: operators see
//! what could not be applied and decide about it, with a reason that is kept.

use contracts::admin::v1 as wire;
use contracts::admin::v1::parking_admin_service_server::{ParkingAdminService, ParkingAdminServiceServer};
use decider::Problem;
use eventsourcing::Cursor;
use kernel::{EventId, PhoneNumber};
use messaging::{Decision, Filter, ParkedMessage, Parking, ParkingError, PastDecision};
use prost::Message;
use tonic::{Request, Response, Status};

use crate::grpc::command::{CommandError, command};
use crate::grpc::context::Context;
use crate::grpc::problem::refuse;
use crate::tokens::caller::caller;

/// Answers operators for all subscriptions of this service.
pub(crate) struct ParkingAdmin {
    context: Context,
    parkings: Vec<Parking>,
}

impl ParkingAdmin {
    pub(crate) const fn new(context: Context, parkings: Vec<Parking>) -> Self {
        Self { context, parkings }
    }

    pub(crate) fn into_service(self) -> ParkingAdminServiceServer<Self> {
        ParkingAdminServiceServer::new(self)
    }

    fn of(&self, consumer: &str, source: &str) -> Result<&Parking, ParkingError> {
        self.parkings
            .iter()
            .find(|parking| parking.consumer() == consumer && parking.source() == source)
            .ok_or(ParkingError::NotFound)
    }

    fn decision<T: Message>(
        &self,
        request: &Request<T>,
        (request_id, reason): (&str, &str),
    ) -> Result<Decision, CommandError> {
        decision(&self.context, request, (request_id, reason))
    }
}

/// Who decides, why, and under which request.
pub(crate) fn decision<T: Message>(
    context: &Context,
    request: &Request<T>,
    (request_id, reason): (&str, &str),
) -> Result<Decision, CommandError> {
    let envelope = command(context, request, request_id)?;
    Ok(Decision {
        request_key: envelope.key.as_uuid(),
        payload_hash: envelope.payload_hash,
        decided_by: caller(request).scope().unwrap_or_default(),
        reason: parse_reason(reason)?,
    })
}

#[tonic::async_trait]
impl ParkingAdminService for ParkingAdmin {
    async fn list_parked(
        &self,
        request: Request<wire::ListParkedRequest>,
    ) -> Result<Response<wire::ListParkedResponse>, Status> {
        let request = request.into_inner();
        let query = ["ListParked", &request.consumer, &request.source];
        let page = self
            .context
            .page::<(String, String, Cursor)>(&query, request.page_size, &request.page_token)
            .map_err(refuse)?;
        let filter = Filter {
            consumer: request.consumer,
            source: request.source,
        };
        // One more than asked for tells whether there is another page.
        let limit = page.size.saturating_add(1);
        let mut found = messaging::parked_messages(&self.context.pool, &filter, page.after.as_ref(), limit)
            .await
            .map_err(refuse)?;
        let more = found.len() > usize::from(page.size);
        found.truncate(usize::from(page.size));
        let next_page_token = match found.last() {
            Some(last) if more => {
                page.next_token(&(last.consumer.clone(), last.source.clone(), last.position.cursor))
            }
            _ => String::new(),
        };
        Ok(Response::new(wire::ListParkedResponse {
            messages: found.into_iter().map(render).collect(),
            next_page_token,
        }))
    }

    async fn get_parked(
        &self,
        request: Request<wire::GetParkedRequest>,
    ) -> Result<Response<wire::GetParkedResponse>, Status> {
        let request = request.into_inner();
        let event = parse_event(&request.event_id).map_err(refuse)?;
        let details =
            messaging::parked_message(&self.context.pool, &request.consumer, &request.source, event)
                .await
                .map_err(refuse)?
                .ok_or_else(|| refuse(ParkingError::NotFound))?;
        Ok(Response::new(wire::GetParkedResponse {
            message: Some(render(details.message)),
            waiting: details.waiting,
            decisions: details.decisions.into_iter().map(render_decision).collect(),
        }))
    }

    async fn replay_parked(
        &self,
        request: Request<wire::ReplayParkedRequest>,
    ) -> Result<Response<wire::ReplayParkedResponse>, Status> {
        let asked = request.get_ref();
        let given = (asked.request_id.as_str(), asked.reason.as_str());
        let decision = self.decision(&request, given).map_err(refuse)?;
        let event = Some(&asked.event_id)
            .filter(|event| !event.is_empty())
            .map(|event| parse_event(event))
            .transpose()
            .map_err(refuse)?;
        let parking = self.of(&asked.consumer, &asked.source).map_err(refuse)?;
        let outcome = parking.replay(event, &decision).await.map_err(refuse)?;
        Ok(Response::new(wire::ReplayParkedResponse {
            applied: outcome.applied,
            failed: outcome.failed,
            left: outcome.left,
        }))
    }

    async fn discard_parked(
        &self,
        request: Request<wire::DiscardParkedRequest>,
    ) -> Result<Response<wire::DiscardParkedResponse>, Status> {
        let asked = request.get_ref();
        let given = (asked.request_id.as_str(), asked.reason.as_str());
        let decision = self.decision(&request, given).map_err(refuse)?;
        let event = parse_event(&asked.event_id).map_err(refuse)?;
        let parking = self.of(&asked.consumer, &asked.source).map_err(refuse)?;
        let outcome = parking.discard(event, &decision).await.map_err(refuse)?;
        Ok(Response::new(wire::DiscardParkedResponse {
            applied: outcome.applied,
            failed: outcome.failed,
            left: outcome.left,
        }))
    }
}

pub(crate) fn parse_event(text: &str) -> Result<EventId, Problem> {
    text.parse()
        .map_err(|_| Problem::invalid("event_id", "EVENT_ID_INVALID"))
}

/// The reason is kept as it is, so what is surely personal is refused: how to reach somebody (ADR 0004).
fn parse_reason(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    let personal = |word: &str| word.contains(['@', '＠']) || PhoneNumber::parse(word).is_ok();
    let refused = text.is_empty() || text.split_whitespace().any(personal);
    if refused {
        return Err(Problem::invalid("reason", "DECISION_REASON_INVALID"));
    }
    Ok(text.to_owned())
}

fn render(message: ParkedMessage) -> wire::ParkedMessage {
    let state = if message.error.is_some() {
        wire::ParkedState::Parked
    } else {
        wire::ParkedState::Waiting
    };
    wire::ParkedMessage {
        consumer: message.consumer,
        source: message.source,
        event_id: message.position.event_id.to_string(),
        cursor: message.position.cursor.to_string(),
        entity_id: message.entity_id.map(|id| id.to_string()).unwrap_or_default(),
        subject: message.subject,
        state: state.into(),
        error: message.error.unwrap_or_default(),
        attempts: message.attempts,
        first_at_us: message.first_at.as_microsecond(),
        last_at_us: message.last_at.as_microsecond(),
        payload_bytes: message.payload_bytes,
        withheld: message.withheld,
    }
}

fn render_decision(decision: PastDecision) -> wire::ParkingDecision {
    wire::ParkingDecision {
        action: decision.action,
        reason: decision.reason,
        decided_by: decision.decided_by,
        decided_at_us: decision.decided_at.as_microsecond(),
        applied: decision.applied,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_few_words_and_tells_nobody_how_to_reach_somebody() {
        for good in ["INC-20261125", "読み手を更新した", " the source was corrected "] {
            assert_eq!(parse_reason(good).unwrap(), good.trim());
        }
        for bad in ["", "  ", "ask 090-1234-5678", "asked taro@example.jp"] {
            let problem = parse_reason(bad).unwrap_err();
            assert_eq!(problem.violations[0].reason, "DECISION_REASON_INVALID", "{bad}");
        }
    }
}
