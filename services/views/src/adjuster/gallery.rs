//! The pictures of an accident as sent, oldest first. What was registered and not sent is the customer's own.

use contracts::views::v1::{ListGalleryRequest, ListGalleryResponse};
use service::refuse;
use tonic::{Request, Response, Status};

use super::Api;
use crate::problem::accident_not_found;
use crate::read::{TimePosition, cut, id, image_position, images, limit};

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
    let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM view.accident WHERE accident_id = $1)")
        .bind(accident_id)
        .fetch_one(&api.context.pool)
        .await
        .map_err(refuse)?;
    if !known {
        return Err(refuse(accident_not_found()));
    }
    let rows = images(&api.context.pool, accident_id, true, page.after, limit(&page))
        .await
        .map_err(refuse)?;
    let (images, next_page_token) = cut(&page, rows, image_position);
    Ok(Response::new(ListGalleryResponse {
        images,
        next_page_token,
        freshness: Some(api.sources.freshness().await?),
    }))
}
