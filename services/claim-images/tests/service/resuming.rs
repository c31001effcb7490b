//! Uploads that are cut, resumed, taken over, given up or forgotten (CI-6).

use contracts::claim_images::v1 as proto;
use harness::{assert_refused, violations};
use jiff::SignedDuration;
use testkit::{photos, wait_for};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code::{Aborted, FailedPrecondition, InvalidArgument, NotFound};
use tonic_types::StatusExt as _;

use crate::world::{CHUNK, HOLDER, SOON, World, accident_id, chunks, files, finishing, new_upload};

/// Sends chunks on a connection that then breaks without an end of the stream; returns what became safe.
async fn cut_after(world: &World, upload_id: &str, chunks: Vec<proto::WriteUploadRequest>) -> u64 {
    let sent: u64 = chunks.iter().map(|chunk| chunk.data.len() as u64).sum();
    let (sender, receiver) = mpsc::channel(64);
    let mut client = world.client();
    let call = client.write_upload(world.call(HOLDER, ReceiverStream::new(receiver)));
    let feed = async {
        for chunk in chunks {
            sender.send(chunk).await.unwrap();
        }
        // Long enough for the first sync to be seen, then the call is dropped with its stream open.
        wait_for("something synced", SOON, async || {
            let safe = world.query(HOLDER, upload_id).await.unwrap().persisted_size_bytes;
            (safe > 0).then_some(safe)
        })
        .await
    };
    tokio::select! {
        answer = call => panic!("the stream has not ended, but the call has: {answer:?}"),
        _ = feed => {}
    }
    wait_for("what had arrived to be synced", SOON, async || {
        let safe = world.query(HOLDER, upload_id).await.unwrap().persisted_size_bytes;
        if safe == sent { Ok(safe) } else { Err(safe) }
    })
    .await
}

/// More than a segment: a photograph with an appended one, as phones do.
pub(crate) fn long_file() -> Vec<u8> {
    [
        photos::large().unwrap(),
        photos::large().unwrap(),
        photos::bridge().unwrap(),
    ]
    .concat()
}

#[tokio::test]
async fn ci_6_an_upload_cut_in_the_middle_resumes_where_it_stopped_also_across_a_kill() {
    let mut world = World::new().await;
    let file = long_file();
    let upload_id = world.started(file.len()).await;
    let mut first = chunks(&upload_id, &file, 0);
    first.truncate(18);
    let safe = cut_after(&world, &upload_id, first).await;
    assert_eq!(safe, 18 * CHUNK as u64, "all that had arrived");
    world.kill_and_restart().await;
    let state = world.query(HOLDER, &upload_id).await.unwrap();
    assert_eq!(
        (state.persisted_size_bytes, state.size_bytes),
        (safe, file.len() as u64)
    );
    assert_eq!(state.state(), proto::UploadState::Receiving);
    let rest = chunks(&upload_id, &file, usize::try_from(safe).unwrap());
    assert_eq!(world.write(HOLDER, rest).await.unwrap(), file.len() as u64);
    let image = world
        .finish(HOLDER, finishing(&upload_id, &file))
        .await
        .unwrap()
        .image
        .unwrap();
    assert_eq!(image.state(), proto::ImageState::Received);
    let state = world.query(HOLDER, &upload_id).await.unwrap();
    assert_eq!(
        (state.state(), state.image_id),
        (proto::UploadState::Finished, image.image_id)
    );
    assert!(files(&world.spool()).is_empty(), "nothing is left in the spool");
}

