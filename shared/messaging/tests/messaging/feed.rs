//! The feed by itself.

use contracts::feed::v1::feed_service_client::FeedServiceClient;
use contracts::feed::v1::{ReadRequest, ReadResponse};
use futures::TryStreamExt;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::world::World;

async fn read(world: &World, request: ReadRequest) -> Result<ReadResponse, Status> {
    let mut request = Request::new(request);
    request
        .metadata_mut()
        .insert("authorization", "Bearer secret".parse().unwrap());
    FeedServiceClient::new(world.channel())
        .read(request)
        .await
        .map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_follow_each_other_and_the_end_and_the_head_are_told() {
    let world = World::new().await;
    let empty = read(&world, ReadRequest::default()).await.unwrap();
    assert!(empty.items.is_empty() && empty.end && empty.head_cursor.is_empty());
    world.append(20).await;
    let replay = world.replay().await;
    let (mut seen, mut request, mut previous) = (
        Vec::new(),
        ReadRequest {
            page_size: 4,
            ..Default::default()
        },
        Vec::new(),
    );
    loop {
        let page = read(&world, request.clone()).await.unwrap();
        assert_eq!(page.head_event_id, replay.last().unwrap().to_string());
        for item in &page.items {
            assert_eq!(item.previous_cursor, previous);
            previous.clone_from(&item.cursor);
            seen.push(item.event_id.parse::<Uuid>().unwrap());
        }
        if page.end {
            break;
        }
        let last = page.items.last().unwrap();
        request.after_cursor.clone_from(&last.cursor);
        request.after_event_id.clone_from(&last.event_id);
        assert_eq!(page.items.len(), 4);
    }
    assert_eq!(seen, replay);
    world.append(3).await;
    world.replay().await;
    let head = read(&world, request).await.unwrap().head_event_id;
    assert_eq!(
        head,
        world.replay().await.last().unwrap().to_string(),
        "the head moves with the store"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_reads_the_whole_feed_page_by_page() {
    let world = World::new().await;
    world.append(30).await;
    world.replay().await;
    let pages: Vec<_> = messaging::feed_pages(world.feed_client(), None)
        .try_collect()
        .await
        .unwrap();
    let ids: Vec<Uuid> = pages
        .iter()
        .flatten()
        .map(|delivery| delivery.event_id.as_uuid())
        .collect();
    assert_eq!(ids, world.replay().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_not_at_its_cursor_is_answered_with_diverged() {
    let world = World::new().await;
    world.append(2).await;
    world.replay().await;
    let page = read(&world, ReadRequest::default()).await.unwrap();
    let request = ReadRequest {
        after_cursor: page.items[0].cursor.clone(),
        after_event_id: page.items[1].event_id.clone(),
        page_size: 0,
    };
    let status = read(&world, request).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    let info = status.get_details_error_info().unwrap();
    assert_eq!(
        (info.reason.as_str(), info.domain.as_str()),
        ("DIVERGED", "madoguchi.tally")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_questions_are_refused_with_the_field() {
    let world = World::new().await;
    world.append(1).await;
    world.replay().await;
    let cursor = read(&world, ReadRequest::default()).await.unwrap().items[0]
        .cursor
        .clone();
    for (request, field) in [
        (
            ReadRequest {
                after_cursor: vec![1],
                ..Default::default()
            },
            "after_cursor",
        ),
        (
            ReadRequest {
                after_cursor: cursor,
                ..Default::default()
            },
            "after_event_id",
        ),
        (
            ReadRequest {
                page_size: -1,
                ..Default::default()
            },
            "page_size",
        ),
    ] {
        let status = read(&world, request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(
            status.get_details_bad_request().unwrap().field_violations[0].field,
            field
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_head_of_a_store_that_was_restored_is_told_anew() {
    let world = World::new().await;
    world.append(6).await;
    world.replay().await;
    read(&world, ReadRequest::default()).await.unwrap();
    world.restore_without_last(3).await;
    let head = read(&world, ReadRequest::default()).await.unwrap().head_event_id;
    assert_eq!(head, world.replay().await.last().unwrap().to_string());
}

/// As where the store is another server's than the checkpoint's: each is restored by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_head_is_not_taken_from_a_checkpoint_of_events_that_are_gone() {
    let world = World::new().await;
    world.append(6).await;
    let relay = world.relay();
    world.relayed().await;
    relay.stop().await;
    world.restore_without_last(3).await;
    let head = read(&world, ReadRequest::default()).await.unwrap().head_event_id;
    assert_eq!(head, world.replay().await.last().unwrap().to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_behind_many_events_that_are_not_public_is_found() {
    let world = World::new().await;
    world.append(2).await;
    world.append_at_once(1_000, false).await;
    world.append(2).await;
    let replay = world.replay().await;
    let page = read(&world, ReadRequest::default()).await.unwrap();
    let ids: Vec<Uuid> = page
        .items
        .iter()
        .map(|item| item.event_id.parse().unwrap())
        .collect();
    assert_eq!(ids, replay);
    assert!(page.end);
    assert_eq!(page.head_event_id, replay.last().unwrap().to_string());
}

/// Whether anything lies behind is not read for a page that is full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_ends_with_what_was_read_at_once_does_not_tell_the_end() {
    let world = World::new().await;
    world.append_at_once(500, true).await;
    world.replay().await;
    let page = read(&world, ReadRequest::default()).await.unwrap();
    assert_eq!((page.items.len(), page.end), (500, false));
    let last = page.items.last().unwrap();
    let request = ReadRequest {
        after_cursor: last.cursor.clone(),
        after_event_id: last.event_id.clone(),
        page_size: 0,
    };
    let rest = read(&world, request).await.unwrap();
    assert_eq!((rest.items.len(), rest.end), (0, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_ends_early_where_payloads_are_large() {
    let world = World::new().await;
    for _ in 0..5 {
        world.append_grown().await;
    }
    let replay = world.replay().await;
    let page = read(&world, ReadRequest::default()).await.unwrap();
    assert_eq!((page.items.len(), page.end), (3, false));
    let pages: Vec<_> = messaging::feed_pages(world.feed_client(), None)
        .try_collect()
        .await
        .unwrap();
    let ids: Vec<Uuid> = pages
        .iter()
        .flatten()
        .map(|delivery| delivery.event_id.as_uuid())
        .collect();
    assert_eq!(ids, replay);
}
