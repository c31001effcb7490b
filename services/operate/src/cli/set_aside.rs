//! `set-aside`: the events of its own store that a service could not carry any further, tried again or given up.

use std::fmt;
use std::time::Duration;

use clap::{Args, Subcommand};
use client::{Client, SetAsideAdmin, answered, request_id};
use contracts::admin::v1::{GiveUpSetAsideRequest, ListSetAsideRequest, RetrySetAsideRequest, SetAsideEvent};
use serde::Serialize;

use super::service::{Service, asked};
use super::{Context, time};
use crate::failure::{Failure, Kind};
use crate::output::progress;

/// How long the service may handle what waits. Interrupted, the same command goes on.
const HANDLED_WITHIN: Duration = Duration::from_hours(1);

#[derive(Subcommand)]
pub(super) enum SetAside {
    /// List the events that a service could not publish, or could not handle itself
    List(List),
    /// Try them again, after a release that can, or with the cause repaired
    Retry(Retry),
    /// Give one event up for good
    GiveUp(GiveUp),
}

#[derive(Args)]
pub(super) struct List {
    /// Only this service's; by default of all whose address is known
    #[arg(long)]
    service: Option<Service>,
}

#[derive(Args)]
pub(super) struct Retry {
    /// The service whose events these are
    #[arg(long)]
    service: Service,
    /// Only this event (UUID); everything that is set aside there if absent
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    event: String,
    /// Why: a ticket, a few words, no personal data; kept
    #[arg(long)]
    reason: String,
}

#[derive(Args)]
pub(super) struct GiveUp {
    /// The service whose event it is
    #[arg(long)]
    service: Service,
    /// Event (UUID)
    #[arg(long, value_name = "ID")]
    event: String,
    /// Who passed it over, as the list shows it
    #[arg(long)]
    follower: String,
    /// Why: a ticket, a few words, no personal data; kept
    #[arg(long)]
    reason: String,
    /// Do it; without, the command says what will be lost and changes nothing
    #[arg(long)]
    yes: bool,
}

impl SetAside {
    pub(super) async fn execute(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.execute(context).await,
            Self::Retry(retry) => retry.execute(context).await,
            Self::GiveUp(give_up) => give_up.execute(context).await,
        }
    }
}

fn admin(service: Service, context: &Context) -> Result<SetAsideAdmin, Failure> {
    let client = context.deployment.client_of(&[service.name()])?;
    Ok(client.set_aside_admin(service.name(), &context.deployment.staff()?))
}

/// An event that was passed over.
#[derive(Serialize)]
struct Item {
    service: &'static str,
    follower: String,
    event_id: String,
    event_type: String,
    stream: String,
    revision: u64,
    entity_id: String,
    reason: String,
    error: String,
    waiting: u64,
    attempts: u32,
    first_at: String,
    last_at: String,
    cursor: String,
}

impl Item {
    fn of(service: Service, event: SetAsideEvent) -> Self {
        Self {
            service: service.name(),
            first_at: time(event.first_at_us),
            last_at: time(event.last_at_us),
            follower: event.follower,
            event_id: event.event_id,
            event_type: event.event_type,
            stream: event.stream,
            revision: event.revision,
            entity_id: event.entity_id,
            reason: event.reason,
            error: event.error,
            waiting: event.waiting,
            attempts: event.attempts,
            cursor: event.cursor,
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "--service {} --follower {} --event {}",
            self.service, self.follower, self.event_id
        )?;
        writeln!(
            f,
            "        {} in {} at {}  since {}, tried {} times, {} wait",
            self.event_type, self.stream, self.revision, self.first_at, self.attempts, self.waiting
        )?;
        writeln!(f, "        {}: {}", self.reason, self.error)
    }
}

#[derive(Serialize)]
struct Listed {
    events: Vec<Item>,
    /// Services that were not asked: their addresses are not known.
    not_asked: Vec<&'static str>,
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.events.iter().try_for_each(|event| event.fmt(f))?;
        if self.events.is_empty() {
            writeln!(f, "nothing is set aside")?;
        }
        if self.not_asked.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "not asked, for their addresses are not known: {}",
            self.not_asked.join(", ")
        )
    }
}

impl List {
    async fn execute(self, context: &Context) -> Result<(), Failure> {
        let (services, not_asked) = asked(context, self.service)?;
        let client = context.deployment.client()?;
        let mut events = Vec::new();
        for service in services {
            events.extend(all_of(context, &client, service).await?);
        }
        context.result(&Listed { events, not_asked });
        Ok(())
    }
}

async fn all_of(context: &Context, client: &Client, service: Service) -> Result<Vec<Item>, Failure> {
    let mut admin = client.set_aside_admin(service.name(), &context.deployment.staff()?);
    let mut items = Vec::new();
    let mut request = ListSetAsideRequest::default();
    loop {
        let page = answered(admin.list_set_aside(request.clone()).await)?;
        items.extend(page.events.into_iter().map(|event| Item::of(service, event)));
        if page.next_page_token.is_empty() {
            return Ok(items);
        }
        request.page_token = page.next_page_token;
    }
}

/// What came of another try.
#[derive(Serialize)]
struct Outcome {
    settled: u64,
    left: u64,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} settled, {} still set aside", self.settled, self.left)
    }
}

impl Outcome {
    /// Fails if something stays, so that a script notices.
    fn tell(&self, context: &Context) -> Result<(), Failure> {
        context.result(self);
        if self.left == 0 {
            return Ok(());
        }
        let told = format!("{} events stay set aside", self.left);
        Err(Failure::new(Kind::Found, told).hint("`madoguchi-operate set-aside list` says why"))
    }
}

impl Retry {
    async fn execute(self, context: &Context) -> Result<(), Failure> {
        let message = RetrySetAsideRequest {
            request_id: request_id(),
            event_id: self.event,
            reason: self.reason,
        };
        let mut admin = admin(self.service, context)?;
        let outcome = answered(admin.retry_set_aside(patient(message)).await)?;
        if outcome.settled > 0 {
            progress("who has parked them asks again with `madoguchi-operate parked replay`");
        }
        Outcome {
            settled: outcome.settled,
            left: outcome.left,
        }
        .tell(context)
    }
}

/// What is lost with an event that is given up.
#[derive(Serialize)]
struct Loss {
    lost: &'static str,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.lost)
    }
}

impl GiveUp {
    async fn execute(self, context: &Context) -> Result<(), Failure> {
        let lost = if self.follower == "relay" {
            "others never hear of this event; what they have parked for it is to be discarded there"
        } else {
            "what this reaction does about the event is never done; what waits behind it is handled"
        };
        if !self.yes {
            context.result(&Loss { lost });
            return Err(Failure::new(Kind::Found, "nothing was changed").hint("with --yes it is done"));
        }
        progress(lost);
        let message = GiveUpSetAsideRequest {
            request_id: request_id(),
            event_id: self.event,
            follower: self.follower,
            reason: self.reason,
        };
        let mut admin = admin(self.service, context)?;
        let outcome = answered(admin.give_up_set_aside(patient(message)).await)?;
        Outcome {
            settled: 1,
            left: outcome.left,
        }
        .tell(context)
    }
}

fn patient<T>(message: T) -> tonic::Request<T> {
    progress("the service handles what it can");
    let mut request = tonic::Request::new(message);
    request.set_timeout(HANDLED_WITHIN);
    request
}
