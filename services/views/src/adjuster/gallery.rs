//! The pictures of an accident as sent, oldest first. What was registered and not sent is the customer's own.

use contracts::views::v1::{ListGalleryRequest, ListGalleryResponse};
use service::refuse;
use tonic::{Request, Response, Status};

use super::{Api, accidents};
use crate::read::{TimePosition, Viewer, cut, id, image_position, images, limit};

pub(super) async fn list(
    api: &Api,
    request: Request<ListGalleryRequest>,
) -> Result<Response<ListGalleryResponse>, Status> {
    let asked = request.into_inner();
    let accident_id = id(&asked.accident_id, "accident_id", "ACCIDENT_ID_INVALID").map_err(refuse)?;
    let page = api
        .context
        .page::<TimePosition>(
            &["ListGallery", &accident_id.to_string()],
            asked.page_size,
            &asked.page_token,
        )
        .map_err(refuse)?;
    api.sources.wait_for(&asked.consistency_tokens).await?;
    accidents::known(api, accident_id).await?;
    let rows = images(
        &api.context.pool,
        accident_id,
        Viewer::ClaimsStaff,
        page.after,
        limit(&page),
    )
    .await
    .map_err(refuse)?;
    let (images, next_page_token) = cut(&page, rows, image_position);
    Ok(Response::new(ListGalleryResponse {
        images,
        next_page_token,
        freshness: Some(api.sources.freshness().await?),
    }))
}
