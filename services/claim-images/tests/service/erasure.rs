//! What is left of pictures when identity tells that somebody was erased (OP-4).

use std::path::{Path, PathBuf};

use contracts::identity::v1::{IdentityEvent, SubjectErased, identity_event::Event};
use contracts::names::IDENTITY;
use harness::assert_refused;
use kernel::EventId;
use testkit::{photos, wait_for};
use tonic::Code::FailedPrecondition;
use uuid::Uuid;

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

/// OP-4: what the keyring still holds is not erased, whoever says so: on the bus, or with the source's own word.
#[tokio::test]
async fn op_4_a_forged_erasure_deletes_nothing_and_stops_nobody() {
    let world = World::beside_identity().await;
    let photo = photos::tower().unwrap();
    let image = world.hand_in(&photo).await;
    let before = files(&world.originals());
    let victim = subject("C0001");
    let event = EventId::from_uuid(Uuid::from_u128(7));
    let message = IdentityEvent {
        event_id: event.to_string(),
        entity_id: victim.to_string(),
        version: 0,
        occurred_at_us: 0,
        event: Some(Event::SubjectErased(SubjectErased {
            subject_id: victim.to_string(),
            key_id: Uuid::nil().to_string(),
            destroyed_at_us: 0,
        })),
    };
    let consumer = ("claim-images-erasures", IDENTITY);
    world
        .forge(consumer, ("subject", "erased"), event, &message)
        .await;
    wait_for("it to be set aside", SOON, async || {
        let found = world.set_aside_of_the_bus().await;
        if found == ["UNSIGNED"] { Ok(()) } else { Err(found) }
    })
    .await;
    // Said by identity itself, while the key is there: parked, for a person to look at.
    world.stand_in(IDENTITY).tell_erased(victim).await;
    wait_for("it to be parked", SOON, async || {
        let parked: i64 = sqlx::query_scalar("SELECT count(*) FROM messaging.parked")
            .fetch_one(&world.database.pool)
            .await
            .unwrap();
        (parked == 1).then_some(())
    })
    .await;
    assert_eq!(files(&world.originals()), before);
    world.derivative(HOLDER, &image).await.unwrap();

    // Others are erased as ever.
    world.erase(subject("C0002")).await;
    let upload = crate::world::new_upload(&accident_id("K26000002"), 10);
    wait_for("the other to be erased", SOON, async || {
        let refused = world.start_upload(STRANGER, upload.clone()).await;
        refused.is_err().then_some(())
    })
    .await;
    world.derivative(HOLDER, &image).await.unwrap();
}