#[tokio::test]
async fn ci_6_a_client_that_comes_back_takes_over_from_its_own_dead_connection() {
    let world = World::new().await;
    let file = photos::large().unwrap();
    let upload_id = world.started(file.len()).await;
    let (sender, receiver) = mpsc::channel(64);
    let mut parts = chunks(&upload_id, &file, 0).into_iter();
    sender.send(parts.next().unwrap()).await.unwrap();
    let mut client = world.client();
    let hanging = client.write_upload(world.call(HOLDER, ReceiverStream::new(receiver)));
    let newcomer = async {
        // Asked again until the first call has the turn: what it took is safe only after it was asked to leave.
        wait_for("the whole", SOON, async || {
            let safe = world
                .query(HOLDER, &upload_id)
                .await
                .unwrap()
                .persisted_size_bytes;
            let rest = chunks(&upload_id, &file, usize::try_from(safe).unwrap());
            world
                .write(HOLDER, rest)
                .await
                .ok()
                .filter(|safe| *safe == file.len() as u64)
        })
        .await
    };
    let (hanging, whole) = tokio::join!(hanging, newcomer);
    assert_eq!(whole, file.len() as u64);
    // Either it was asked to leave, or it came second and met a longer upload.
    if let Err(refused) = hanging {
        assert!(
            [Aborted, FailedPrecondition].contains(&refused.code()),
            "{refused:?}"
        );
    }
    drop(sender);
    let image = world
        .finish(HOLDER, finishing(&upload_id, &file))
        .await
        .unwrap()
        .image
        .unwrap();
    assert_eq!(image.state(), proto::ImageState::Received);
}

#[tokio::test]
async fn ci_6_a_damaged_or_misplaced_chunk_is_refused_and_what_came_before_it_stays() {
    let world = World::new().await;
    let file = photos::tower().unwrap();
    let upload_id = world.started(file.len()).await;
    let mut damaged = chunks(&upload_id, &file, 0);
    damaged[1].crc32c ^= 1;
    let refused = assert_refused(
        world.write(HOLDER, damaged).await,
        InvalidArgument,
        "INVALID_ARGUMENT",
    );
    assert_eq!(
        violations(&refused),
        [("crc32c".to_owned(), "CHUNK_CORRUPT".to_owned())]
    );
    let metadata = refused.get_error_details().error_info().unwrap().metadata.clone();
    assert_eq!(metadata["persisted_size_bytes"], CHUNK.to_string());
    let misplaced = chunks(&upload_id, &file, 10);
    let refused = assert_refused(
        world.write(HOLDER, misplaced).await,
        FailedPrecondition,
        "OFFSET_MISMATCH",
    );
    let metadata = refused.get_error_details().error_info().unwrap().metadata.clone();
    assert_eq!(metadata["persisted_size_bytes"], CHUNK.to_string());
    assert_refused(
        world.finish(HOLDER, finishing(&upload_id, &file)).await,
        FailedPrecondition,
        "UPLOAD_INCOMPLETE",
    );
    let mut beyond = chunks(&upload_id, &file, CHUNK);
    beyond[0].data.push(0);
    beyond[0].crc32c = crc32c::crc32c(&beyond[0].data);
    assert_refused(
        world.write(HOLDER, beyond).await,
        InvalidArgument,
        "UPLOAD_TOO_LONG",
    );
    world
        .write(HOLDER, chunks(&upload_id, &file, CHUNK))
        .await
        .unwrap();
    let mut other = finishing(&upload_id, &file);
    other.sha256[0] ^= 1;
    let refused = assert_refused(
        world.finish(HOLDER, other).await,
        InvalidArgument,
        "INVALID_ARGUMENT",
    );
    assert_eq!(
        violations(&refused),
        [("sha256".to_owned(), "CHECKSUM_MISMATCH".to_owned())]
    );
    let image = world
        .finish(HOLDER, finishing(&upload_id, &file))
        .await
        .unwrap()
        .image
        .unwrap();
    assert_eq!(image.state(), proto::ImageState::Received);
    assert_refused(
        world.write(HOLDER, chunks(&upload_id, &file, 0)).await,
        FailedPrecondition,
        "UPLOAD_FINISHED",
    );
}

#[tokio::test]
async fn starting_again_under_the_same_id_gives_the_same_upload_and_another_content_is_refused() {
    let world = World::new().await;
    let request = new_upload(&accident_id("K26000001"), 1000);
    let first = world.start_upload(HOLDER, request.clone()).await.unwrap();
    assert_eq!(world.start_upload(HOLDER, request.clone()).await.unwrap(), first);
    assert_eq!(first.chunk_size_bytes, 65_536);
    let other = proto::StartUploadRequest {
        size_bytes: 1001,
        ..request
    };
    assert_refused(
        world.start_upload(HOLDER, other).await,
        FailedPrecondition,
        "REQUEST_ID_REUSED",
    );
}

