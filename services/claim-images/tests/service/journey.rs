//! From the customer's phone to the adjuster's screen.

use contracts::claim_images::v1 as proto;
use testkit::{photos, wait_for};

use crate::world::{As, HOLDER, SOON, STRANGER, World, all_unsent, chunks, finishing};

#[tokio::test]
async fn ci_1_ci_5_a_turned_photograph_arrives_upright_and_its_original_byte_for_byte() {
    let world = World::new().await;
    let file = photos::with_orientation_and_position(&photos::large().unwrap(), 6);
    let image = world.hand_in(&file).await;
    assert_eq!(image.state(), proto::ImageState::Received);
    assert_eq!(
        (image.content_type.as_str(), image.width, image.height),
        ("image/jpeg", 1512, 2268)
    );
    assert!(!image.derivatives.is_empty() && image.duplicate_of_image_id.is_empty());

    let shown = world.derivative(HOLDER, &image).await.unwrap();
    assert_eq!((shown.width, shown.height), (267, 400));
    let size = claim_images::domain::Dimensions {
        width: 267,
        height: 400,
    };
    let inspected = claim_images::content::inspect(&shown.jpeg).unwrap();
    assert_eq!(inspected.stored, Some(size), "the JPEG itself is upright");
    for metadata in [&b"Exif"[..], b"GPS", b"http://ns.adobe.com"] {
        assert!(
            !shown
                .jpeg
                .windows(metadata.len())
                .any(|window| window == metadata),
            "CI-5: no metadata"
        );
    }

    let sent = world.send(HOLDER, all_unsent()).await.unwrap();
    assert_eq!(sent.image_ids, std::slice::from_ref(&image.image_id));
    assert!(sent.consistency_token.starts_with("claim-images:"));
    let seen = world.mark_seen(As::Adjuster, &sent.submission_id).await.unwrap();
    assert!(!seen.consistency_token.is_empty());
    let again = world.mark_seen(As::Adjuster, &sent.submission_id).await.unwrap();
    assert!(again.consistency_token.is_empty(), "nothing new to wait for");

    let (head, original) = world.download(As::Adjuster, &image).await.unwrap();
    assert_eq!(
        (head.content_type.as_str(), head.size_bytes),
        ("image/jpeg", file.len() as u64)
    );
    assert_eq!(head.sha256, image.sha256);
    assert!(original == file, "CI-5: byte for byte");
    assert_eq!(
        world.event_types().await[2..],
        [
            "accident.image_received.v1",
            "accident.submission_sent.v1",
            "accident.submission_seen.v1",
            "accident.original_viewed.v1"
        ]
    );
}

#[tokio::test]
async fn ci_2_more_is_sent_later() {
    let world = World::new().await;
    world.hand_in(&photos::tower().unwrap()).await;
    let request = all_unsent();
    let first = world.send(HOLDER, request.clone()).await.unwrap();
    let second = world.hand_in(&photos::bridge().unwrap()).await;
    assert_eq!(
        world.send(HOLDER, request).await.unwrap(),
        first,
        "a retry sends nothing more"
    );
    let later = world.send(HOLDER, all_unsent()).await.unwrap();
    assert_eq!(later.image_ids, [second.image_id]);
    assert_ne!(later.submission_id, first.submission_id);
}

#[tokio::test]
async fn ci_13_a_heic_is_received_and_can_be_seen() {
    let world = World::new().await;
    let file = photos::heic().unwrap();
    let image = world.hand_in(&file).await;
    assert_eq!(
        (
            image.state(),
            image.content_type.as_str(),
            !image.derivatives.is_empty()
        ),
        (proto::ImageState::Received, "image/heic", true)
    );
    let shown = world.derivative(HOLDER, &image).await.unwrap();
    let portrait = image.width < image.height;
    assert_eq!(shown.width < shown.height, portrait);
    assert_eq!(shown.width.max(shown.height), 400);
    assert!(world.download(As::Adjuster, &image).await.unwrap().1 == file);
}

