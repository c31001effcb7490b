//! Rooms: how many calls are answered at the same time. Who is known never shares a room with strangers, and in each room one
//! connection and one client address may take a share alone, so that nobody fills it (docs/adr/0033).

use std::collections::HashMap;
use std::hash::Hash;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contracts::access::Rule;
use decider::{Problem, ProblemKind};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::grpc::client_address::{ClientAddress, Origin};
use crate::grpc::settings::Grpc;
use crate::tokens::caller::Caller;

/// How long a caller is asked to wait when there is no place.
const RETRY_BUSY: Duration = Duration::from_secs(1);
/// What one client address may take of a room.
const SHARE_OF_ADDRESS: usize = 4;
/// What one connection may take of a room.
const SHARE_OF_CONNECTION: usize = 8;
/// Reflection is for people with tools: a few at a time.
const REFLECTING: usize = 16;
/// Longest somebody may look around by reflection.
const REFLECTION_TOTAL: Duration = Duration::from_mins(1);
/// Streams of health changes, which last as long as their watcher.
const WATCHING: usize = 64;
/// Longest a stranger's call may wait: for a telephone call, with a login token.
const OPEN_WAIT: Duration = Duration::from_mins(2);

/// How long a call in a room may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    /// From its arrival to its answer; a caller's own deadline may be shorter, never longer.
    pub(crate) total: Option<Duration>,
    /// How long it may stand still: a message under way that does not go on, an answer that is not taken.
    pub(crate) idle: Duration,
    /// Whether a message must arrive whole within `idle`, however steadily it drips.
    pub(crate) whole: bool,
}

/// One kind of calls that are answered at the same time.
struct Room {
    name: &'static str,
    places: Arc<Semaphore>,
    by_address: Shares<ClientAddress>,
    by_connection: Shares<SocketAddr>,
    terms: Terms,
}

/// All rooms of a service.
pub(crate) struct Rooms {
    known: Room,
    known_long_running: Room,
    open: Room,
    open_long_running: Room,
    reflection: Room,
    watch: Room,
    refused: Counter<u64>,
}

/// A place in a room, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    _address: Option<Share<ClientAddress>>,
    _connection: Option<Share<SocketAddr>>,
}

impl Rooms {
    pub(crate) fn new(grpc: &Grpc) -> Self {
        let terms = |total, whole| Terms {
            total,
            idle: grpc.idle,
            whole,
        };
        let (short, long) = (grpc.concurrency, grpc.long_running_concurrency);
        let short_total = Some(grpc.deadline);
        let open_wait = Some(OPEN_WAIT.min(grpc.long_running_deadline));
        let known_wait = Some(grpc.long_running_deadline);
        let looking = Some(REFLECTION_TOTAL.min(grpc.long_running_deadline));
        Self {
            known: Room::new("known", short, terms(short_total, false)),
            known_long_running: Room::new("known_long_running", long, terms(known_wait, false)),
            open: Room::new("open", short, terms(short_total, true)),
            open_long_running: Room::new("open_long_running", long, terms(open_wait, true)),
            reflection: Room::new("reflection", REFLECTING, terms(looking, true)),
            watch: Room::new("watch", WATCHING, terms(None, true)),
            refused: opentelemetry::global::meter("madoguchi")
                .u64_counter("madoguchi.rooms.refused")
                .with_description("Calls that found no place, by room and by whose share was taken")
                .build(),
        }
    }

    /// Where this call belongs. Asking for health needs no place: a busy service is not a sick one.
    fn of(&self, rule: &Rule, caller: &Caller) -> Option<&Room> {
        if let Some(health) = rule.rpc.strip_prefix("/grpc.health.v1.Health/") {
            return (health == "Watch").then_some(&self.watch);
        }
        if rule.rpc.starts_with("/grpc.reflection.") {
            return Some(&self.reflection);
        }
        Some(match (caller, rule.long_running) {
            (Caller::Anonymous, false) => &self.open,
            (Caller::Anonymous, true) => &self.open_long_running,
            (_, false) => &self.known,
            (_, true) => &self.known_long_running,
        })
    }

    /// How long this call may take.
    pub(crate) fn terms(&self, rule: &Rule, caller: &Caller) -> Terms {
        self.of(rule, caller).unwrap_or(&self.open).terms
    }

