//! What a customer sent for one of their accidents, and when it was looked at. By whom is not their business.

use contracts::views::v1::{ListOwnSubmissionsRequest, ListOwnSubmissionsResponse, OwnSubmission};
use service::refuse;
use tonic::{Request, Response, Status};

use super::{Api, accidents, owner, subjects};
use crate::read::{TimePosition, cut, id};
use crate::submissions::{self, SubmissionRow};

pub(super) async fn list(
    api: &Api,
    request: Request<ListOwnSubmissionsRequest>,
) -> Result<Response<ListOwnSubmissionsResponse>, Status> {
    let subjects = subjects(&request);
    let asked = request.into_inner();
    let accident_id = id(&asked.accident_id, "accident_id", "ACCIDENT_ID_INVALID").map_err(refuse)?;
    let query = ["ListOwnSubmissions", &owner(&subjects), &accident_id.to_string()];
    let page = api
        .context
        .page::<TimePosition>(&query, asked.page_size, &asked.page_token)
        .map_err(refuse)?;
    api.sources.wait_for(&asked.consistency_tokens).await?;
    accidents::own(api, accident_id, &subjects).await?;
    let rows = submissions::page(&api.context.pool, accident_id, &page)
        .await
        .map_err(refuse)?;
    let (rows, next_page_token) = cut(&page, rows, SubmissionRow::position);
    Ok(Response::new(ListOwnSubmissionsResponse {
        submissions: rows.into_iter().map(submission).collect(),
        next_page_token,
        freshness: Some(api.sources.freshness().await?),
    }))
}

fn submission(sent: SubmissionRow) -> OwnSubmission {
    OwnSubmission {
        submission_id: sent.id.to_string(),
        image_count: sent.image_count,
        note: sent.note,
        sent_at_us: sent.sent_at_us,
        seen_at_us: sent.seen_at_us,
    }
}
