//! `madoguchi.admin.v1.SetAsideAdminService`, added by the runtime to every service: operators see what its own followers could
//! not carry, have it tried again, or give it up, with a reason that is kept.

use contracts::admin::v1 as wire;
use contracts::admin::v1::set_aside_admin_service_server::{
    SetAsideAdminService, SetAsideAdminServiceServer,
};
use decider::{Problem, ProblemKind};
use messaging::set_aside::{self, AsidePlace, RELAY, SetAside, Settlement};
use messaging::{MessageSize, Publish, Publisher, chain};
use tonic::{Request, Response, Status};

use crate::follow::reaction::OwnReaction;
use crate::follow::set_aside::{RetryError, SetAsides, Wish};
use crate::grpc::context::Context;
use crate::grpc::parking::{decision, parse_event};
use crate::grpc::problem::refuse;

/// Events looked at in one go.
const AT_ONCE: u16 = 100;

/// Answers operators for all followers of this service's store.
pub(crate) struct SetAsideAdmin {
    context: Context,
    asides: SetAsides,
}

impl SetAsideAdmin {
    /// `publish` tells nothing of the streams of the categories `private`.
    pub(crate) fn new(
        context: Context,
        reactions: Vec<OwnReaction>,
        publish: Option<Publish>,
        private: &'static [&'static str],
    ) -> Self {
        let largest = context
            .jetstream
            .as_ref()
            .map_or(MessageSize::STANDARD, |jetstream| jetstream.max_message);
        let asides = SetAsides {
            store: context.store.clone(),
            pool: context.pool.clone(),
            publisher: publish.map(|publish| Publisher::new(publish, largest).keeping(private)),
            reactions,
        };
        Self { context, asides }
    }

    pub(crate) fn into_service(self) -> SetAsideAdminServiceServer<Self> {
        SetAsideAdminServiceServer::new(self)
    }

    /// Goes through everything that is set aside when it begins. What fails for now is told when all of it was tried.
    async fn settle_all(
        &self,
        wanted: impl Fn(&SetAside) -> bool,
        wish: Wish,
        settlement: &Settlement,
    ) -> Result<WentThrough, RetryError> {
        let mut settled = WentThrough::default();
        let mut transient = None;
        let mut after: Option<AsidePlace> = None;
        loop {
            let page = set_aside::list(&self.context.pool, after.as_ref(), AT_ONCE).await?;
            for aside in &page {
                let tried = wanted(aside);
                settled.found |= tried;
                if tried && self.settle(aside, wish, settlement, &mut transient).await? {
                    settled.settled += 1;
                } else {
                    settled.left += 1;
                }
            }
            match page.last() {
                Some(last) if page.len() == usize::from(AT_ONCE) => after = Some(place(last)),
                _ => return transient.map_or(Ok(settled), Err),
            }
        }
    }

    /// Whether one is settled now. That it cannot be handled for now says nothing about the others: it is kept in `transient`.
    async fn settle(
        &self,
        aside: &SetAside,
        wish: Wish,
        settlement: &Settlement,
        transient: &mut Option<RetryError>,
    ) -> Result<bool, RetryError> {
        match self.asides.settle(aside, wish, settlement).await {
            Err(failure @ RetryError::Handling(_)) => {
                tracing::warn!(
                    follower = aside.follower, event.id = %aside.withheld.position.event_id, error = chain(&failure),
                    "an event that is set aside cannot be handled now; the others are tried"
                );
                *transient = Some(failure);
                Ok(false)
            }
            settled => settled,
        }
    }
}

/// What came of going through what is set aside.
#[derive(Debug, Default)]
struct WentThrough {
    found: bool,
    settled: u64,
    left: u64,
}

