//! One service as one caller reaches it: adds who calls, ends what is not answered in time, and says in every failure of
//! the transport which service at which address it was.

use std::error::Error as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use contracts::access::rule_of;
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::{Service, ServiceExt as _};

use crate::address::Address;
use crate::bearer::Bearer;

/// A little more than a service gives itself (`grpc.deadline_ms`, 30 s), so that its own answer comes first.
const ANSWERED_WITHIN: Duration = Duration::from_secs(40);
/// For the RPCs that wait or take long by their nature, unless the caller sets a deadline (`grpc-timeout`).
const LONG_RUNNING_WITHIN: Duration = Duration::from_mins(10);

/// A service that can be called.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    address: Arc<Address>,
    channel: Channel,
}

impl Target {
    pub(crate) fn new(address: Address) -> Self {
        Self {
            channel: address.connect(),
            address: Arc::new(address),
        }
    }
}

/// What the generated clients call through.
#[derive(Debug, Clone)]
pub struct Connection {
    service: &'static str,
    target: Option<Target>,
    bearer: Bearer,
}

impl Connection {
    pub(crate) fn new(service: &'static str, target: Option<Target>, bearer: &Bearer) -> Self {
        Self {
            service,
            target,
            bearer: bearer.clone(),
        }
    }
}

impl Service<Request<Body>> for Connection {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    /// Always: the channel is waited for inside the call, where its failure is told like any other.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let Self {
            service,
            target,
            bearer,
        } = self.clone();
        Box::pin(async move {
            let target = target.ok_or_else(|| {
                Status::failed_precondition(format!("the address of {service} is not known"))
            })?;
            bearer.sign(request.headers_mut())?;
            let Some(within) = own_deadline(&request) else {
                return answer(target, request).await;
            };
            let late = late(&target.address, within);
            let answered = tokio::time::timeout(within, answer(target, request)).await;
            answered.unwrap_or(Err(late))
        })
    }
}

/// None where the caller has set one: the channel obeys that.
fn own_deadline(request: &Request<Body>) -> Option<Duration> {
    if request.headers().contains_key("grpc-timeout") {
        return None;
    }
    let long_running = rule_of(request.uri().path()).is_some_and(|rule| rule.long_running);
    Some(if long_running {
        LONG_RUNNING_WITHIN
    } else {
        ANSWERED_WITHIN
    })
}

fn late(address: &Address, within: Duration) -> Status {
    let (service, seconds) = (address.service(), within.as_secs());
    Status::deadline_exceeded(format!(
        "{service} at {address} did not answer within {seconds} s"
    ))
}

async fn answer(target: Target, request: Request<Body>) -> Result<Response<Body>, Status> {
    let mut channel = target.channel;
    let address = target.address;
    let named = |error| named(&address, error);
    channel
        .ready()
        .await
        .map_err(named)?
        .call(request)
        .await
        .map_err(named)
}

/// With the causes that tell a refused connection from a name that does not resolve.
fn named(address: &Address, error: tonic::transport::Error) -> Status {
    let mut causes = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        causes = format!("{causes}: {cause}");
        source = cause.source();
    }
    let code = Status::from_error(Box::new(error)).code();
    Status::new(code, format!("{} at {address}: {causes}", address.service()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::BTreeMap;

    use contracts::views::v1::GetViewsStatusRequest;
    use tonic::Code;

    use super::*;
    use crate::services::Client;

    /// A port of this machine at which nobody listens.
    fn nobody_listens() -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    }

    #[tokio::test]
    async fn a_failure_names_service_and_address() {
        let address = nobody_listens();
        let client = Client::new(&BTreeMap::from([("views".to_owned(), address.clone())])).unwrap();
        let bearer = Bearer::nobody();
        let call = client
            .views_admin(&bearer)
            .get_views_status(GetViewsStatusRequest {})
            .await;
        let status = call.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        let begins = format!("views at http://{address}: ");
        assert!(status.message().starts_with(&begins), "{status:?}");
        assert!(status.message().contains("refused"), "{status:?}");
    }

    #[tokio::test]
    async fn a_service_without_address_is_named() {
        let client = Client::new(&BTreeMap::new()).unwrap();
        let call = client
            .views_admin(&Bearer::nobody())
            .get_views_status(GetViewsStatusRequest {})
            .await;
        assert_eq!(call.unwrap_err().message(), "the address of views is not known");
    }

    fn deadline(rpc: &str, own: Option<&str>) -> Option<Duration> {
        let mut request = Request::builder().uri(format!("http://views{rpc}"));
        if let Some(own) = own {
            request = request.header("grpc-timeout", own);
        }
        own_deadline(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn every_call_has_a_deadline_and_the_callers_own_comes_first() {
        let status = "/madoguchi.views.v1.ViewsAdminService/GetViewsStatus";
        assert_eq!(deadline(status, None), Some(ANSWERED_WITHIN));
        assert_eq!(deadline(status, Some("1S")), None);
        let import = "/madoguchi.endorsement.v1.EndorsementService/ImportContracts";
        assert_eq!(deadline(import, None), Some(LONG_RUNNING_WITHIN));
    }

    #[tokio::test]
    async fn a_call_that_is_not_answered_ends_by_the_callers_own_deadline() {
        // Takes connections into its backlog and never reads from them.
        let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = deaf.local_addr().unwrap().to_string();
        let client = Client::new(&BTreeMap::from([("views".to_owned(), address)])).unwrap();
        let mut request = tonic::Request::new(GetViewsStatusRequest {});
        request.set_timeout(Duration::from_millis(200));
        let call = client
            .views_admin(&Bearer::nobody())
            .get_views_status(request)
            .await;
        let status = call.unwrap_err();
        assert!(
            crate::refusal::Refusal::from(status.clone()).is_transient(),
            "{status:?}"
        );
        assert!(status.message().starts_with("views at http://"), "{status:?}");
    }
}