#[tokio::test]
async fn ci_4_a_pdf_is_kept_as_a_document_and_as_nothing_else() {
    let world = World::new().await;
    let file = b"%PDF-1.7\n1 0 obj\nendobj\nstartxref\n9\n%%EOF\n";
    let image = world.hand_in(file).await;
    assert_eq!(
        (image.state(), image.refusal_reason(), image.content_type.as_str()),
        (
            proto::ImageState::Refused,
            proto::ImageRefusal::UnsupportedType,
            "application/pdf"
        )
    );
    assert!(image.refusal_message.contains("as a document"));
    let image = world.hand_in_as(proto::ImageCategory::Document, file).await;
    assert_eq!(
        (
            image.state(),
            image.content_type.as_str(),
            !image.derivatives.is_empty()
        ),
        (proto::ImageState::Received, "application/pdf", false)
    );
    let refused = world.derivative(HOLDER, &image).await;
    harness::assert_refused(refused, tonic::Code::FailedPrecondition, "NO_DERIVATIVE");
    assert!(world.download(As::Adjuster, &image).await.unwrap().1 == file);
    let cut = world
        .hand_in_as(proto::ImageCategory::Document, &file[..30])
        .await;
    assert_eq!(cut.refusal_reason(), proto::ImageRefusal::Truncated);
}

/// HEIC has its own lane: one that takes long keeps no other customer's picture waiting.
#[tokio::test]
async fn ci_13_a_slow_heic_keeps_no_jpeg_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let begun = folder.path().join("begun");
    let real = env!("CARGO_BIN_EXE_madoguchi-claim-images");
    let script = format!(
        r#"if [ "$2" = image/heic ]; then : >{begun}; while :; do :; done; fi; exec {real} "$@""#,
        begun = begun.display(),
    );
    let program = testkit::program(folder.path(), &script).unwrap();
    let program = program.display().to_string();
    let world = World::with(&[("decoder_program", program.into()), ("decoders", 1.into())]).await;
    let heic = photos::heic().unwrap();
    let jpeg = async {
        wait_for("the HEIC to be decoded", SOON, async || {
            if begun.exists() { Ok(()) } else { Err("not begun") }
        })
        .await;
        let file = photos::tower().unwrap();
        world.hand_in_by(STRANGER, "K26000002", &file).await
    };
    tokio::select! {
        _ = world.hand_in(&heic) => panic!("a decoder that never ends has ended"),
        image = jpeg => assert_eq!(image.state(), proto::ImageState::Received),
    }
}

#[tokio::test]
async fn ci_7_the_same_picture_again_names_the_first() {
    let world = World::new().await;
    let file = photos::tower().unwrap();
    let first = world.hand_in(&file).await;
    let second = world.hand_in(&file).await;
    assert_ne!(first.image_id, second.image_id);
    assert_eq!(second.duplicate_of_image_id, first.image_id);
    assert_eq!(
        crate::world::files(&world.originals()).len(),
        3,
        "one original and two derivatives for both"
    );
}

#[tokio::test]
async fn ci_9_a_closed_accident_takes_a_picture() {
    let world = World::new().await;
    let closed = proto::AccidentRow {
        state: "CLOSED".to_owned(),
        ..crate::world::row("K26000001", "C0001")
    };
    world.import(vec![closed]).await;
    assert_eq!(
        world.hand_in(&photos::tower().unwrap()).await.state(),
        proto::ImageState::Received
    );
}

#[tokio::test]
async fn finishing_again_gives_the_same_also_after_a_kill_and_after_sending() {
    let mut world = World::new().await;
    let file = photos::tower().unwrap();
    let upload_id = world.started(file.len()).await;
    world.write(HOLDER, chunks(&upload_id, &file, 0)).await.unwrap();
    let request = finishing(&upload_id, &file);
    let first = world.finish(HOLDER, request.clone()).await.unwrap();
    world.send(HOLDER, all_unsent()).await.unwrap();
    world.kill_and_restart().await;
    assert_eq!(
        world.finish(HOLDER, request).await.unwrap(),
        first,
        "as it stood after the first effect"
    );
    let other_id = world
        .finish(HOLDER, finishing(&upload_id, &file))
        .await
        .unwrap()
        .image
        .unwrap();
    assert_eq!(
        (&other_id.image_id, other_id.state()),
        (&first.image.unwrap().image_id, proto::ImageState::Sent)
    );
    let received = world
        .event_types()
        .await
        .into_iter()
        .filter(|kind| kind == "accident.image_received.v1");
    assert_eq!(received.count(), 1);
}
