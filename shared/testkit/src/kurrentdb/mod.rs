//! A KurrentDB in process: as much of the wire as our backend uses, for machines where no real one can be had. It takes and
//! refuses appends by the rules of the real server, gives positions that are no numbers in a row, keeps records of its
//! own between ours, and can be told to fail in four ways: refuse, cut in the middle, tell a wrong revision, and repeat an
//! event after a reconnect. What it cannot show is in docs/adr/0011.

mod connections;
mod faults;
mod log;
mod reading;
mod service;
mod wire;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tonic::transport::Server;

use crate::Certificates;
use crate::environment::{self, KURRENTDB_URL_VARIABLE};
use connections::Connections;
pub use faults::Cut;
use faults::{End, Faults, Mood};
use log::Log;
use service::{Calls, Identity, Node};
use wire::event_store::client::gossip::gossip_server::GossipServer;
use wire::event_store::client::server_features::server_features_server::ServerFeaturesServer;
use wire::event_store::client::streams::streams_server::StreamsServer;

/// The real server that tests are to use instead of one in process, if one is named.
pub fn real_url() -> Option<String> {
    environment::read(KURRENTDB_URL_VARIABLE)
}

/// How a server is to be.
#[derive(Debug, Clone)]
pub struct KurrentDbOptions {
    /// Where it listens; port 0 is a free one.
    pub listen: SocketAddr,
    /// Keeps the log here, so that another process goes on with it.
    pub file: Option<PathBuf>,
    /// User and password every call must come with.
    pub user: Option<(String, String)>,
    /// Speaks TLS with these.
    pub tls: Option<Certificates>,
    /// What it says its version is.
    pub version: String,
    /// Follows the server at this port and sends whoever wants the leader there.
    pub leader: Option<u16>,
}

impl Default for KurrentDbOptions {
    /// A free port of the loopback, in memory, open to everybody, without TLS, a current version, leading.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            file: None,
            user: None,
            tls: None,
            version: "25.0.0".to_owned(),
            leader: None,
        }
    }
}

/// A running server. Stopped when dropped.
pub struct KurrentDb {
    node: Arc<Node>,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    running: Mutex<Vec<AbortHandle>>,
}

impl KurrentDb {
    /// A server with the options' defaults.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> io::Result<Self> {
        Self::start_with(KurrentDbOptions::default()).await
    }

    /// A server as wanted.
    ///
    /// # Errors
    /// When the address is taken, or the file cannot be read or written.
    pub async fn start_with(options: KurrentDbOptions) -> io::Result<Self> {
        let log = Log::open(options.file.as_deref())?;
        let tls = options.tls.map(|tls| tls.http2_server()).transpose()?;
        let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let node = Arc::new(Node {
            written: watch::Sender::new(log.len()),
            log: Mutex::new(log),
            faults: Faults::default(),
            connections: Arc::new(Connections::default()),
            identity: Identity {
                version: options.version,
                user: options.user,
                leader: options.leader.map(|port| ("127.0.0.1".to_owned(), port)),
                port: address.port(),
            },
        });
        let server = Self {
            node,
            address,
            tls,
            running: Mutex::new(Vec::new()),
        };
        server.serve(listener);
        Ok(server)
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "the server ends when it is stopped or dropped"
    )]
    fn serve(&self, listener: TcpListener) {
        let (accepting, incoming) =
            connections::accept(listener, Arc::clone(&self.node.connections), self.tls.clone());
        let calls = Calls(Arc::clone(&self.node));
        let serving = tokio::spawn(
            Server::builder()
                .add_service(StreamsServer::new(calls.clone()))
                .add_service(ServerFeaturesServer::new(calls.clone()))
                .add_service(GossipServer::new(calls))
                .serve_with_incoming(incoming),
        );
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.extend([accepting, serving.abort_handle()]);
    }

    /// The connection string, without a pause before the first attempt to connect.
    pub fn url(&self) -> String {
        let user = match &self.node.identity.user {
            Some((name, password)) => format!("{name}:{password}@"),
            None => String::new(),
        };
        let tls = self.tls.is_some();
        format!("esdb://{user}{}?tls={tls}&discoveryInterval=1", self.address)
    }

    /// The port it listens on.
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Ends every connection and listens no more. The log stays.
    pub fn stop(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        for task in running.drain(..) {
            task.abort();
        }
        self.node.connections.cut();
    }

    /// Listens again at the same address, after [`KurrentDb::stop`].
    ///
    /// # Errors
    /// When somebody else has taken the port meanwhile.
    pub async fn resume(&self) -> io::Result<()> {
        self.serve(TcpListener::bind(self.address).await?);
        Ok(())
    }

    /// Refuses every call from now on.
    pub fn refuse(&self) {
        self.node.faults.fall_into(Mood::Refusing);
    }

    /// Takes every call and answers none from now on.
    pub fn fall_silent(&self) {
        self.node.faults.fall_into(Mood::Silent);
    }

    /// Answers again, after [`KurrentDb::refuse`] or [`KurrentDb::fall_silent`].
    pub fn answer(&self) {
        self.node.faults.fall_into(Mood::Willing);
    }

    /// Cuts every connection now.
    pub fn cut(&self) {
        self.node.connections.cut();
    }

    /// Cuts every connection at the next append, in its middle.
    pub fn cut_next_append(&self, cut: Cut) {
        self.node.faults.cut_next_append(cut);
    }

    /// Cuts every connection when the next reader or subscriber has had so many messages.
    pub fn cut_next_reading(&self, after: usize) {
        self.node.faults.end_next_reading(End::Cut, after);
    }

    /// Ends the next subscription without an error when it has had so many messages.
    pub fn end_next_subscription(&self, after: usize) {
        self.node.faults.end_next_reading(End::Clean, after);
    }

    /// Tells the next append that the stream is elsewhere, which it is not.
    pub fn tell_wrong_revision(&self) {
        self.node.faults.wrong_revision();
    }

    /// Begins the next subscription with the event it was to begin after.
    pub fn repeat_after_reconnect(&self) {
        self.node.faults.repeat();
    }

    /// Shows a stream only from a revision on, as somebody does who limits it.
    pub fn cut_off(&self, stream: &str, before: u64) {
        let mut log = self.node.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.cut_off(stream, before);
    }

    /// Removes an event from the log: who reads from its position gets the next one.
    pub fn scavenge(&self, stream: &str, revision: usize) {
        let mut log = self.node.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.scavenge(stream, revision);
    }

    /// How many records the log has, the server's own among them.
    pub fn records(&self) -> usize {
        self.node.log.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Goes back to the log as it was with so many records, as a restored backup does; every connection is cut.
    pub fn restore(&self, records: usize) {
        self.node.connections.cut();
        let mut log = self.node.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.truncate(records);
        self.node.written.send_replace(log.len());
    }
}

impl fmt::Debug for KurrentDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KurrentDb")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Drop for KurrentDb {
    fn drop(&mut self) {
        self.stop();
    }
}
