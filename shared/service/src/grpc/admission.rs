//! Admission: the middleware that every call passes, in one order: span → language → caller table → metadata → client
//! address → caller → place in a room → maintenance? → allowed? → encoding → deadline → handler, whose messages are held
//! against their limits as they come. What is refused here never reaches a handler.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use contracts::access::{Rule, rule_of};
use decider::{Explain, Problem, ProblemKind};
use http::{HeaderMap, Request, Response};
use kernel::clock::{Clock, jst};
use opentelemetry::metrics::Histogram;
use rulebook::Rulebook;
use tonic::{Code, Status, body::Body, service::Routes};
use tower::{Layer, Service};
use tracing::Instrument;

use crate::grpc::body::{CallBody, Outcome, Taking, code_in};
use crate::grpc::messages::{Catalogue, Languages};
use crate::grpc::negotiation;
use crate::grpc::rooms::{Place, Rooms, Terms};
use crate::grpc::scope::Scope;
use crate::grpc::settings::{Grpc, METADATA_BYTES};
use crate::grpc::trace::rpc_span;
use crate::grpc::{access, client_address, timeout};
use crate::limits::Limits;
use crate::tokens::caller::Caller;
use crate::tokens::{TokenRefused, TokenVerifier};

/// How long a refusal may wait to be taken; it holds no place.
const REFUSAL_TAKEN: Duration = Duration::from_secs(5);

/// What admission goes by.
pub(crate) struct Rules {
    pub(crate) service: &'static str,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) tokens: Arc<TokenVerifier>,
    pub(crate) rulebook: Arc<Rulebook>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rooms: Rooms,
    pub(crate) durations: Histogram<f64>,
    pub(crate) limits: Arc<Limits>,
    /// The gRPC services that are answered here, by name; the standard ones are everywhere.
    pub(crate) served: BTreeSet<&'static str>,
}

impl Rules {
    pub(crate) fn new(
        context: &crate::grpc::context::Context,
        catalogue: Catalogue,
        grpc: &Grpc,
        served: &[&'static str],
    ) -> Self {
        let durations = opentelemetry::global::meter("madoguchi")
            .f64_histogram("rpc.server.duration")
            .with_unit("s")
            .with_description("Time from a call's arrival to the end of its answer")
            .build();
        Self {
            service: context.name,
            catalogue: Arc::new(catalogue),
            tokens: context.tokens.clone(),
            rulebook: context.rulebook.clone(),
            clock: context.clock.clone(),
            rooms: Rooms::new(grpc),
            durations,
            limits: context.limits.clone(),
            served: served.iter().copied().collect(),
        }
    }

    /// The row of an RPC that is answered here.
    fn rule(&self, path: &str) -> Result<&'static Rule, Status> {
        let Some(rule) = rule_of(path) else {
            tracing::debug!(
                service = self.service,
                "a call to an RPC that is not in the access table is refused"
            );
            return Err(unimplemented("RPC_UNKNOWN"));
        };
        let service = rule
            .rpc
            .trim_start_matches('/')
            .split('/')
            .next()
            .unwrap_or_default();
        if service.starts_with("grpc.") || self.served.contains(service) {
            return Ok(rule);
        }
        Err(unimplemented("RPC_NOT_HERE"))
    }

    /// Who calls. Where anyone may, a bearer that has become useless does not stop a login or a refresh.
    async fn caller(&self, rule: &Rule, headers: &HeaderMap) -> Result<Caller, Problem> {
        let Some(value) = headers.get(http::header::AUTHORIZATION) else {
            return Ok(Caller::Anonymous);
        };
        let found = match bearer(value) {
            Some(bearer) => self.tokens.caller(bearer).await,
            None => Err(TokenRefused::Invalid),
        };
        match found {
            Ok(caller) => Ok(caller),
            Err(_) if access::open_to_anyone(rule) => Ok(Caller::Anonymous),
            Err(refused) => Err(refused.explain()),
        }
    }

    /// OP-1: during maintenance customers are refused; staff, peers and uploads already begun do not.
    fn open(&self, rule: &Rule, caller: &Caller) -> Result<(), Problem> {
        if rule.during_maintenance || !matches!(caller, Caller::Customer(_) | Caller::Anonymous) {
            return Ok(());
        }
        let now = self.clock.now();
        let Some(until) = self.rulebook.closed_until(now) else {
            return Ok(());
        };
        let wait = Duration::try_from(until.duration_since(now)).unwrap_or_default();
        Err(Problem::new(ProblemKind::Unavailable, "MAINTENANCE")
            .with("until", until.to_string())
            .with("until_jst", jst(until).strftime("%Y-%m-%d %H:%M").to_string())
            .retry_after(wait))
    }
}

/// The credentials of a `Bearer` scheme, whose name is case-insensitive (RFC 9110).
fn bearer(value: &http::HeaderValue) -> Option<&str> {
    let (scheme, credentials) = value.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !credentials.is_empty()).then(|| credentials.trim())
}

