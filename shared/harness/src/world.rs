//! One service with everything around it. Prepared first, so that a test may change settings and neighbours, then
//! started; killed, stopped and started again on the same databases.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use contracts::names::{IDENTITY, SERVICES};
use futures::future::join_all;
use jiff::SignedDuration;
use kernel::clock::{Clock as _, ManualClock};
use kernel::{SubjectId, Timestamp};
use privacy::{Keyring, MasterKey};
use service::{Overrides, Service};
use tempfile::TempDir;
use testkit::staff_issuer::{STAFF_AUDIENCE, STAFF_ISSUER, StaffIssuer};
use testkit::{TestDatabase, TestNats};
use tonic::transport::Channel;

use crate::callers::bearing;
use crate::instance::Instance;
use crate::settings::{MASTER_KEY, Settings, secret_of};
use crate::stand_in::StandIn;

/// The member of staff who calls where it does not matter who.
pub const STAFF: &str = "staff-7";
/// Where a neighbour is who is not stood in for: nobody answers.
const NOWHERE: &str = "http://127.0.0.1:1";

/// The world of the service `S`.
pub struct World<S> {
    /// Its clock; stands still unless moved.
    pub clock: ManualClock,
    /// Its database.
    pub database: TestDatabase,
    /// The database of the keyring, which it shares with its neighbours.
    pub keys: TestDatabase,
    /// Its names on NATS.
    pub nats: TestNats,
    /// The insurer's sign-on.
    pub staff: StaffIssuer,
    /// For files of its own.
    pub folder: TempDir,
    /// What it is started with next.
    pub settings: Settings,
    stand_ins: Vec<StandIn>,
    instance: Option<Instance>,
    /// Whether an instance was killed that may have left leases behind.
    left_leases: bool,
    service: PhantomData<fn() -> S>,
}

impl<S: Service> World<S> {
    /// At this instant. Nothing runs yet, and no neighbour can be heard.
    pub async fn prepare(now: &str) -> Self {
        let (database, keys, nats) = tokio::join!(testkit::database(), testkit::database(), testkit::nats());
        let (database, keys, nats) = (database.unwrap(), keys.unwrap(), nats.unwrap());
        let staff = StaffIssuer::generate();
        let folder = tempfile::tempdir().unwrap();
        let jwks = folder.path().join("staff.json");
        std::fs::write(&jwks, staff.jwks()).unwrap();
        let mut settings = Settings::new(&database, &keys, &nats)
            .with("peers.own_secret", secret_of(S::NAME))
            .with("tokens.staff_issuer", STAFF_ISSUER)
            .with("tokens.staff_audience", STAFF_AUDIENCE)
            .with("tokens.staff_jwks_file", jwks.display().to_string());
        for neighbour in SERVICES.iter().filter(|name| **name != S::NAME) {
            settings.set(&format!("feeds.{neighbour}"), NOWHERE);
        }
        Self {
            clock: ManualClock::new(now.parse().unwrap()),
            database,
            keys,
            nats,
            staff,
            folder,
            settings,
            stand_ins: Vec::new(),
            instance: None,
            left_leases: false,
            service: PhantomData,
        }
    }

