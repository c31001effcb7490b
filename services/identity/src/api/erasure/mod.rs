//! Erasure for staff (OP-4): who may ask was decided at the door; that two persons are needed is the subject's own rule.

mod parse;
mod render;

use async_trait::async_trait;
use contracts::identity::v1::erasure_service_server::ErasureService;
use contracts::identity::v1::{
    ApproveErasureRequest, ApproveErasureResponse, Erasure, GetCertificateKeysRequest,
    GetCertificateKeysResponse, GetErasureRequest, GetErasureResponse, ListPendingErasuresRequest,
    ListPendingErasuresResponse, PlaceLegalHoldRequest, PlaceLegalHoldResponse, RejectErasureRequest,
    RejectErasureResponse, ReleaseLegalHoldRequest, ReleaseLegalHoldResponse, RequestErasureRequest,
    RequestErasureResponse,
};
use decider::{Explain as _, Problem, ProblemKind};
use eventsourcing::{Executed, Repository, Request as Command};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kernel::SubjectId;
use prost::Message;
use service::{Context, caller, command, consistency_token, refuse};
use tonic::{Request, Response, Status};

use super::{Answer, key_set};
use crate::domain::signing_key::Purpose;
use crate::domain::subject::{HoldId, LegalHold, Requested};
use crate::domain::{Subject, SubjectCommand, SubjectRejection};
use crate::eraser::Eraser;
use crate::erasure_rows::{ErasureRows, WaitingPosition};
use crate::publish::publish;
use crate::signing_keys::SigningKeys;

/// Subjects of one page that are read at the same time.
const AT_ONCE: usize = 8;

/// What the RPCs work with.
#[derive(Clone)]
pub struct ErasureApi {
    pub context: Context,
    pub subjects: Repository<Subject>,
    pub eraser: Eraser,
    pub rows: ErasureRows,
    pub keys: SigningKeys,
}

#[async_trait]
impl ErasureService for ErasureApi {
    async fn request_erasure(
        &self,
        request: Request<RequestErasureRequest>,
    ) -> Answer<RequestErasureResponse> {
        let envelope = self.envelope(&request, &request.get_ref().request_id)?;
        let by = staff(&request)?;
        let subject = parse::subject(&request.get_ref().subject_id).map_err(refuse)?;
        let ground = parse::ground(request.get_ref().ground()).map_err(refuse)?;
        self.is_ours(subject).await?;
        let at = envelope.at;
        let ask = SubjectCommand::Request {
            subject,
            request: Requested { ground, by, at },
        };
        let erasure = Some(self.execute(subject, &envelope, ask).await?.0);
        Ok(Response::new(RequestErasureResponse { erasure }))
    }

    async fn approve_erasure(
        &self,
        request: Request<ApproveErasureRequest>,
    ) -> Answer<ApproveErasureResponse> {
        let envelope = self.envelope(&request, &request.get_ref().request_id)?;
        let by = staff(&request)?;
        let subject = parse::subject(&request.get_ref().subject_id).map_err(refuse)?;
        let at = envelope.at;
        let approve = SubjectCommand::Approve { subject, by, at };
        let (_, approved) = self.execute(subject, &envelope, approve).await?;
        let intent = approved.events.first().map(|intent| intent.recorded.id);
        // An approval always decides an event, and a retry finds it.
        let intent = intent.ok_or_else(|| refuse(SubjectRejection::NotRequested.explain()))?;
        let outcome = self
            .eraser
            .finish(subject, intent, &envelope)
            .await
            .map_err(refuse)?;
        Ok(Response::new(ApproveErasureResponse {
            erasure: Some(render::erasure(subject, &outcome.state)),
            consistency_token: consistency_token(self.context.name, publish, &outcome.events),
        }))
    }

    async fn reject_erasure(&self, request: Request<RejectErasureRequest>) -> Answer<RejectErasureResponse> {
        let envelope = self.envelope(&request, &request.get_ref().request_id)?;
        let by = staff(&request)?;
        let subject = parse::subject(&request.get_ref().subject_id).map_err(refuse)?;
        let at = envelope.at;
        let reject = SubjectCommand::Reject { by, at };
        let erasure = Some(self.execute(subject, &envelope, reject).await?.0);
        Ok(Response::new(RejectErasureResponse { erasure }))
    }

