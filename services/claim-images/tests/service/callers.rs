//! Who may see what: somebody else's accident, upload and picture do not exist (CI-9); originals are for claims staff.

use harness::assert_refused;
use testkit::photos;
use tonic::Code::{NotFound, PermissionDenied};

use crate::world::{As, HOLDER, STRANGER, World, accident_id, all_unsent, chunks, finishing, new_upload};

#[tokio::test]
async fn ci_9_somebody_elses_accident_does_not_exist() {
    let world = World::new().await;
    let foreign = world
        .start_upload(STRANGER, new_upload(&accident_id("K26000001"), 10))
        .await;
    let missing = world
        .start_upload(STRANGER, new_upload(&accident_id("K99999999"), 10))
        .await;
    let foreign = assert_refused(foreign, NotFound, "ACCIDENT_NOT_FOUND");
    let missing = assert_refused(missing, NotFound, "ACCIDENT_NOT_FOUND");
    assert_eq!(foreign.message(), missing.message());
    assert_refused(
        world.send(STRANGER, all_unsent()).await,
        NotFound,
        "ACCIDENT_NOT_FOUND",
    );
}

#[tokio::test]
async fn ci_9_somebody_elses_upload_and_picture_do_not_exist() {
    let world = World::new().await;
    let file = photos::tower().unwrap();
    let upload_id = world.started(file.len()).await;
    let parts = chunks(&upload_id, &file, 0);
    assert_refused(
        world.write(STRANGER, parts.clone()).await,
        NotFound,
        "UPLOAD_NOT_FOUND",
    );
    assert_refused(
        world.query(STRANGER, &upload_id).await,
        NotFound,
        "UPLOAD_NOT_FOUND",
    );
    world.write(HOLDER, parts).await.unwrap();
    assert_refused(
        world.finish(STRANGER, finishing(&upload_id, &file)).await,
        NotFound,
        "UPLOAD_NOT_FOUND",
    );
    let image = world
        .finish(HOLDER, finishing(&upload_id, &file))
        .await
        .unwrap()
        .image
        .unwrap();
    assert_refused(
        world.derivative(STRANGER, &image).await,
        NotFound,
        "ACCIDENT_NOT_FOUND",
    );
    world.derivative(HOLDER, &image).await.unwrap();
    world.derivative(As::Adjuster, &image).await.unwrap();
}

#[tokio::test]
async fn op_3_originals_and_seen_marks_are_for_claims_staff() {
    let world = World::new().await;
    let image = world.hand_in(&photos::tower().unwrap()).await;
    let sent = world.send(HOLDER, all_unsent()).await.unwrap();
    for caller in [HOLDER, As::CallCentre, As::Administrator] {
        let refused = world.download(caller, &image).await.unwrap_err();
        assert_eq!(refused.code(), PermissionDenied);
        let refused = world.mark_seen(caller, &sent.submission_id).await.unwrap_err();
        assert_eq!(refused.code(), PermissionDenied);
    }
    assert!(
        !world
            .event_types()
            .await
            .contains(&"accident.original_viewed.v1".to_owned())
    );
    let unknown = world.mark_seen(As::Adjuster, &image.image_id).await;
    assert_refused(unknown, NotFound, "SUBMISSION_NOT_FOUND");
}
