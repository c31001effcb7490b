//! What a service's start plugs in. Nothing runs until the start has returned without an error.

use std::{convert::Infallible, error::Error, future::Future, pin::Pin, sync::Arc, time::Duration};

use eventsourcing::RecordedEvent;
use http::{Request, Response};
use kernel::clock::Timestamp;
use messaging::{Handler, Parking, Subscription, SubscriptionSettings};
use tonic::{body::Body, server::NamedService, service::RoutesBuilder};

use crate::config::start_error::StartError;
use crate::follow::deadlines::{Deadlines, Wake};
use crate::follow::reaction::{OwnReaction, ReactionError};
use crate::grpc::context::Context;
use crate::grpc::served::Served;
use crate::watch::{Overdue, SubscriptionHandle, WatchedSubscription};

/// A task's end.
pub(crate) type TaskResult = Result<(), Box<dyn Error + Send + Sync>>;
/// A task that has not begun.
pub(crate) type Task = Pin<Box<dyn Future<Output = TaskResult> + Send>>;

/// Collects what the service is made of.
pub struct Wiring {
    context: Context,
    pub(crate) routes: RoutesBuilder,
    /// For health and reflection.
    pub(crate) services: Vec<&'static str>,
    pub(crate) tasks: Vec<(String, Task)>,
    pub(crate) subscriptions: Vec<WatchedSubscription>,
    pub(crate) parkings: Vec<Parking>,
    pub(crate) reactions: Vec<OwnReaction>,
    pub(crate) rotation: Option<Overdue>,
}

impl Wiring {
    pub(crate) fn new(context: Context) -> Self {
        Self {
            context,
            routes: RoutesBuilder::default(),
            services: Vec::new(),
            tasks: Vec::new(),
            subscriptions: Vec::new(),
            parkings: Vec::new(),
            reactions: Vec::new(),
            rotation: None,
        }
    }

    pub(crate) const fn context(&self) -> &Context {
        &self.context
    }

    /// Serves a generated gRPC service.
    pub fn grpc<S>(&mut self, service: S) -> &mut Self
    where
        S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + Served
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.routes.add_service(service.served());
        self.services.push(S::NAME);
        self
    }

    /// Runs a task beside the server. It must end when `context.shutdown` is cancelled; if it fails before, the whole
    /// process stops.
    pub fn task<E>(
        &mut self,
        name: &str,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) -> &mut Self
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.tasks.push((
            name.to_owned(),
            Box::pin(async move { task.await.map_err(Into::into) }),
        ));
        self
    }

    /// Follows another service's published events. One active reader per `consumer` among all replicas.
    pub fn subscribe(
        &mut self,
        consumer: &'static str,
        source: &'static str,
        handler: Arc<dyn Handler>,
    ) -> Result<SubscriptionHandle, StartError> {
        self.follow(consumer, source, handler, false)
    }

    /// The same for what cannot be taken back: each event is read from the source itself before it is applied.
    pub fn subscribe_asking_source(
        &mut self,
        consumer: &'static str,
        source: &'static str,
        handler: Arc<dyn Handler>,
    ) -> Result<SubscriptionHandle, StartError> {
        self.follow(consumer, source, handler, true)
    }

    fn follow(
        &mut self,
        consumer: &'static str,
        source: &'static str,
        handler: Arc<dyn Handler>,
        asks_source: bool,
    ) -> Result<SubscriptionHandle, StartError> {
        let context = &self.context;
        let (Some(nats), Some(jetstream)) = (context.nats.clone(), context.jetstream.clone()) else {
            return Err(StartError::setting(
                "nats.url",
                "is missing, and this service listens to others",
            ));
        };
        let settings = SubscriptionSettings {
            prefix: jetstream.prefix,
            lease_ttl: context.lease,
            asks_source,
            ..SubscriptionSettings::default()
        };
        let subscription = Subscription::new(
            consumer,
            context.pool.clone(),
            nats,
            context.feed(source)?,
            handler,
            settings,
        );
        let status = subscription.status();
        self.parkings.push(subscription.parking());
        let shutdown = context.shutdown.clone();
        self.subscriptions.push(WatchedSubscription {
            consumer: consumer.to_owned(),
            source: source.to_owned(),
            status: status.clone(),
        });
        self.task(
            &format!("subscription {consumer} to {source}"),
            subscription.run(shutdown),
        );
        Ok(status)
    }

    /// Handles every event of the service's own store once, at least once, in order, from the beginning. `name` keys the
    /// checkpoint and must never change. The handler ignores what it does not care for and answers
    /// [`ReactionError::Content`] to a type it does not know: the event is set aside and its stream waits behind it.
    pub fn own_reaction<F, R>(&mut self, name: &'static str, handler: F) -> &mut Self
    where
        F: Fn(RecordedEvent) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), ReactionError>> + Send + 'static,
    {
        let reaction = OwnReaction {
            name,
            store: self.context.store.clone(),
            pool: self.context.pool.clone(),
            handler: Arc::new(move |event| Box::pin(handler(event))),
            shutdown: self.context.shutdown.clone(),
        };
        self.reactions.push(reaction.clone());
        self.task(&format!("reaction {name}"), reaction.run())
    }

    /// Handles what is due: `due` gets the Clock's now, handles some rows and says how many; it is called again while
    /// that is more than none, and looked in on every 200 ms or when woken.
    pub fn deadlines<F, R>(&mut self, name: &'static str, due: F) -> Wake
    where
        F: Fn(Timestamp) -> R + Send + Sync + 'static,
        R: Future<Output = Result<usize, ReactionError>> + Send + 'static,
    {
        let wake = Wake::default();
        let deadlines = Deadlines {
            name,
            clock: self.context.clock.clone(),
            due: Arc::new(move |now| Box::pin(due(now))),
            wake: wake.clone(),
            shutdown: self.context.shutdown.clone(),
        };
        self.task(&format!("deadlines {name}"), deadlines.run());
        wake
    }
    /// Tells operators when the service's signing keys do not change as they should: `overdue` says for how long a successor
    /// should have been announced by the Clock's now, zero where none is due.
    pub fn watch_rotation(&mut self, overdue: impl Fn(Timestamp) -> Duration + Send + 'static) -> &mut Self {
        self.rotation = Some(Box::new(overdue));
        self
    }
}
