//! The submissions of an accident, with who has looked at them.

use contracts::views::v1::{ListSubmissionsRequest, ListSubmissionsResponse, Submission};
use service::refuse;
use tonic::{Request, Response, Status};

use super::{Api, accidents};
use crate::read::{TimePosition, cut, id};
use crate::submissions::{self, SubmissionRow};

pub(super) async fn list(
    api: &Api,
    request: Request<ListSubmissionsRequest>,
) -> Result<Response<ListSubmissionsResponse>, Status> {
    let asked = request.into_inner();
    let accident_id = id(&asked.accident_id, "accident_id", "ACCIDENT_ID_INVALID").map_err(refuse)?;
    let page = api
        .context
        .page::<TimePosition>(
            &["ListSubmissions", &accident_id.to_string()],
            asked.page_size,
            &asked.page_token,
        )
        .map_err(refuse)?;
    api.sources.wait_for(&asked.consistency_tokens).await?;
    accidents::known(api, accident_id).await?;
    let rows = submissions::page(&api.context.pool, accident_id, &page)
        .await
        .map_err(refuse)?;
    let (rows, next_page_token) = cut(&page, rows, SubmissionRow::position);
    Ok(Response::new(ListSubmissionsResponse {
        submissions: rows.into_iter().map(submission).collect(),
        next_page_token,
        freshness: Some(api.sources.freshness().await?),
    }))
}

fn submission(sent: SubmissionRow) -> Submission {
    Submission {
        submission_id: sent.id.to_string(),
        image_count: sent.image_count,
        note: sent.note,
        sent_at_us: sent.sent_at_us,
        seen_at_us: sent.seen_at_us,
        seen_by: sent.seen_by,
    }
}
