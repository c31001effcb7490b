//! Refusals that no other test meets over gRPC, read in both languages.

use claim_images::ClaimImages;
use contracts::claim_images::v1 as proto;
use service::Service as _;
use testkit::walk::{LANGUAGES, Refusal, Walk};
use testkit::{photos, wait_for};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code::{NotFound, ResourceExhausted, Unavailable};
use tonic::{Request, Status};

use crate::world::{
    As, CHUNK, HOLDER, SOON, World, accident_id, all_unsent, chunks, new_request_id, new_upload, row,
};

/// So many bytes are synced without waiting for more.
const SYNCED: usize = 1024 * 1024;

fn reading<T>(mut request: Request<T>, language: &str) -> Request<T> {
    let language = language.parse().unwrap();
    request.metadata_mut().insert("accept-language", language);
    request
}

#[tokio::test]
async fn a_picture_of_another_accident_cannot_be_sent_or_seen() {
    let world = World::new().await;
    let mut walk = Walk::through(ClaimImages::NAME);
    let unknown = accident_id("K26009999");
    let mut seen = Vec::new();
    let mut sent = Vec::new();
    for language in LANGUAGES {
        let request = proto::GetDerivativeRequest {
            accident_id: accident_id("K26000001"),
            image_id: unknown.clone(),
            ..proto::GetDerivativeRequest::default()
        };
        let request = reading(world.call(HOLDER, request), language);
        seen.push(world.client().get_derivative(request).await.unwrap_err());
        let request = proto::SendSubmissionRequest {
            image_ids: vec![unknown.clone()],
            ..all_unsent()
        };
        let request = reading(world.call(HOLDER, request), language);
        sent.push(world.client().send_submission(request).await.unwrap_err());
    }
    let expected = Refusal::new(NotFound, "IMAGE_NOT_FOUND");
    walk.refused(&expected, [&seen[0], &seen[1]]);
    walk.refused(&expected, [&sent[0], &sent[1]]);
}

#[tokio::test]
async fn an_accident_takes_no_more_than_its_share() {
    let world = World::new().await;
    let mut walk = Walk::through(ClaimImages::NAME);
    world.hand_in(&photos::tower().unwrap()).await;
    // Nobody waits for a gibibyte: the one picture is recorded as so large.
    let larger = "UPDATE store.event SET data = jsonb_set(data::jsonb, '{size_bytes}', '1073741824')::json
        WHERE type = 'accident.image_received.v1'";
    let changed = sqlx::raw_sql(larger).execute(&world.database.pool).await.unwrap();
    assert_eq!(changed.rows_affected(), 1);
    let mut refused = Vec::new();
    for language in LANGUAGES {
        let request = new_upload(&accident_id("K26000001"), 10);
        let request = reading(world.call(HOLDER, request), language);
        refused.push(world.client().start_upload(request).await.unwrap_err());
    }
    let expected = Refusal::new(ResourceExhausted, "ACCIDENT_FULL");
    walk.refused(&expected, [&refused[0], &refused[1]]);
}

#[tokio::test]
async fn an_accident_with_pictures_cannot_be_given_to_another_customer() {
    let world = World::new().await;
    let mut walk = Walk::through(ClaimImages::NAME);
    world.hand_in(&photos::tower().unwrap()).await;
    let mut told = Vec::new();
    for language in LANGUAGES {
        let request = proto::ImportAccidentsRequest {
            request_id: new_request_id(),
            rows: vec![row("K26000001", "C0007")],
            as_of_us: world.as_of_us(),
            dry_run: false,
        };
        let request = reading(world.call(As::Administrator, request), language);
        let answer = world.client().import_accidents(request).await.unwrap();
        told.push(answer.into_inner().results.remove(0).problems.remove(0));
    }
    assert_eq!(
        (told[0].field.as_str(), told[0].reason.as_str()),
        ("customer_number", "CUSTOMER_CHANGED")
    );
    walk.text("CUSTOMER_CHANGED", &told[0].message, &told[1].message);
}

#[tokio::test]
async fn ci_4_a_file_that_needs_too_much_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let program = testkit::program(folder.path(), "cat > /dev/null\nkill -XCPU $$").unwrap();
    let world = World::with(&[("decoder_program", program.display().to_string().into())]).await;
    let image = world.hand_in(&photos::tower().unwrap()).await;
    assert_eq!(
        (image.state(), image.refusal_reason()),
        (proto::ImageState::Refused, proto::ImageRefusal::DecodeLimit)
    );
    assert!(image.refusal_message.contains("choose another file"));
}

#[tokio::test]
async fn ci_6_an_upload_under_a_stopping_service_is_told_when_to_resume() {
    let mut walk = Walk::through(ClaimImages::NAME);
    let mut refused: Vec<Status> = Vec::new();
    for language in LANGUAGES {
        let mut world = World::new().await;
        let file = vec![0; 3 * SYNCED];
        let upload_id = world.started(file.len()).await;
        let (sender, receiver) = mpsc::channel(SYNCED / CHUNK);
        for chunk in chunks(&upload_id, &file[..SYNCED], 0) {
            sender.send(chunk).await.unwrap();
        }
        let request = reading(world.call(HOLDER, ReceiverStream::new(receiver)), language);
        let mut client = world.client();
        let writing = client.write_upload(request);
        let stopping = async {
            wait_for("the first bytes to be safe", SOON, async || {
                let upload = world.query(HOLDER, &upload_id).await.unwrap();
                (upload.persisted_size_bytes == SYNCED as u64).then_some(())
            })
            .await;
            world.stop().await;
        };
        let (answer, ()) = tokio::join!(writing, stopping);
        let answer = answer.unwrap_err();
        let details = tonic_types::StatusExt::get_error_details(&answer);
        let persisted = &details.error_info().unwrap().metadata["persisted_size_bytes"];
        assert_eq!(*persisted, SYNCED.to_string());
        refused.push(answer);
        drop(sender);
    }
    let expected = Refusal::new(Unavailable, "SHUTTING_DOWN").retry();
    walk.refused(&expected, [&refused[0], &refused[1]]);
}
