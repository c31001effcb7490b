//! `parked`: the messages that a service could not apply, and what is decided about them.

use std::fmt;
use std::time::Duration;

use clap::{Args, Subcommand};
use client::{Client, ParkingAdmin, answered, request_id};
use contracts::admin::v1::{
    DiscardParkedRequest, GetParkedRequest, ListParkedRequest, ParkedMessage, ParkedState,
    ReplayParkedRequest,
};
use contracts::names::VIEWS;
use serde::Serialize;

use super::service::{Service, asked};
use super::{Context, time};
use crate::failure::{Failure, Kind};
use crate::output::progress;

/// How long the service may apply what was parked. Interrupted, the same command goes on.
const APPLIED_WITHIN: Duration = Duration::from_hours(1);

#[derive(Subcommand)]
pub(super) enum Parked {
    /// List what could not be applied and what waits behind it
    List(List),
    /// Show one message, and what was decided about it
    Show(Message),
    /// Apply parked messages again, with what waits behind them
    Replay(Replay),
    /// Drop one parked message for good; what waits behind it is applied
    Discard(Discard),
}

#[derive(Args)]
pub(super) struct List {
    /// Only this service's; by default of all whose address is known
    #[arg(long)]
    service: Option<Service>,
}

/// Names one message, as the list shows it.
#[derive(Args)]
pub(super) struct Message {
    /// The service that did not apply it
    #[arg(long)]
    service: Service,
    /// Consumer
    #[arg(long)]
    consumer: String,
    /// The service that published it
    #[arg(long)]
    source: String,
    /// Event (UUID)
    #[arg(long, value_name = "ID")]
    event: String,
}

#[derive(Args)]
pub(super) struct Replay {
    /// The service that did not apply it
    #[arg(long)]
    service: Service,
    /// Consumer
    #[arg(long)]
    consumer: String,
    /// The service that published it
    #[arg(long)]
    source: String,
    /// Any message (UUID) of the entity; everything that is parked there if absent
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    event: String,
    /// Why: a ticket, a few words, no personal data; kept
    #[arg(long)]
    reason: String,
}

#[derive(Args)]
pub(super) struct Discard {
    #[command(flatten)]
    message: Message,
    /// Why: a ticket, a few words, no personal data; kept
    #[arg(long)]
    reason: String,
    /// Do it; without, the command says what will be lost and changes nothing
    #[arg(long)]
    yes: bool,
}

fn admin(service: Service, context: &Context) -> Result<ParkingAdmin, Failure> {
    let client = context.deployment.client_of(&[service.name()])?;
    Ok(client.parking_admin(service.name(), &context.deployment.staff()?))
}

impl Parked {
    pub(super) async fn execute(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.execute(context).await,
            Self::Show(message) => show(context, message).await,
            Self::Replay(replay) => replay.execute(context).await,
            Self::Discard(discard) => discard.execute(context).await,
        }
    }
}

/// A message that was not applied.
#[derive(Serialize)]
struct Item {
    service: &'static str,
    consumer: String,
    source: String,
    event_id: String,
    state: &'static str,
    subject: String,
    entity_id: String,
    error: String,
    attempts: u32,
    first_at: String,
    last_at: String,
    cursor: String,
    payload_bytes: u32,
}

impl Item {
    fn of(service: Service, message: ParkedMessage) -> Self {
        let waits = message.state() == ParkedState::Waiting;
        Self {
            service: service.name(),
            state: if waits { "WAITING" } else { "PARKED" },
            first_at: time(message.first_at_us),
            last_at: time(message.last_at_us),
            consumer: message.consumer,
            source: message.source,
            event_id: message.event_id,
            subject: message.subject,
            entity_id: message.entity_id,
            error: message.error,
            attempts: message.attempts,
            cursor: message.cursor,
            payload_bytes: message.payload_bytes,
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<8}--service {} --consumer {} --source {} --event {}",
            self.state.to_lowercase(),
            self.service,
            self.consumer,
            self.source,
            self.event_id
        )?;
        let entity = if self.entity_id.is_empty() {
            "unknown"
        } else {
            &self.entity_id
        };
        writeln!(
            f,
            "        {}  entity {entity}  since {}",
            self.subject, self.first_at
        )?;
        if self.error.is_empty() {
            Ok(())
        } else {
            writeln!(f, "        {}", self.error)
        }
    }
}

#[derive(Serialize)]
struct Listed {
    messages: Vec<Item>,
    /// Services that listen to others and were not asked: their addresses are not known.
    not_asked: Vec<&'static str>,
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for message in &self.messages {
            message.fmt(f)?;
        }
        if self.messages.is_empty() {
            writeln!(f, "nothing is parked")?;
        }
        if self.not_asked.is_empty() {
            Ok(())
        } else {
            writeln!(
                f,
                "not asked, for their addresses are not known: {}",
                self.not_asked.join(", ")
            )
        }
    }
}

impl List {
    async fn execute(self, context: &Context) -> Result<(), Failure> {
        let (services, not_asked) = asked(context, self.service)?;
        let client = context.deployment.client()?;
        let mut messages = Vec::new();
        for service in services {
            messages.extend(all_of(context, &client, service).await?);
        }
        context.result(&Listed { messages, not_asked });
        Ok(())
    }
}

