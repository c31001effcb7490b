//! Quotas of uploads under way (CI-6): how many and how large an account's may be, how large everybody's, in how many pieces one
//! may come. However many calls come at once, no quota is exceeded.

use std::collections::BTreeMap;

use contracts::claim_images::v1 as proto;
use futures::future::join_all;
use harness::{assert_refused, reason};
use tonic::Code::ResourceExhausted;
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::resuming::long_file;
use crate::world::{
    As, HOLDER, STRANGER, World, accident_id, chunks, decoder, files, finishing, new_request_id, new_upload,
};

const MIB: usize = 1024 * 1024;

/// Starts many uploads of one size at once; how many were started, and how many were refused for which reason.
async fn start_many(
    world: &World,
    (caller, claim): (As, &str),
    count: usize,
    size_bytes: usize,
) -> (Vec<String>, BTreeMap<String, usize>) {
    let start = || world.start_upload(caller, new_upload(&accident_id(claim), size_bytes));
    let outcomes = join_all((0..count).map(|_| start())).await;
    let (mut started, mut refused) = (Vec::new(), BTreeMap::new());
    for outcome in outcomes {
        match outcome {
            Ok(answer) => started.push(answer.upload_id),
            Err(status) => *refused.entry(reason(&status)).or_default() += 1,
        }
    }
    (started, refused)
}

const HOLDERS: (As, &str) = (HOLDER, "K26000001");
const STRANGERS: (As, &str) = (STRANGER, "K26000002");

async fn abort(world: &World, caller: As, upload_id: &str) {
    let request = proto::AbortUploadRequest {
        request_id: new_request_id(),
        upload_id: upload_id.to_owned(),
    };
    let request = world.call(caller, request);
    world.client().abort_upload(request).await.unwrap();
}

#[tokio::test]
async fn ci_6_two_hundred_starts_at_once_take_no_more_than_the_quota() {
    let world = World::new().await;
    let (started, refused) = start_many(&world, HOLDERS, 200, 10).await;
    assert_eq!(started.len(), 20);
    assert_eq!(refused, [("TOO_MANY_UPLOADS".to_owned(), 180)].into());
    // Another account has its own.
    assert_eq!(start_many(&world, STRANGERS, 1, 10).await.0.len(), 1);
    // What is over makes room.
    abort(&world, HOLDER, &started[0]).await;
    let (again, _) = start_many(&world, HOLDERS, 5, 10).await;
    assert_eq!(again.len(), 1);
    // Time is over a day after it began.
    world.advance(86_401);
    assert_eq!(start_many(&world, HOLDERS, 200, 10).await.0.len(), 20);
}

#[tokio::test]
async fn ci_6_bytes_under_way_are_counted_by_account_and_in_all() {
    let own = [
        decoder(),
        ("uploads_per_account", 1_000.into()),
        ("spool_mib_per_account", 64.into()),
        ("spool_mib", 96.into()),
    ];
    let world = World::with(&own).await;
    let (started, refused) = start_many(&world, HOLDERS, 100, 10 * MIB).await;
    assert_eq!(started.len(), 6, "of 64 MiB");
    assert_eq!(refused, [("UPLOADS_TOO_LARGE".to_owned(), 94)].into());
    let (theirs, refused) = start_many(&world, STRANGERS, 100, 10 * MIB).await;
    assert_eq!(theirs.len(), 3, "36 MiB are left of 96");
    assert_eq!(refused, [("SPOOL_FULL".to_owned(), 97)].into());

    let one_more = new_upload(&accident_id("K26000002"), 10 * MIB);
    let status = assert_refused(
        world.start_upload(STRANGER, one_more).await,
        ResourceExhausted,
        "SPOOL_FULL",
    );
    let retry = status.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert_eq!(retry.as_secs(), 300);
    let text = status.get_details_localized_message().unwrap().message;
    assert!(text.contains("about 5 minutes"), "{text}");
    abort(&world, HOLDER, &started[0]).await;
    assert_eq!(start_many(&world, STRANGERS, 1, 10 * MIB).await.0.len(), 1);
}

#[tokio::test]
async fn a_start_that_is_sent_again_is_counted_once_also_at_the_quota() {
    let world = World::new().await;
    let request = new_upload(&accident_id("K26000001"), 10);
    let at_once = join_all((0..30).map(|_| world.start_upload(HOLDER, request.clone()))).await;
    let ids: Vec<_> = at_once
        .into_iter()
        .map(|answer| answer.unwrap().upload_id)
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(start_many(&world, HOLDERS, 30, 10).await.0.len(), 19);
    let again = world.start_upload(HOLDER, request).await.unwrap();
    assert_eq!(again.upload_id, ids[0]);
}

/// One call with the bytes from `offset` on, `length` of them.
async fn write(world: &World, id: &str, file: &[u8], offset: usize, length: usize) -> Result<u64, Status> {
    world
        .write(HOLDER, chunks(id, &file[..offset + length], offset))
        .await
}

#[tokio::test]
async fn ci_6_an_upload_in_tiny_pieces_is_told_so_and_goes_on_in_larger_ones() {
    let world = World::new().await;
    let file = long_file();
    assert!(file.len() > 64 + MIB, "{}", file.len());
    let id = world.started(file.len()).await;
    for offset in 0..64 {
        assert_eq!(
            write(&world, &id, &file, offset, 1).await.unwrap(),
            offset as u64 + 1
        );
    }
    assert_eq!(files(&world.spool()).len(), 64);
    for length in [1, 70_000, MIB - 1] {
        let refused = write(&world, &id, &file, 64, length).await;
        let status = assert_refused(refused, ResourceExhausted, "UPLOAD_IN_SMALL_PIECES");
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.metadata["persisted_size_bytes"], "64");
        let text = status.get_details_localized_message().unwrap().message;
        assert!(text.contains("(64 bytes) with at least 1 MiB"), "{text}");
    }
    assert_eq!(files(&world.spool()).len(), 64, "a refused piece is kept");
    // A full segment goes on, and the last one may be as short as it is.
    let kept = write(&world, &id, &file, 64, MIB).await.unwrap();
    assert_eq!(kept, (64 + MIB) as u64);
    let rest = file.len() - 64 - MIB;
    write(&world, &id, &file, 64 + MIB, rest).await.unwrap();
    let finished = world.finish(HOLDER, finishing(&id, &file)).await.unwrap();
    assert_eq!(finished.image.unwrap().state(), proto::ImageState::Received);
}