    async fn place_legal_hold(
        &self,
        request: Request<PlaceLegalHoldRequest>,
    ) -> Answer<PlaceLegalHoldResponse> {
        let envelope = self.envelope(&request, &request.get_ref().request_id)?;
        let placed_by = staff(&request)?;
        let (subject, reason, reference) = parse::hold(request.get_ref()).map_err(refuse)?;
        self.is_ours(subject).await?;
        let id = HoldId::from_uuid(envelope.key.derive_id("hold"));
        let hold = LegalHold {
            id,
            reason,
            reference,
            placed_by,
            placed_at: envelope.at,
        };
        self.execute(subject, &envelope, SubjectCommand::PlaceHold { hold })
            .await?;
        Ok(Response::new(PlaceLegalHoldResponse {
            hold_id: id.to_string(),
        }))
    }

    async fn release_legal_hold(
        &self,
        request: Request<ReleaseLegalHoldRequest>,
    ) -> Answer<ReleaseLegalHoldResponse> {
        let envelope = self.envelope(&request, &request.get_ref().request_id)?;
        let by = staff(&request)?;
        let subject = parse::subject(&request.get_ref().subject_id).map_err(refuse)?;
        let hold = parse::hold_id(&request.get_ref().hold_id).map_err(refuse)?;
        let at = envelope.at;
        let release = SubjectCommand::ReleaseHold { hold, by, at };
        self.execute(subject, &envelope, release).await?;
        Ok(Response::new(ReleaseLegalHoldResponse {}))
    }

    async fn get_erasure(&self, request: Request<GetErasureRequest>) -> Answer<GetErasureResponse> {
        let subject = parse::subject(&request.get_ref().subject_id).map_err(refuse)?;
        self.is_ours(subject).await?;
        let erasure = Some(self.look_at(subject).await?);
        Ok(Response::new(GetErasureResponse { erasure }))
    }

    async fn list_pending_erasures(
        &self,
        request: Request<ListPendingErasuresRequest>,
    ) -> Answer<ListPendingErasuresResponse> {
        let asked = request.into_inner();
        let page = self
            .context
            .page::<WaitingPosition>(&["ListPendingErasures"], asked.page_size, &asked.page_token)
            .map_err(refuse)?;
        let size = usize::from(page.size);
        let mut rows = self
            .rows
            .waiting(page.after, i64::from(page.size) + 1)
            .await
            .map_err(refuse)?;
        let more = rows.len() > size;
        rows.truncate(size);
        let next_page_token = match rows.last() {
            Some((last, _)) if more => page.next_token(last),
            _ => String::new(),
        };
        let erasures = stream::iter(rows.into_iter().map(|(_, subject)| self.look_at(subject)))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(Response::new(ListPendingErasuresResponse {
            erasures,
            next_page_token,
        }))
    }

    async fn get_certificate_keys(
        &self,
        _: Request<GetCertificateKeysRequest>,
    ) -> Answer<GetCertificateKeysResponse> {
        let jwks_json = key_set(&self.keys.published(Purpose::Certificates))?;
        Ok(Response::new(GetCertificateKeysResponse { jwks_json }))
    }
}

impl ErasureApi {
    fn envelope<T: Message>(&self, request: &Request<T>, id: &str) -> Result<Command, Status> {
        command(&self.context, request, id).map_err(refuse)
    }

    async fn execute(
        &self,
        subject: SubjectId,
        envelope: &Command,
        command: SubjectCommand,
    ) -> Result<(Erasure, Executed<Subject>), Status> {
        let done = self
            .subjects
            .execute(subject, envelope, command)
            .await
            .map_err(refuse)?;
        if let Some(revision) = done.revision {
            self.rows
                .put(subject, &done.state, revision)
                .await
                .map_err(refuse)?;
        }
        Ok((render::erasure(subject, &done.state), done))
    }

    async fn look_at(&self, subject: SubjectId) -> Result<Erasure, Status> {
        let loaded = self.subjects.load(subject).await.map_err(refuse)?;
        Ok(render::erasure(subject, &loaded.state))
    }

    /// A typing mistake must not bury an id that a person may get later.
    async fn is_ours(&self, subject: SubjectId) -> Result<(), Status> {
        if self.context.keyring.knows(subject).await.map_err(refuse)? {
            return Ok(());
        }
        Err(refuse(Problem::new(ProblemKind::NotFound, "SUBJECT_NOT_FOUND")))
    }
}

/// The door lets only staff in here.
fn staff<T>(request: &Request<T>) -> Result<String, Status> {
    let unauthenticated = || refuse(Problem::new(ProblemKind::Unauthenticated, "UNAUTHENTICATED"));
    let staff = caller(request).staff().ok_or_else(unauthenticated)?;
    Ok(staff.id.clone())
}
