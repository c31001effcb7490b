//! A feed that can be away, or in disorder.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use contracts::feed::v1::feed_service_server::{FeedService, FeedServiceServer};
use contracts::feed::v1::{
    GetRequest, GetResponse, GetSigningKeysRequest, GetSigningKeysResponse, ReadRequest, ReadResponse,
};
use messaging::Feed;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::task::TaskTracker;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

pub(crate) async fn serve(feed: Gate) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().add_service(FeedServiceServer::new(feed));
    TaskTracker::new().spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    address
}

#[derive(Clone)]
pub(crate) struct Gate {
    feed: Arc<Feed>,
    closed: Arc<AtomicBool>,
    disordered: Arc<AtomicBool>,
    pub(crate) refused: Arc<AtomicU64>,
}

impl Gate {
    pub(crate) fn new(feed: Feed) -> Self {
        Self {
            feed: Arc::new(feed),
            closed: Arc::default(),
            disordered: Arc::default(),
            refused: Arc::default(),
        }
    }

    pub(crate) fn close(&self, closed: bool) {
        self.closed.store(closed, Ordering::SeqCst);
    }

    /// The next page that holds two events or more has them the other way round.
    pub(crate) fn disorder_once(&self) {
        self.disordered.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_in_order(&self) -> bool {
        !self.disordered.load(Ordering::SeqCst)
    }
}

#[tonic::async_trait]
impl FeedService for Gate {
    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        self.feed.get(request).await
    }

    async fn get_signing_keys(
        &self,
        request: Request<GetSigningKeysRequest>,
    ) -> Result<Response<GetSigningKeysResponse>, Status> {
        assert_eq!(request.metadata().get("authorization").unwrap(), "Bearer secret");
        self.feed.get_signing_keys(request).await
    }

    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<ReadResponse>, Status> {
        assert_eq!(request.metadata().get("authorization").unwrap(), "Bearer secret");
        if self.closed.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(Status::unavailable("away"));
        }
        let mut page = self.feed.read(request).await?;
        let items = &mut page.get_mut().items;
        if items.len() > 1 && self.disordered.swap(false, Ordering::SeqCst) {
            items.reverse();
        }
        Ok(page)
    }
}
