//! What is shown of pictures (CI-5, CI-13): derivatives as they were made on arrival, made anew where one is missing or comes
//! of an older recipe.

use bytes::Bytes;
use contracts::claim_images::v1 as proto;
use decider::{Problem, ProblemKind};
use eventsourcing::{Request as Envelope, RequestKey};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use kernel::ids::{AccidentId, AccountId, ImageId, SubjectId};
use service::{command_once, refuse, status};
use tonic::{Request, Response, Status};
use tonic_types::StatusExt as _;

use super::finishing::{keep_derivative, only_place, permit};
use super::{Api, parse, rejected, restricted_to};
use crate::domain::{
    Accident, Command, CurrentAccident, DerivativeSize, Derivatives, Dimensions, Image, RECIPE,
};
use crate::originals::{Kind, StorageError};

/// The scope of the keys of what is recorded. **Format**: a derivative is recorded once for each recipe.
const SCOPE: &str = "derivatives";

/// Derivatives on their way out.
pub(super) type DerivativeStream = BoxStream<'static, Result<proto::GetDerivativesResponse, Status>>;

pub(super) async fn derivative(
    api: &Api,
    request: Request<proto::GetDerivativeRequest>,
) -> Result<Response<proto::GetDerivativeResponse>, Status> {
    let asked = Asked::of(api, &request, &request.get_ref().accident_id).await?;
    let image_id: ImageId = parse::id("image_id", &request.get_ref().image_id).map_err(refuse)?;
    let image = asked.current.registered(image_id).map_err(rejected)?;
    let (jpeg, size) = asked
        .shown(api, image, parse::size(request.get_ref().size()))
        .await?;
    Ok(Response::new(proto::GetDerivativeResponse {
        jpeg: jpeg.to_vec(),
        width: size.width,
        height: size.height,
    }))
}

pub(super) async fn derivatives(
    api: &Api,
    request: Request<proto::GetDerivativesRequest>,
) -> Result<Response<DerivativeStream>, Status> {
    let asked = Asked::of(api, &request, &request.get_ref().accident_id).await?;
    let size = parse::size(request.get_ref().size());
    let ids = parse::image_ids(&request.get_ref().image_ids).map_err(refuse)?;
    let images: Vec<Image> = if ids.is_empty() {
        asked.current.all_registered().cloned().collect()
    } else {
        let found = ids.into_iter().map(|id| asked.current.registered(id).cloned());
        found.collect::<Result<_, _>>().map_err(rejected)?
    };
    let api = api.clone();
    let state = (api, asked, images.into_iter());
    let shown = stream::unfold(state, move |(api, asked, mut left)| async move {
        let image = left.next()?;
        let answer = match asked.shown(&api, &image, size).await {
            Ok((jpeg, size)) => proto::GetDerivativesResponse {
                image_id: image.image_id.to_string(),
                jpeg: jpeg.to_vec(),
                width: size.width,
                height: size.height,
                ..proto::GetDerivativesResponse::default()
            },
            Err(status) => missing(image.image_id, &status),
        };
        Some((Ok(answer), (api, asked, left)))
    });
    Ok(Response::new(shown.boxed()))
}

/// What an error of one picture is among the others.
fn missing(image: ImageId, status: &Status) -> proto::GetDerivativesResponse {
    let details = status.get_error_details();
    proto::GetDerivativesResponse {
        image_id: image.to_string(),
        missing_reason: details
            .error_info()
            .map(|info| info.reason.clone())
            .unwrap_or_default(),
        missing_message: details
            .localized_message()
            .map_or_else(|| status.message().to_owned(), |text| text.message.clone()),
        ..proto::GetDerivativesResponse::default()
    }
}

/// An accident whose pictures the caller may see, folded once.
struct Asked {
    accident_id: AccidentId,
    /// Of the customer who asks; none of staff.
    account: Option<AccountId>,
    current: CurrentAccident,
    envelope: Envelope,
}

impl Asked {
    async fn of<T>(api: &Api, request: &Request<T>, accident_id: &str) -> Result<Self, Status> {
        let restricted_to = restricted_to(request)?;
        let accident_id: AccidentId = parse::id("accident_id", accident_id).map_err(refuse)?;
        let accident: Accident = api.accidents.load(accident_id).await.map_err(refuse)?.state;
        let current = match &restricted_to {
            Some(owner) => accident.of(&owner.subjects),
            None => accident.known(),
        };
        Ok(Self {
            accident_id,
            account: restricted_to.as_ref().map(|owner| owner.account),
            current: current.map_err(rejected)?.clone(),
            envelope: command_once(&api.context, request, accident_id.as_uuid()).map_err(refuse)?,
        })
    }