#[tokio::test]
async fn an_upload_given_up_or_over_is_gone_with_its_bytes() {
    let world = World::new().await;
    let file = photos::tower().unwrap();
    let (aborted, forgotten) = (world.started(file.len()).await, world.started(file.len()).await);
    for upload_id in [&aborted, &forgotten] {
        world.write(HOLDER, chunks(upload_id, &file, 0)).await.unwrap();
    }
    assert_eq!(files(&world.spool()).len(), 2);
    let request = proto::AbortUploadRequest {
        request_id: crate::world::new_request_id(),
        upload_id: aborted.clone(),
    };
    for _ in 0..2 {
        world
            .client()
            .abort_upload(world.call(HOLDER, request.clone()))
            .await
            .unwrap();
    }
    assert_eq!(
        world.query(HOLDER, &aborted).await.unwrap().state(),
        proto::UploadState::Aborted
    );
    assert_refused(
        world.finish(HOLDER, finishing(&aborted, &file)).await,
        FailedPrecondition,
        "UPLOAD_ABORTED",
    );
    assert_eq!(files(&world.spool()).len(), 1);
    world.clock.advance(SignedDuration::from_hours(25));
    wait_for("the forgotten upload to be dropped", SOON, async || {
        files(&world.spool()).is_empty().then_some(())
    })
    .await;
    assert_refused(
        world.query(HOLDER, &forgotten).await,
        NotFound,
        "UPLOAD_NOT_FOUND",
    );
}

/// Each instance has a spool of its own, so what another one ended is still in it.
#[tokio::test]
async fn what_is_spooled_of_an_upload_that_another_instance_dropped_goes_within_the_hour() {
    let world = World::new().await;
    let file = photos::tower().unwrap();
    let (dropped, kept) = (world.started(file.len()).await, world.started(file.len()).await);
    for upload_id in [&dropped, &kept] {
        world.write(HOLDER, chunks(upload_id, &file, 0)).await.unwrap();
    }
    sqlx::query("DELETE FROM claim_images.upload WHERE upload_id = $1::uuid")
        .bind(&dropped)
        .execute(&world.database.pool)
        .await
        .unwrap();
    world.clock.advance(SignedDuration::from_hours(1));
    wait_for("its segments to go", SOON, async || {
        (!world.spool().join(&dropped).exists()).then_some(())
    })
    .await;
    assert!(!files(&world.spool().join(&kept)).is_empty());
}

#[tokio::test]
async fn an_original_stored_for_an_upload_that_came_to_nothing_is_dropped_but_not_one_in_use() {
    let world = World::new().await;
    let file = photos::tower().unwrap();
    let kept = world.hand_in(&file).await;
    assert_eq!(files(&world.originals()).len(), 3);
    // As a crash between storing and recording leaves it: rows of two uploads, one shares the picture in use.
    let orphan = photos::bridge().unwrap();
    for content in [&file, &orphan] {
        let upload_id = world.started(content.len()).await;
        world.write(HOLDER, chunks(&upload_id, content, 0)).await.unwrap();
        let sha256 = finishing(&upload_id, content).sha256;
        sqlx::query("UPDATE claim_images.upload SET sha256 = $1 WHERE upload_id = $2::uuid")
            .bind(&sha256)
            .bind(&upload_id)
            .execute(&world.database.pool)
            .await
            .unwrap();
        sqlx::query(
            "INSERT INTO claim_images.original_use SELECT subject_id, sha256, image_id FROM claim_images.upload
             WHERE upload_id = $1::uuid",
        )
        .bind(&upload_id)
        .execute(&world.database.pool)
        .await
        .unwrap();
        let subject = crate::world::subject("C0001");
        let stored = world
            .originals()
            .join(format!("originals/{subject}/{}", hex::encode(&sha256)));
        if !stored.exists() {
            std::fs::write(&stored, b"sealed bytes of an original that was never recorded").unwrap();
        }
    }
    assert_eq!(files(&world.originals()).len(), 4);
    world.clock.advance(SignedDuration::from_hours(25));
    wait_for("the orphan to be dropped", SOON, async || {
        (files(&world.originals()).len() == 3 && files(&world.spool()).is_empty()).then_some(())
    })
    .await;
    assert!(world.download(crate::world::As::Adjuster, &kept).await.unwrap().1 == file);
}
