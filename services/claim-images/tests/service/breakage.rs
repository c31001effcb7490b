//! Malformed calls, hanging connections and decoders, damaged disks: each has its answer.

use contracts::claim_images::v1 as proto;
use harness::{assert_refused, violations};
use testkit::{photos, wait_for};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code::{Aborted, FailedPrecondition, InvalidArgument, ResourceExhausted, Unavailable};

use crate::world::{As, CHUNK, HOLDER, SOON, World, chunks, files, finishing, new_upload};

#[tokio::test]
async fn a_malformed_call_is_told_which_field_is_wrong() {
    let world = World::new().await;
    let only = |field: &str, reason: &str| vec![(field.to_owned(), reason.to_owned())];
    let refused = world
        .start_upload(HOLDER, new_upload("mine", 10))
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), only("accident_id", "ID_INVALID"));
    let upload_id = world.started(3 * 1024 * 1024).await;
    let short = proto::FinishUploadRequest {
        sha256: vec![1; 31],
        ..finishing(&upload_id, b"")
    };
    let refused = world.finish(HOLDER, short).await.unwrap_err();
    assert_eq!(violations(&refused), only("sha256", "SHA256_INVALID"));
    let mut mixed = chunks(&upload_id, &vec![0; 2 * CHUNK], 0);
    mixed[1].upload_id = world.started(10).await;
    let refused = world.write(HOLDER, mixed).await.unwrap_err();
    assert_eq!(violations(&refused), only("upload_id", "UPLOAD_ID_CHANGED"));
    let data = vec![0; 1024 * 1024 + 1];
    let offset = CHUNK as u64;
    let large = proto::WriteUploadRequest {
        upload_id,
        offset,
        crc32c: crc32c::crc32c(&data),
        data,
    };
    let refused = world.write(HOLDER, vec![large]).await.unwrap_err();
    assert_eq!(violations(&refused), only("data", "BYTES_TOO_LONG"));
}

#[tokio::test]
async fn ci_6_the_older_of_two_connections_is_told_that_it_was_taken_over() {
    let world = World::new().await;
    let file = photos::large().unwrap();
    let upload_id = world.started(file.len()).await;
    let (sender, receiver) = mpsc::channel(4);
    sender.send(chunks(&upload_id, &file, 0).remove(0)).await.unwrap();
    let mut client = world.client();
    let older = client.write_upload(world.call(HOLDER, ReceiverStream::new(receiver)));
    let newer = async {
        wait_for(
            "the older connection to have been received and taken over",
            SOON,
            async || {
                let safe = world
                    .query(HOLDER, &upload_id)
                    .await
                    .unwrap()
                    .persisted_size_bytes;
                // A chunk that fits nowhere: it takes the turn and changes nothing.
                let _ = world.write(HOLDER, chunks(&upload_id, &file, 1)).await;
                (safe == CHUNK as u64).then_some(())
            },
        )
        .await;
    };
    let (older, ()) = tokio::join!(older, newer);
    assert_refused(older, Aborted, "UPLOAD_TAKEN_OVER");
    drop(sender);
}

#[tokio::test]
async fn ci_6_a_connection_that_sends_nothing_is_ended_and_what_it_sent_is_kept() {
    let world = World::with(&[("idle_timeout_s", 1.into())]).await;
    let file = photos::large().unwrap();
    let upload_id = world.started(file.len()).await;
    let (sender, receiver) = mpsc::channel(4);
    sender.send(chunks(&upload_id, &file, 0).remove(0)).await.unwrap();
    let stalled = world
        .client()
        .write_upload(world.call(HOLDER, ReceiverStream::new(receiver)))
        .await;
    assert_refused(stalled, Aborted, "UPLOAD_STALLED");
    assert_eq!(
        world
            .query(HOLDER, &upload_id)
            .await
            .unwrap()
            .persisted_size_bytes,
        CHUNK as u64
    );
    drop(sender);
}

#[tokio::test]
async fn a_file_that_finds_all_decoders_busy_is_asked_to_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let began = folder.path().join("began");
    let script = format!(": > {}\nwhile :; do :; done", began.display());
    let program = testkit::program(folder.path(), &script).unwrap();
    let settings = [
        ("decoder_program", program.display().to_string().into()),
        ("decoders", 1.into()),
        ("decoder_wait_s", 0.into()),
    ];
    let world = World::with(&settings).await;
    let file = photos::tower().unwrap();
    let (first, second) = (world.started(file.len()).await, world.started(file.len()).await);
    for upload_id in [&first, &second] {
        world.write(HOLDER, chunks(upload_id, &file, 0)).await.unwrap();
    }
    let refused = async {
        wait_for("the first to be judged", SOON, async || {
            began.exists().then_some(())
        })
        .await;
        world.finish(HOLDER, finishing(&second, &file)).await
    };
    let refused = tokio::select! {
        answer = world.finish(HOLDER, finishing(&first, &file)) => panic!("it hangs: {answer:?}"),
        refused = refused => refused,
    };
    assert_refused(refused, ResourceExhausted, "DECODERS_BUSY");
}

#[tokio::test]
async fn damaged_and_unusable_disks_are_told_apart_from_the_callers_mistakes() {
    let world = World::new().await;
    let image = world.hand_in(&photos::tower().unwrap()).await;
    for path in files(&world.originals()) {
        let mut bytes = std::fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    assert_refused(
        world.derivative(HOLDER, &image).await,
        FailedPrecondition,
        "STORED_BYTES_DAMAGED",
    );
    assert_refused(
        world.download(As::Adjuster, &image).await,
        FailedPrecondition,
        "STORED_BYTES_DAMAGED",
    );
    let upload_id = world.started(10).await;
    std::fs::write(world.spool().join(&upload_id), b"a file where a folder should be").unwrap();
    let refused = world.write(HOLDER, chunks(&upload_id, &[0; 10], 0)).await;
    assert_refused(refused, Unavailable, "STORAGE_UNAVAILABLE");
    let beyond = world.query(HOLDER, "not an id").await.unwrap_err();
    assert_eq!(beyond.code(), InvalidArgument);
}
