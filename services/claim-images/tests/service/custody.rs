//! What lies on disks and travels to others: sealed, and readable only while the customer's key exists (OP-4).

use contracts::claim_images::v1::{ClaimImagesEvent, claim_images_event::Event};
use contracts::feed::v1::{ReadRequest, feed_service_client::FeedServiceClient};
use contracts::names::VIEWS;
use harness::{assert_refused, bearing, secret_of};
use kernel::ids::EventId;
use kernel::{Personal, SealedField};
use prost::Message as _;
use testkit::{photos, wait_for};

use crate::world::{As, HOLDER, SOON, World, all_unsent, chunks, files, subject};

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test]
async fn op_4_neither_spool_nor_store_nor_database_holds_plaintext() {
    let world = World::new().await;
    let file = photos::with_orientation_and_position(&photos::tower().unwrap(), 6);
    world.hand_in(&file).await;
    world.send(HOLDER, all_unsent()).await.unwrap();
    let waiting = world.started(file.len()).await;
    world.write(HOLDER, chunks(&waiting, &file, 0)).await.unwrap();
    let stored = [files(&world.spool()), files(&world.originals())].concat();
    assert_eq!(stored.len(), 4, "a segment, an original and its two derivatives");
    let pieces: Vec<&[u8]> = file.chunks(64).filter(|piece| piece.len() == 64).collect();
    for path in stored {
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.starts_with(b"MDGF"), "{} is not sealed", path.display());
        assert!(
            !pieces.iter().step_by(97).any(|piece| holds(&bytes, piece)),
            "{}",
            path.display()
        );
        assert!(!holds(&bytes, b"JFIF") && !holds(&bytes, b"Exif"));
    }
    for table in ["store.event", "claim_images.upload"] {
        let query = format!("SELECT t::text FROM {table} t");
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
            .fetch_all(&world.database.pool)
            .await
            .unwrap();
        assert!(!rows.is_empty());
        for secret in ["aunt", "Invented Town", "tub", "35689444", "taken_at"] {
            assert!(
                !rows.iter().any(|row| row.contains(secret)),
                "{table} shows {secret}"
            );
        }
    }
}

#[tokio::test]
async fn op_4_after_an_erasure_nobody_sees_the_picture_and_nothing_new_is_taken() {
    let mut world = World::new().await;
    let image = world.hand_in(&photos::tower().unwrap()).await;
    world.destroy(subject("C0001")).await;
    // Its cache lives half a minute; a fresh process has none.
    world.kill_and_restart().await;
    let refused = world.derivative(HOLDER, &image).await;
    assert_refused(refused, tonic::Code::FailedPrecondition, "SUBJECT_ERASED");
    let refused = world.download(As::Adjuster, &image).await;
    assert_refused(refused, tonic::Code::FailedPrecondition, "SUBJECT_ERASED");
    let new = crate::world::new_upload(&image.accident_id, 10);
    assert_refused(
        world.start_upload(HOLDER, new).await,
        tonic::Code::FailedPrecondition,
        "SUBJECT_ERASED",
    );
    let again = crate::world::row("K26000009", "C0001");
    assert_eq!(
        world.import(vec![again]).await[0].problems[0].reason,
        "SUBJECT_ERASED"
    );
}

#[tokio::test]
async fn others_hear_of_pictures_and_submissions_with_names_and_notes_sealed() {
    let world = World::new().await;
    let image = world.hand_in(&photos::tower().unwrap()).await;
    world.download(As::Adjuster, &image).await.unwrap();
    let sent = world.send(HOLDER, all_unsent()).await.unwrap();
    // Two accidents, a picture, a submission; a look at an original is not told.
    let events = told(&world, 4).await;
    let Some(Event::ImageRecorded(recorded)) = &events[2].event else {
        panic!("{:?}", events[2])
    };
    assert_eq!(recorded.image.as_ref().unwrap().image_id, image.image_id);
    assert_eq!(
        open(&world, &events[2], recorded.file_name.as_ref()).await,
        "holiday-with-aunt.jpg"
    );
    let Some(Event::SubmissionSent(submission)) = &events[3].event else {
        panic!("{:?}", events[3])
    };
    assert_eq!(submission.submission_id, sent.submission_id);
    assert_eq!(
        open(&world, &events[3], submission.note.as_ref()).await,
        "The tub is on the left."
    );
}

/// What the feed tells, once it is that many: it shows an event when no older transaction can still come before it.
async fn told(world: &World, count: usize) -> Vec<ClaimImagesEvent> {
    let items = wait_for("the events in the feed", SOON, async || {
        let request = bearing(ReadRequest::default(), &secret_of(VIEWS));
        let items = FeedServiceClient::new(world.channel())
            .read(request)
            .await
            .unwrap()
            .into_inner()
            .items;
        if items.len() >= count {
            Ok(items)
        } else {
            Err(items.len())
        }
    })
    .await;
    assert_eq!(items.len(), count);
    items
        .iter()
        .map(|item| ClaimImagesEvent::decode(&*item.payload).unwrap())
        .collect()
}

/// Opens a field as another service would.
async fn open(
    world: &World,
    event: &ClaimImagesEvent,
    field: Option<&contracts::common::v1::SealedField>,
) -> String {
    let field = field.unwrap().clone();
    let field = SealedField {
        path: field.path,
        subject: field.subject_id.parse().unwrap(),
        key_id: field.key_id.parse().unwrap(),
        algorithm: field.algorithm,
        nonce: field.nonce,
        ciphertext: field.ciphertext,
    };
    let event_id: EventId = event.event_id.parse().unwrap();
    let opened: Personal<String> = world.keyring().open(event_id, &field).await.unwrap();
    opened.into_known().unwrap()
}