    /// A place for one more call, or an answer that says when to come back.
    ///
    /// # Errors
    /// `TOO_BUSY` when the room is full, or this caller's share of it is.
    pub(crate) fn enter(
        &self,
        rule: &Rule,
        caller: &Caller,
        origin: Origin,
    ) -> Result<Option<Place>, Problem> {
        let Some(room) = self.of(rule, caller) else {
            return Ok(None);
        };
        // Services of ours call for everybody, by few connections.
        let origin = match caller {
            Caller::Peer(_) => Origin::default(),
            _ => origin,
        };
        room.enter(origin).map(Some).map_err(|taken| {
            let attributes = [KeyValue::new("room", room.name), KeyValue::new("taken", taken)];
            self.refused.add(1, &attributes);
            tracing::debug!(room = room.name, taken, "a call found no place");
            Problem::new(ProblemKind::ResourceExhausted, "TOO_BUSY").retry_after(RETRY_BUSY)
        })
    }
}

impl Room {
    fn new(name: &'static str, places: usize, terms: Terms) -> Self {
        Self {
            name,
            places: Arc::new(Semaphore::new(places)),
            by_address: Shares::of(places.div_ceil(SHARE_OF_ADDRESS)),
            by_connection: Shares::of(places.div_ceil(SHARE_OF_CONNECTION)),
            terms,
        }
    }

    /// A place, or whose share is taken.
    fn enter(&self, origin: Origin) -> Result<Place, &'static str> {
        let connection = self.by_connection.take(origin.connection);
        let address = self.by_address.take(origin.address);
        Ok(Place {
            _connection: connection.map_err(|Taken| "connection")?,
            _address: address.map_err(|Taken| "address")?,
            _permit: self.places.clone().try_acquire_owned().map_err(|_| "room")?,
        })
    }
}

/// How much each of many holds of something that has a limit for each.
#[derive(Debug, Clone)]
pub(crate) struct Shares<K> {
    most: usize,
    held: Arc<Mutex<HashMap<K, usize>>>,
}

/// The share is taken.
#[derive(Debug)]
pub(crate) struct Taken;

/// One piece of a share, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share<K: Eq + Hash> {
    key: K,
    held: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Copy + Eq + Hash> Shares<K> {
    /// At most `most` for each.
    pub(crate) fn of(most: usize) -> Self {
        Self {
            most,
            held: Arc::default(),
        }
    }

    /// One more for `key`; nothing is counted for nobody.
    pub(crate) fn take(&self, key: Option<K>) -> Result<Option<Share<K>>, Taken> {
        let Some(key) = key else { return Ok(None) };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(key).or_default();
        if *count >= self.most {
            return Err(Taken);
        }
        *count += 1;
        Ok(Some(Share {
            key,
            held: self.held.clone(),
        }))
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::net::IpAddr;

    use super::*;

    const TERMS: Terms = Terms {
        total: None,
        idle: Duration::from_secs(1),
        whole: false,
    };

    fn from(host: u8, port: u16) -> Origin {
        let address = IpAddr::from([192, 0, 2, host]);
        Origin {
            connection: Some(SocketAddr::new(address, port)),
            address: Some(address.into()),
        }
    }

    #[test]
    fn one_connection_holds_an_eighth_and_one_address_a_quarter_of_a_room() {
        let room = Room::new("test", 16, TERMS);
        let mut places = Vec::new();
        for port in [1, 2] {
            places.extend([(); 2].map(|()| room.enter(from(1, port)).unwrap()));
            assert_eq!(room.enter(from(1, port)).unwrap_err(), "connection");
        }
        assert_eq!(room.enter(from(1, 3)).unwrap_err(), "address");
        for host in 2..=4 {
            places.extend([1, 1, 2, 2].map(|port| room.enter(from(host, port)).unwrap()));
        }
        assert_eq!(room.enter(from(5, 1)).unwrap_err(), "room");
        places.clear();
        assert!(room.by_address.held.lock().unwrap().is_empty());
        assert!(room.by_connection.held.lock().unwrap().is_empty());
        assert_eq!(room.places.available_permits(), 16);
    }

    #[test]
    fn whose_calls_are_a_forwarders_is_counted_by_address_alone() {
        let room = Room::new("test", 16, TERMS);
        let forwarded = Origin {
            connection: None,
            ..from(1, 1)
        };
        let places = [(); 4].map(|()| room.enter(forwarded).unwrap());
        assert_eq!(room.enter(forwarded).unwrap_err(), "address");
        drop(places);
        assert!(room.enter(forwarded).is_ok());
    }
}
