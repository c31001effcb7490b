//! Files that are not taken, each with its reason, while the others go on (CI-4); and limits.

use contracts::claim_images::v1 as proto;
use harness::{assert_refused, violations};
use testkit::photos;
use tonic::Code::{FailedPrecondition, InvalidArgument};

use crate::world::{HOLDER, World, accident_id, all_unsent, files, new_upload};

/// The beginning of a PNG that says it has 50 000 × 50 000 pixels.
fn bomb() -> Vec<u8> {
    let side = 50_000_u32.to_be_bytes();
    let header = [&b"IHDR"[..], &side, &side, &[8, 6, 0, 0, 0]].concat();
    [
        b"\x89PNG\r\n\x1a\n",
        &13_u32.to_be_bytes()[..],
        &header,
        &[0; 400],
    ]
    .concat()
}

/// The photograph with a frame of 7 bits a sample, which no decoder knows.
fn odd_precision(jpeg: &[u8]) -> Vec<u8> {
    let mut file = jpeg.to_vec();
    // The last one: camera data may hold a small picture of their own.
    let frame = file
        .windows(2)
        .rposition(|window| window == [0xFF, 0xC0])
        .unwrap();
    file[frame + 4] = 7;
    file
}

#[tokio::test]
async fn ci_4_each_bad_file_is_refused_with_its_reason_and_the_good_one_goes_on() {
    let world = World::new().await;
    let tower = photos::tower().unwrap();
    let cases: [(&str, Vec<u8>); 7] = [
        (
            "UNSUPPORTED_TYPE",
            b"I am a text, whatever my name says.".to_vec(),
        ),
        ("TRUNCATED", tower[..tower.len() / 2].to_vec()),
        ("TRUNCATED", [&tower[..tower.len() / 2], &[0xFF, 0xD9]].concat()),
        ("TOO_MANY_PIXELS", bomb()),
        ("UNREADABLE", odd_precision(&tower)),
        (
            "UNREADABLE",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\0\x08free".to_vec(),
        ),
        ("DISGUISED", [&tower[..], b"PK\x03\x04 and so on"].concat()),
    ];
    for (reason, file) in cases {
        let image = world.hand_in(&file).await;
        assert_eq!(image.state(), proto::ImageState::Refused);
        assert_eq!(
            image.refusal_reason().as_str_name(),
            format!("IMAGE_REFUSAL_{reason}")
        );
        assert!(image.refusal_message.contains("please") || image.refusal_message.contains("Please"));
    }
    assert!(
        files(&world.originals()).is_empty() && files(&world.spool()).is_empty(),
        "their bytes are dropped"
    );
    let good = world.hand_in(&tower).await;
    assert_eq!(good.state(), proto::ImageState::Received);
    assert_eq!(
        world.send(HOLDER, all_unsent()).await.unwrap().image_ids,
        [good.image_id]
    );
    let refused = world
        .event_types()
        .await
        .into_iter()
        .filter(|kind| kind == "accident.image_refused.v1");
    assert_eq!(refused.count(), 7, "CI-6: nothing fails silently");
}

#[tokio::test]
async fn what_is_wrong_with_a_start_is_told_at_once_field_by_field() {
    let world = World::new().await;
    let bad = proto::StartUploadRequest {
        category: 0,
        ..new_upload(&accident_id("K26000001"), 0)
    };
    let refused = assert_refused(
        world.start_upload(HOLDER, bad).await,
        InvalidArgument,
        "INVALID_ARGUMENT",
    );
    let expected = [("category", "CATEGORY_REQUIRED"), ("size_bytes", "FILE_EMPTY")];
    assert_eq!(
        violations(&refused),
        expected.map(|(field, reason)| (field.to_owned(), reason.to_owned()))
    );
    let long = proto::StartUploadRequest {
        file_name: "x".repeat(256),
        ..new_upload(&accident_id("K26000001"), 1)
    };
    assert_eq!(
        violations(&world.start_upload(HOLDER, long).await.unwrap_err()),
        [("file_name".to_owned(), "TEXT_TOO_LONG".to_owned())]
    );
    let too_large = world
        .start_upload(
            HOLDER,
            new_upload(&accident_id("K26000001"), 32 * 1024 * 1024 + 1),
        )
        .await;
    assert_eq!(
        violations(&too_large.unwrap_err()),
        [("size_bytes".to_owned(), "NUMBER_TOO_LARGE".to_owned())]
    );
    world
        .start_upload(HOLDER, new_upload(&accident_id("K26000001"), 32 * 1024 * 1024))
        .await
        .unwrap();
}

#[tokio::test]
async fn op_8_a_note_with_nul_is_refused_by_its_field_records_nothing_and_the_next_one_is_sent() {
    let world = World::new().await;
    let image = world.hand_in(&photos::tower().unwrap()).await;
    let before = world.event_types().await;
    let with = |note: &str| proto::SendSubmissionRequest {
        note: note.to_owned(),
        ..all_unsent()
    };
    let refused = assert_refused(
        world.send(HOLDER, with("a\0b")).await,
        InvalidArgument,
        "INVALID_ARGUMENT",
    );
    assert_eq!(
        violations(&refused),
        [("note".to_owned(), "TEXT_CONTROL_CHARACTER".to_owned())]
    );
    assert_eq!(world.event_types().await, before, "nothing is recorded");
    let sent = world.send(HOLDER, with("はい。\r\n台所です。")).await.unwrap();
    assert_eq!(sent.image_ids, [image.image_id]);
}

#[tokio::test]
async fn ci_1_there_must_be_something_to_send_and_nothing_is_sent_twice() {
    let world = World::new().await;
    assert_refused(
        world.send(HOLDER, all_unsent()).await,
        FailedPrecondition,
        "NOTHING_TO_SEND",
    );
    let image = world.hand_in(&photos::tower().unwrap()).await;
    let one = proto::SendSubmissionRequest {
        image_ids: vec![image.image_id],
        ..all_unsent()
    };
    let long = proto::SendSubmissionRequest {
        note: "長".repeat(1001),
        ..one.clone()
    };
    let refused = world.send(HOLDER, long).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        [("note".to_owned(), "TEXT_TOO_LONG".to_owned())]
    );
    world.send(HOLDER, one.clone()).await.unwrap();
    let again = proto::SendSubmissionRequest {
        request_id: crate::world::new_request_id(),
        ..one
    };
    assert_refused(
        world.send(HOLDER, again).await,
        FailedPrecondition,
        "IMAGE_NOT_SENDABLE",
    );
}