/// Puts admission before the routes.
#[derive(Clone)]
pub(crate) struct AdmissionLayer(pub(crate) Arc<Rules>);

impl Layer<Routes> for AdmissionLayer {
    type Service = Admission;

    fn layer(&self, routes: Routes) -> Admission {
        Admission {
            rules: self.0.clone(),
            routes,
        }
    }
}

/// Admission and the routes behind it.
#[derive(Clone)]
pub(crate) struct Admission {
    rules: Arc<Rules>,
    routes: Routes,
}

impl Service<Request<Body>> for Admission {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Routes are always ready; a permit is asked for per call, in the call.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (rules, routes) = (self.rules.clone(), self.routes.clone());
        // Only names of ours go into spans and metrics, or a stranger could make any number of them.
        let path = rule_of(request.uri().path()).map_or("/unknown", |rule| rule.rpc);
        let languages = request
            .headers()
            .get(http::header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok());
        let scope = Scope {
            service: rules.service,
            catalogue: rules.catalogue.clone(),
            languages: languages.map(Languages::parse).unwrap_or_default(),
        };
        let span = rpc_span(path, request.headers());
        let mut outcome = Outcome {
            span: span.clone(),
            path,
            started: Instant::now(),
            durations: rules.durations.clone(),
            told: false,
        };
        Box::pin(async move {
            let inside = scope
                .clone()
                .around(through(&rules, routes, request))
                .instrument(span);
            let Answer {
                response,
                place,
                idle,
            } = inside.await;
            if let Some(code) = code_in(response.headers()) {
                outcome.tell(code);
            }
            Ok(response.map(|inner| {
                Body::new(CallBody {
                    inner,
                    scope,
                    outcome,
                    taking: Taking::within(idle),
                    _place: place,
                })
            }))
        })
    }
}

struct Answer {
    response: Response<Body>,
    place: Option<Place>,
    /// How long each part of the answer may wait to be taken.
    idle: Duration,
}

async fn through(rules: &Rules, routes: Routes, mut request: Request<Body>) -> Answer {
    let refused = |status: Status| Answer {
        response: status.into_http(),
        place: None,
        idle: REFUSAL_TAKEN,
    };
    let rule = match rules.rule(request.uri().path()) {
        Ok(rule) => rule,
        Err(status) => return refused(status),
    };
    let (place, terms) = match admit(rules, rule, &mut request).await {
        Ok(admitted) => admitted,
        Err(problem) => return refused(crate::grpc::problem::status(problem)),
    };
    let request = match negotiation::within_limits(&rules.limits, rule.rpc, terms, request) {
        Ok(request) => request,
        Err(status) => return refused(*status),
    };
    let deadline = timeout::of_call(request.headers(), terms.total);
    let response = answer(routes, request, deadline).await;
    Answer {
        response,
        place,
        idle: terms.idle,
    }
}

/// Everything that must hold before a handler hears of the call.
async fn admit(
    rules: &Rules,
    rule: &'static Rule,
    request: &mut Request<Body>,
) -> Result<(Option<Place>, Terms), Problem> {
    metadata_fits(request.headers())?;
    let origin = client_address::note(&rules.tokens, request);
    let caller = rules.caller(rule, request.headers()).await?;
    tracing::Span::current().record("caller.kind", caller.kind());
    let terms = rules.rooms.terms(rule, &caller);
    let place = rules.rooms.enter(rule, &caller, origin)?;
    // Closed comes before a login is asked for: nobody should log in to be refused.
    rules.open(rule, &caller)?;
    access::check(rule, &caller)?;
    request.extensions_mut().insert(caller);
    request.extensions_mut().insert(rule);
    Ok((place, terms))
}

async fn answer(mut routes: Routes, request: Request<Body>, deadline: Option<Duration>) -> Response<Body> {
    let called = Service::<Request<Body>>::call(&mut routes, request);
    let answered = match deadline {
        None => called.await,
        Some(deadline) => match tokio::time::timeout(deadline, called).await {
            Ok(answered) => answered,
            Err(_) => return too_late().into_http(),
        },
    };
    match answered {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// As HTTP/2 counts a header: name, value and 32 bytes.
fn metadata_fits(headers: &HeaderMap) -> Result<(), Problem> {
    let sizes = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 32);
    if sizes.sum::<usize>() <= METADATA_BYTES as usize {
        return Ok(());
    }
    let problem = Problem::new(ProblemKind::ResourceExhausted, "METADATA_TOO_LARGE");
    Err(problem.with("max_bytes", METADATA_BYTES.to_string()))
}

fn too_late() -> Status {
    let problem = Problem::new(ProblemKind::Unavailable, "DEADLINE_EXCEEDED");
    Scope::current().coded(Code::DeadlineExceeded, &problem)
}

/// The table does not list it, so nobody may call it, even if a service has it; or another service has it.
fn unimplemented(reason: &'static str) -> Status {
    let problem = Problem::new(ProblemKind::FailedPrecondition, reason);
    Scope::current().coded(Code::Unimplemented, &problem)
}