#[tonic::async_trait]
impl SetAsideAdminService for SetAsideAdmin {
    async fn list_set_aside(
        &self,
        request: Request<wire::ListSetAsideRequest>,
    ) -> Result<Response<wire::ListSetAsideResponse>, Status> {
        let request = request.into_inner();
        let page = self
            .context
            .page::<AsidePlace>(&["ListSetAside"], request.page_size, &request.page_token)
            .map_err(refuse)?;
        // One more than asked for tells whether there is another page.
        let limit = page.size.saturating_add(1);
        let mut found = set_aside::list(&self.context.pool, page.after.as_ref(), limit)
            .await
            .map_err(refuse)?;
        let more = found.len() > usize::from(page.size);
        found.truncate(usize::from(page.size));
        let next_page_token = match found.last() {
            Some(last) if more => page.next_token(&place(last)),
            _ => String::new(),
        };
        Ok(Response::new(wire::ListSetAsideResponse {
            events: found.into_iter().map(render).collect(),
            next_page_token,
        }))
    }

    async fn retry_set_aside(
        &self,
        request: Request<wire::RetrySetAsideRequest>,
    ) -> Result<Response<wire::RetrySetAsideResponse>, Status> {
        let asked = request.get_ref();
        let given = (asked.request_id.as_str(), asked.reason.as_str());
        let settlement = settlement(&self.context, &request, given).map_err(refuse)?;
        let event = Some(&asked.event_id)
            .filter(|event| !event.is_empty())
            .map(|event| parse_event(event))
            .transpose()
            .map_err(refuse)?;
        let wanted = |aside: &SetAside| event.is_none_or(|event| aside.withheld.position.event_id == event);
        let settled = self.settle_all(wanted, Wish::Retry, &settlement).await;
        let settled = settled.map_err(refuse)?;
        Ok(Response::new(wire::RetrySetAsideResponse {
            settled: settled.settled,
            left: settled.left,
        }))
    }

    async fn give_up_set_aside(
        &self,
        request: Request<wire::GiveUpSetAsideRequest>,
    ) -> Result<Response<wire::GiveUpSetAsideResponse>, Status> {
        let asked = request.get_ref();
        let given = (asked.request_id.as_str(), asked.reason.as_str());
        let settlement = settlement(&self.context, &request, given).map_err(refuse)?;
        let event = parse_event(&asked.event_id).map_err(refuse)?;
        let wanted =
            |aside: &SetAside| aside.withheld.position.event_id == event && aside.follower == asked.follower;
        let settled = self.settle_all(wanted, Wish::GiveUp, &settlement).await;
        let settled = settled.map_err(refuse)?;
        if !settled.found {
            // Whoever did not hear the answer asks again.
            let pool = &self.context.pool;
            let given_up = set_aside::is_settled_by(pool, &asked.follower, event, &settlement).await;
            if !given_up.map_err(refuse)? {
                return Err(refuse(Problem::new(ProblemKind::NotFound, "SET_ASIDE_NOT_FOUND")));
            }
        }
        Ok(Response::new(wire::GiveUpSetAsideResponse { left: settled.left }))
    }
}

fn settlement<T: prost::Message>(
    context: &Context,
    request: &Request<T>,
    given: (&str, &str),
) -> Result<Settlement, crate::grpc::command::CommandError> {
    let decision = decision(context, request, given)?;
    Ok(Settlement {
        by: decision.decided_by,
        reason: decision.reason,
    })
}

fn place(aside: &SetAside) -> AsidePlace {
    (aside.withheld.position.cursor, aside.follower.clone())
}

fn render(aside: SetAside) -> wire::SetAsideEvent {
    let withheld = aside.withheld;
    let waiting = if aside.follower == RELAY {
        0
    } else {
        aside.waits_to.saturating_sub(withheld.revision)
    };
    wire::SetAsideEvent {
        follower: aside.follower,
        event_id: withheld.position.event_id.to_string(),
        cursor: withheld.position.cursor.to_string(),
        stream: withheld.stream,
        revision: withheld.revision,
        entity_id: withheld.entity.map(|id| id.to_string()).unwrap_or_default(),
        event_type: withheld.event_type,
        reason: withheld.reason.name().to_owned(),
        error: withheld.error,
        waiting,
        attempts: aside.attempts,
        first_at_us: aside.first_at.as_microsecond(),
        last_at_us: aside.last_at.as_microsecond(),
    }
}
