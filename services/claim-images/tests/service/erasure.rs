//! What is left of pictures when identity tells that somebody was erased (OP-4).

use std::path::{Path, PathBuf};

use harness::assert_refused;
use testkit::{photos, wait_for};
use tonic::Code::FailedPrecondition;

use crate::world::{As, HOLDER, SOON, STRANGER, World, accident_id, chunks, row, subject};

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

#[tokio::test]
async fn op_4_pictures_and_uploads_of_an_erased_person_go_and_others_stay() {
    let world = World::beside_identity().await;
    let photo = photos::tower().unwrap();
    let image = world.hand_in(&photo).await;
    let (started, half) = (world.started(photo.len()).await, &photo[..photo.len() / 2]);
    world.write(HOLDER, chunks(&started, half, 0)).await.unwrap();
    let others = crate::world::new_upload(&accident_id("K26000002"), photo.len());
    let others = world.start_upload(STRANGER, others).await.unwrap().upload_id;
    world.write(STRANGER, chunks(&others, half, 0)).await.unwrap();
    let kept = |customer: &str| {
        let of = subject(customer).to_string();
        let all = files(&world.originals());
        all.into_iter()
            .filter(|path| path.to_string_lossy().contains(&of))
            .count()
    };
    assert_eq!(kept("C0001"), 3, "an original and its two derivatives");
    assert!(!files(&world.spool().join(&started)).is_empty());
    world.derivative(HOLDER, &image).await.unwrap();

    world.erase(subject("C0001")).await;
    wait_for("the pictures to go", SOON, async || {
        (kept("C0001") == 0).then_some(())
    })
    .await;
    wait_for("the upload to go", SOON, async || {
        files(&world.spool().join(&started)).is_empty().then_some(())
    })
    .await;
    assert!(
        !files(&world.spool().join(&others)).is_empty(),
        "others' uploads stay"
    );
    assert_refused(
        world.derivative(HOLDER, &image).await,
        FailedPrecondition,
        "SUBJECT_ERASED",
    );
    assert_refused(
        world.download(As::Adjuster, &image).await,
        FailedPrecondition,
        "SUBJECT_ERASED",
    );
}

#[tokio::test]
async fn op_4_the_row_that_was_imported_before_is_a_bad_row_after_the_erasure() {
    let world = World::beside_identity().await;
    world.erase(subject("C0001")).await;
    let results = world
        .import(vec![row("K26000001", "C0001"), row("K26000002", "C0002")])
        .await;
    let problem = &results[0].problems[0];
    assert_eq!(
        (&*problem.field, &*problem.reason),
        ("customer_number", "SUBJECT_ERASED")
    );
    assert!(results[1].problems.is_empty());
}