    /// Stands in for neighbours, who can be heard by the next instance that starts.
    pub async fn stand_in_for(&mut self, services: &[&'static str]) {
        let starting = services.iter().map(|service| self.neighbour(service));
        for stand_in in join_all(starting).await {
            self.settings
                .set(&format!("feeds.{}", stand_in.service), stand_in.url());
            self.stand_ins.push(stand_in);
        }
    }

    async fn neighbour(&self, service: &'static str) -> StandIn {
        let database = testkit::database().await.unwrap();
        let mut settings = Settings::new(&database, &self.keys, &self.nats);
        settings.accept(S::NAME);
        settings.set("database.max_connections", 6);
        let overrides = Overrides {
            clock: Some(Arc::new(self.clock.clone())),
        };
        StandIn::start(service, database, &settings, overrides).await
    }

    /// The stand-in for a neighbour.
    pub fn stand_in(&self, service: &str) -> &StandIn {
        let found = self.stand_ins.iter().find(|found| found.service == service);
        found.unwrap_or_else(|| panic!("nobody stands in for {service}"))
    }

    /// Stops the stand-in for a neighbour and starts it again; the next instance that starts hears it.
    pub async fn restart_stand_in(&mut self, service: &str) {
        let found = self.stand_ins.iter_mut().find(|found| found.service == service);
        let stand_in = found.unwrap_or_else(|| panic!("nobody stands in for {service}"));
        stand_in.restart().await;
        self.settings
            .set(&format!("feeds.{}", stand_in.service), stand_in.url());
    }

    /// Starts it, as it is set now. Leases that a killed instance left behind have run out by then: no test waits for that.
    pub async fn start(&mut self) {
        if std::mem::take(&mut self.left_leases) {
            sqlx::query("UPDATE messaging.lease SET expires_at = clock_timestamp() - interval '1 second'")
                .execute(&self.database.pool)
                .await
                .unwrap();
        }
        self.instance = Some(self.another().await);
    }

    /// One more instance, as it is set now.
    pub async fn another(&self) -> Instance {
        self.another_with(&self.settings).await
    }

    /// One more instance, set otherwise.
    pub async fn another_with(&self, settings: &Settings) -> Instance {
        Instance::start::<S>(settings, &self.clock).await
    }

    /// The instance that runs.
    pub fn instance(&self) -> &Instance {
        self.instance.as_ref().expect("it was started")
    }

    /// A connection to it.
    pub fn channel(&self) -> Channel {
        self.instance().channel()
    }

    /// Drops every task where it stands, as a kill would.
    pub fn kill(&mut self) {
        self.instance.take().expect("it was started").kill();
        self.left_leases = true;
    }

    /// Stops in order, as a deployment does.
    pub async fn stop(&mut self) {
        self.instance.take().expect("it was started").stop().await;
    }

    /// A kill, and a fresh instance on the same databases.
    pub async fn kill_and_restart(&mut self) {
        self.kill();
        self.start().await;
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What rows are as of that are imported now, in microseconds since the Unix epoch: each call is later than the one before.
    pub fn as_of_us(&self) -> i64 {
        static CALLS: AtomicI64 = AtomicI64::new(0);
        self.now().as_microsecond() + CALLS.fetch_add(1, Ordering::Relaxed)
    }

    /// Moves the clock.
    pub fn advance(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// The keyring as another process has it, with nothing cached.
    pub fn keyring(&self) -> Keyring {
        Keyring::new(self.keys.pool.clone(), MasterKey::from_hex(MASTER_KEY).unwrap())
    }

    /// The subject's key is destroyed elsewhere; who has it at hand still has it.
    pub async fn destroy(&self, subject: SubjectId) {
        self.keyring().destroy(subject).await.unwrap();
    }

    /// Whether the subject's key is destroyed.
    pub async fn is_destroyed(&self, subject: SubjectId) -> bool {
        let destroyed = self.keyring().destroyed(&[subject].into()).await;
        !destroyed.unwrap().is_empty()
    }

    /// The subject's key is destroyed, and the stand-in for identity tells of it.
    pub async fn erase(&self, subject: SubjectId) {
        self.destroy(subject).await;
        self.stand_in(IDENTITY).tell_erased(subject).await;
    }

    /// A call of a member of staff in this role.
    pub fn as_staff<T>(&self, id: &str, role: &str, message: T) -> tonic::Request<T> {
        let token = self
            .staff
            .token(id, &[role], self.now().as_second(), 600)
            .unwrap();
        bearing(message, &token)
    }

    /// How many events of this type are recorded. Read past the store, whose order shows an event only once every older
    /// transaction of the whole server is over.
    pub async fn count_events(&self, event_type: &str) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM store.event WHERE type = $1")
            .bind(event_type)
            .fetch_one(&self.database.pool)
            .await
            .unwrap()
    }
}