async fn all_of(context: &Context, client: &Client, service: Service) -> Result<Vec<Item>, Failure> {
    let mut admin = client.parking_admin(service.name(), &context.deployment.staff()?);
    let mut items = Vec::new();
    let mut request = ListParkedRequest::default();
    loop {
        let page = answered(admin.list_parked(request.clone()).await)?;
        items.extend(
            page.messages
                .into_iter()
                .map(|message| Item::of(service, message)),
        );
        if page.next_page_token.is_empty() {
            return Ok(items);
        }
        request.page_token = page.next_page_token;
    }
}

/// A message, and what was decided about it.
#[derive(Serialize)]
struct Details {
    message: Item,
    waiting: u64,
    decisions: Vec<Decision>,
}

#[derive(Serialize)]
struct Decision {
    at: String,
    action: String,
    by: String,
    reason: String,
    applied: u64,
}

impl fmt::Display for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = &self.message;
        message.fmt(f)?;
        writeln!(
            f,
            "        cursor {}, {} bytes",
            message.cursor, message.payload_bytes
        )?;
        writeln!(
            f,
            "        tried {} times, last {}; {} wait behind it",
            message.attempts, message.last_at, self.waiting
        )?;
        for Decision {
            at,
            action,
            by,
            reason,
            applied,
        } in &self.decisions
        {
            writeln!(f, "        {at} {action} by {by}: {reason} ({applied} applied)")?;
        }
        Ok(())
    }
}

async fn show(context: &Context, message: Message) -> Result<(), Failure> {
    let request = GetParkedRequest {
        consumer: message.consumer,
        source: message.source,
        event_id: message.event,
    };
    let details = answered(admin(message.service, context)?.get_parked(request).await)?;
    let decisions = details.decisions.into_iter().map(|decision| Decision {
        at: time(decision.decided_at_us),
        action: decision.action,
        by: decision.decided_by,
        reason: decision.reason,
        applied: decision.applied,
    });
    context.result(&Details {
        message: Item::of(message.service, details.message.unwrap_or_default()),
        waiting: details.waiting,
        decisions: decisions.collect(),
    });
    Ok(())
}

impl Replay {
    async fn execute(self, context: &Context) -> Result<(), Failure> {
        let message = ReplayParkedRequest {
            request_id: request_id(),
            consumer: self.consumer,
            source: self.source,
            event_id: self.event,
            reason: self.reason,
        };
        let outcome = answered(
            admin(self.service, context)?
                .replay_parked(patient(message))
                .await,
        )?;
        Outcome {
            applied: outcome.applied,
            failed: outcome.failed,
            left: outcome.left,
        }
        .tell(context)
    }
}

impl Discard {
    async fn execute(self, context: &Context) -> Result<(), Failure> {
        let mut admin = admin(self.message.service, context)?;
        let named = GetParkedRequest {
            consumer: self.message.consumer,
            source: self.message.source,
            event_id: self.message.event,
        };
        let details = answered(admin.get_parked(named.clone()).await)?;
        let loss = Loss::of(
            self.message.service,
            details.message.unwrap_or_default(),
            details.waiting,
        );
        if !self.yes {
            context.result(&loss);
            return Err(Failure::new(Kind::Found, "nothing was changed").hint("with --yes it is done"));
        }
        progress(loss.to_string());
        let message = DiscardParkedRequest {
            request_id: request_id(),
            consumer: named.consumer,
            source: named.source,
            event_id: named.event_id,
            reason: self.reason,
        };
        let outcome = answered(admin.discard_parked(patient(message)).await)?;
        Outcome {
            applied: outcome.applied,
            failed: outcome.failed,
            left: outcome.left,
        }
        .tell(context)
    }
}

/// What is lost with a message that is discarded.
#[derive(Serialize)]
struct Loss {
    message: Item,
    waiting: u64,
    lost: &'static str,
}

impl Loss {
    fn of(service: Service, message: ParkedMessage, waiting: u64) -> Self {
        let lost = if service.name() == VIEWS {
            "the views will not show what it says, until a rebuild that can apply it"
        } else {
            "this service will never know what it says; nothing brings it back"
        };
        Self {
            message: Item::of(service, message),
            waiting,
            lost,
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            message,
            waiting,
            lost,
        } = self;
        write!(
            f,
            "{message}        {lost}; {waiting} that wait behind it are applied"
        )
    }
}

fn patient<T>(message: T) -> tonic::Request<T> {
    progress("the service applies what it can");
    let mut request = tonic::Request::new(message);
    request.set_timeout(APPLIED_WITHIN);
    request
}

/// What came of a decision.
#[derive(Serialize)]
struct Outcome {
    applied: u64,
    failed: u64,
    left: u64,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            applied,
            failed,
            left,
        } = self;
        write!(
            f,
            "{applied} applied, {failed} failed, {left} still parked or waiting"
        )
    }
}

impl Outcome {
    /// Fails if something failed again, so that a script notices.
    fn tell(&self, context: &Context) -> Result<(), Failure> {
        context.result(self);
        if self.failed == 0 {
            return Ok(());
        }
        let told = format!("{} messages failed again", self.failed);
        Err(Failure::new(Kind::Found, told).hint("`madoguchi-operate parked list` says why"))
    }
}
