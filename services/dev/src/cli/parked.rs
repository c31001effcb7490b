//! `madoguchi parked`: the messages that a service could not apply, and what is decided about them.

use clap::{Args, Subcommand, ValueEnum};
use contracts::admin::v1::{
    DiscardParkedRequest, GetParkedRequest, ListParkedRequest, ParkedMessage, ParkedState,
    ReplayParkedRequest,
};
use contracts::names::{CLAIM_IMAGES, ENDORSEMENT, IDENTITY, PHONE_VERIFICATION, VIEWS};
use kernel::Timestamp;

use super::{Failure, Ground};
use crate::say;
use client::{Bearer, ParkingAdmin, answered, request_id};

#[derive(Args)]
pub(super) struct Parked {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
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
struct List {
    /// Only this service's; by default of all that listen to others
    #[arg(long)]
    service: Option<Listener>,
}

/// Names one message, as the list shows it.
#[derive(Args)]
struct Message {
    /// The service that did not apply it
    #[arg(long)]
    service: Listener,
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
struct Replay {
    /// The service that did not apply it
    #[arg(long)]
    service: Listener,
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
struct Discard {
    #[command(flatten)]
    message: Message,
    /// Why: a ticket, a few words, no personal data; kept
    #[arg(long)]
    reason: String,
}

/// The services that listen to others.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Listener {
    Identity,
    Endorsement,
    PhoneVerification,
    ClaimImages,
    Views,
}

impl Listener {
    const ALL: [Self; 5] = [
        Self::Identity,
        Self::Endorsement,
        Self::PhoneVerification,
        Self::ClaimImages,
        Self::Views,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Identity => IDENTITY,
            Self::Endorsement => ENDORSEMENT,
            Self::PhoneVerification => PHONE_VERIFICATION,
            Self::ClaimImages => CLAIM_IMAGES,
            Self::Views => VIEWS,
        }
    }

    fn admin(self, ground: &Ground) -> Result<ParkingAdmin, Failure> {
        let bearer = Bearer::new(&ground.staff_token("operator", &["administrator"])?);
        Ok(ground.client.parking_admin(self.name(), &bearer))
    }
}

impl Parked {
    pub(super) async fn execute(self, ground: &Ground) -> Result<(), Failure> {
        match self.action {
            Action::List(list) => list.execute(ground).await,
            Action::Show(message) => show(ground, message).await,
            Action::Replay(replay) => replay.execute(ground).await,
            Action::Discard(discard) => discard.execute(ground).await,
        }
    }
}

impl List {
    async fn execute(self, ground: &Ground) -> Result<(), Failure> {
        let mut found = 0;
        for listener in Listener::ALL {
            if self.service.is_some_and(|service| service != listener) {
                continue;
            }
            let mut admin = listener.admin(ground)?;
            let mut request = ListParkedRequest::default();
            loop {
                let page = answered(admin.list_parked(request.clone()).await)?;
                for message in &page.messages {
                    found += 1;
                    line(listener, message);
                }
                if page.next_page_token.is_empty() {
                    break;
                }
                request.page_token = page.next_page_token;
            }
        }
        if found == 0 {
            say!("nothing is parked");
        }
        Ok(())
    }
}

fn line(listener: Listener, message: &ParkedMessage) {
    let state = if message.state() == ParkedState::Waiting {
        "waits"
    } else {
        "parked"
    };
    say!(
        "{state:<7}--service {} --consumer {} --source {} --event {}",
        listener.name(),
        message.consumer,
        message.source,
        message.event_id
    );
    say!(
        "       {}  entity {}  since {}",
        message.subject,
        entity(message),
        at(message.first_at_us)
    );
    if !message.error.is_empty() {
        say!("       {}", message.error);
    }
}

async fn show(ground: &Ground, message: Message) -> Result<(), Failure> {
    let request = GetParkedRequest {
        consumer: message.consumer,
        source: message.source,
        event_id: message.event,
    };
    let details = answered(message.service.admin(ground)?.get_parked(request).await)?;
    let parked = details.message.unwrap_or_default();
    line(message.service, &parked);
    say!("       cursor {}, {} bytes", parked.cursor, parked.payload_bytes);
    say!(
        "       tried {} times, last {}; {} wait behind it",
        parked.attempts,
        at(parked.last_at_us),
        details.waiting
    );
    for decision in details.decisions {
        say!(
            "       {} {} by {}: {} ({} applied)",
            at(decision.decided_at_us),
            decision.action,
            decision.decided_by,
            decision.reason,
            decision.applied
        );
    }
    Ok(())
}

impl Replay {
    async fn execute(self, ground: &Ground) -> Result<(), Failure> {
        let request = ReplayParkedRequest {
            request_id: request_id(),
            consumer: self.consumer,
            source: self.source,
            event_id: self.event,
            reason: self.reason,
        };
        let outcome = answered(self.service.admin(ground)?.replay_parked(request).await)?;
        outcome_is(outcome.applied, outcome.failed, outcome.left)
    }
}

impl Discard {
    async fn execute(self, ground: &Ground) -> Result<(), Failure> {
        let request = DiscardParkedRequest {
            request_id: request_id(),
            consumer: self.message.consumer,
            source: self.message.source,
            event_id: self.message.event,
            reason: self.reason,
        };
        let outcome = answered(self.message.service.admin(ground)?.discard_parked(request).await)?;
        outcome_is(outcome.applied, outcome.failed, outcome.left)
    }
}

/// Fails if something failed again, so that a script notices.
fn outcome_is(applied: u64, failed: u64, left: u64) -> Result<(), Failure> {
    say!("{applied} applied, {failed} failed, {left} still parked or waiting");
    if failed > 0 {
        return Err("some messages failed again; `madoguchi parked list` says why".into());
    }
    Ok(())
}

fn entity(message: &ParkedMessage) -> &str {
    if message.entity_id.is_empty() {
        "unknown"
    } else {
        &message.entity_id
    }
}

fn at(micros: i64) -> String {
    Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_service_listens_to_another_and_can_be_asked() {
        let asked: BTreeSet<_> = Listener::ALL.into_iter().map(Listener::name).collect();
        assert_eq!(asked, crate::stack::SERVICES.into_iter().collect());
        assert_eq!(Listener::ALL.len(), Listener::value_variants().len());
    }
}
