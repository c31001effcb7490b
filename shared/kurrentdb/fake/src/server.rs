//! A running server: started, stopped, told what to do wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use testkit::Certificates;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tonic::transport::Server;

use crate::calls::Calls;
use crate::connections;
use crate::expectation::Expectation;
use crate::faults::{Cut, End, Mood};
use crate::log::{Log, Proposed};
use crate::metadata::describing;
use crate::node::{Identity, Node};
use crate::wire::event_store::client::gossip::gossip_server::GossipServer;
use crate::wire::event_store::client::server_features::server_features_server::ServerFeaturesServer;
use crate::wire::event_store::client::streams::streams_server::StreamsServer;

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
        let identity = Identity {
            version: options.version,
            user: options.user,
            leader: options.leader.map(|port| ("127.0.0.1".to_owned(), port)),
            port: address.port(),
        };
        let node = Arc::new(Node::new(log, identity));
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

    /// Shows a stream only from a revision on: limits it in its metadata, as an operator does.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub fn truncate(&self, stream: &str, before: u64) -> io::Result<()> {
        let limit = Proposed {
            id: 0xffff_ffff_0000_u128 + u128::from(before),
            metadata: BTreeMap::from([("type".to_owned(), "$metadata".to_owned())]),
            custom_metadata: Vec::new(),
            data: format!("{{\"$tb\": {before}}}").into_bytes(),
        };
        let limited = self.node.append(&describing(stream), Expectation::Any, &[limit]);
        limited.map(drop).map_err(io::Error::other)
    }

    /// Removes an event from the log: who reads from its position gets the next one.
    pub fn scavenge(&self, stream: &str, revision: usize) {
        self.node.log().scavenge(stream, revision);
    }

    /// How many records the log has, the server's own among them.
    pub fn records(&self) -> usize {
        self.node.log().len()
    }

    /// Goes back to the log as it was with so many records, as a restored backup does; every connection is cut.
    pub fn restore(&self, records: usize) {
        self.node.connections.cut();
        let mut log = self.node.log();
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
