//! What adjusters and the call centre work from. The caller table admits staff only; what a role may see of others' work is
//! decided here (OP-3).

mod accidents;
mod gallery;
mod queue;
mod submissions;
mod timeline;

use std::sync::Arc;

use contracts::views::v1::adjuster_view_service_server::AdjusterViewService;
use contracts::views::v1::{
    GetAccidentFileRequest, GetAccidentFileResponse, ListGalleryRequest, ListGalleryResponse,
    ListQueueRequest, ListQueueResponse, ListSubmissionsRequest, ListSubmissionsResponse,
    ListTimelineRequest, ListTimelineResponse, SearchAccidentsRequest, SearchAccidentsResponse,
};
use service::Context;
use tonic::{Request, Response, Status, async_trait};

use crate::generations::freshness::Sources;

pub(crate) struct Api {
    context: Context,
    sources: Arc<Sources>,
}

impl Api {
    pub(crate) fn new(context: Context, sources: Arc<Sources>) -> Self {
        Self { context, sources }
    }
}

#[async_trait]
impl AdjusterViewService for Api {
    async fn list_queue(
        &self,
        request: Request<ListQueueRequest>,
    ) -> Result<Response<ListQueueResponse>, Status> {
        queue::list(self, request).await
    }

    async fn search_accidents(
        &self,
        request: Request<SearchAccidentsRequest>,
    ) -> Result<Response<SearchAccidentsResponse>, Status> {
        accidents::search(self, request).await
    }

    async fn get_accident_file(
        &self,
        request: Request<GetAccidentFileRequest>,
    ) -> Result<Response<GetAccidentFileResponse>, Status> {
        accidents::get(self, request).await
    }

    async fn list_gallery(
        &self,
        request: Request<ListGalleryRequest>,
    ) -> Result<Response<ListGalleryResponse>, Status> {
        gallery::list(self, request).await
    }

    async fn list_submissions(
        &self,
        request: Request<ListSubmissionsRequest>,
    ) -> Result<Response<ListSubmissionsResponse>, Status> {
        submissions::list(self, request).await
    }

    async fn list_timeline(
        &self,
        request: Request<ListTimelineRequest>,
    ) -> Result<Response<ListTimelineResponse>, Status> {
        timeline::list(self, request).await
    }
}