    /// A derivative and its size.
    async fn shown(
        &self,
        api: &Api,
        image: &Image,
        size: DerivativeSize,
    ) -> Result<(Bytes, Dimensions), Status> {
        let picture = image.dimensions.ok_or_else(no_derivative)?;
        // A newer release may have recorded a newer recipe: what it made is as good.
        let recorded = Some(image.derivatives.recipe)
            .filter(|recipe| *recipe >= RECIPE && image.derivatives.sizes.contains(&size));
        let jpeg = match recorded {
            Some(recipe) => stored(api, self.current.subject, image, recipe, size).await?,
            None => None,
        };
        let jpeg = match jpeg {
            Some(jpeg) => jpeg,
            None => self.made(api, image, size).await?,
        };
        Ok((jpeg, size.of(picture)))
    }

    /// Makes what is missing, records it, and gives the size asked for. Whoever comes second waits and finds it made.
    async fn made(&self, api: &Api, image: &Image, size: DerivativeSize) -> Result<Bytes, Status> {
        let content_type = image.content_type.ok_or_else(no_derivative)?;
        let _only = match self.account {
            Some(account) => Some(only_place(api, account).await?),
            None => None,
        };
        let _permit = permit(api, Some(content_type)).await?;
        let subject = self.current.subject;
        let make = async {
            if let Some(jpeg) = stored(api, subject, image, RECIPE, size).await? {
                return Ok(jpeg);
            }
            let original = api.originals.read(Kind::Original, subject, image.sha256).await;
            let original = original.map_err(refuse)?;
            let decoded = api
                .decoder
                .decode(content_type, &original, &DerivativeSize::ALL)
                .await
                .map_err(refuse)?;
            let decoded = decoded.map_err(|reason| {
                tracing::error!(
                    image = %image.image_id,
                    reason = reason.as_str(),
                    "a picture that was received cannot be decoded again; its original can still be downloaded"
                );
                no_derivative()
            })?;
            for derivative in &decoded.derivatives {
                keep_derivative(api, (subject, image.sha256), derivative).await?;
            }
            let found = decoded.derivatives.into_iter().find(|made| made.size == size);
            found.map(|made| made.jpeg).ok_or_else(no_derivative)
        };
        let alone = api.uploads.alone_with_original(subject, image.sha256, make);
        let jpeg = alone.await.map_err(refuse)??;
        // What keeps it from being recorded is logged, and whoever asks next records it: the picture can be seen.
        let _recorded = self.record(api, image).await;
        Ok(jpeg)
    }

    async fn record(&self, api: &Api, image: &Image) -> Result<(), Status> {
        let key = RequestKey::derive(SCOPE, &RECIPE.to_string(), image.image_id.as_uuid());
        let envelope = Envelope {
            key,
            correlation_id: key.derive_id("correlation"),
            ..self.envelope.clone()
        };
        let command = Command::RecordDerivatives {
            image_id: image.image_id,
            derivatives: Derivatives::all(),
            at: api.now(),
        };
        api.accidents
            .execute(self.accident_id, &envelope, command)
            .await
            .map_err(refuse)?;
        let subject = self.current.subject;
        let dropped = api.originals.drop_older(subject, image.sha256, RECIPE).await;
        dropped.map_err(refuse)
    }
}

/// What is in the store; none if it is not there, or damaged: it can be made anew.
async fn stored(
    api: &Api,
    subject: SubjectId,
    image: &Image,
    recipe: u32,
    size: DerivativeSize,
) -> Result<Option<Bytes>, Status> {
    let kind = Kind::Derivative { recipe, size };
    match api.originals.read(kind, subject, image.sha256).await {
        Ok(jpeg) => Ok(Some(Bytes::copy_from_slice(&jpeg))),
        Err(StorageError::Missing) => Ok(None),
        Err(error @ StorageError::Damaged(_)) => {
            tracing::warn!(
                image = %image.image_id,
                error = &error as &dyn std::error::Error,
                "a derivative is damaged and is made anew; look after the disk of the store of originals"
            );
            let dropped = api.originals.drop_one(kind, subject, image.sha256).await;
            dropped.map_err(refuse)?;
            Ok(None)
        }
        Err(error) => Err(refuse(error)),
    }
}

/// A document, which is not rendered.
fn no_derivative() -> Status {
    status(Problem::new(ProblemKind::FailedPrecondition, "NO_DERIVATIVE"))
}
