//! Killed anywhere between original, derivatives and event, and finished again: what was acknowledged is there, and nothing was
//! derived under two keys (CI-5, CI-13).

use std::collections::BTreeSet;
use std::time::Duration;

use contracts::claim_images::v1 as proto;
use testkit::{photos, quarters, wait_for};

use crate::world::{HOLDER, SOON, World, chunks, files, finishing};

/// Kills in an ordinary run; `make kills` asks for more by `CLAIM_IMAGES_KILLS`.
const IN_PASSING: u32 = 8;
/// About as long as receiving one of the pictures takes.
const LONGEST_MS: u64 = 160;

/// A picture of its own for each number: the same, with other stray bytes behind its end.
fn picture(number: u32) -> Vec<u8> {
    let base = if number.is_multiple_of(4) {
        quarters::HEIC.to_vec()
    } else {
        photos::tower().unwrap()
    };
    [&base[..], &[0; 8], &number.to_le_bytes()].concat()
}

#[tokio::test]
async fn ci_5_a_kill_between_original_derivatives_and_event_loses_nothing() {
    let mut world = World::new().await;
    let mut random = 0x5eed_u64;
    let mut acknowledged: Vec<proto::Image> = Vec::new();
    let mut cut_off = 0;
    let kills = testkit::length_of_run("CLAIM_IMAGES_KILLS", IN_PASSING);
    for number in 0..kills {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let file = picture(number);
        let upload_id = world.started(file.len()).await;
        world.write(HOLDER, chunks(&upload_id, &file, 0)).await.unwrap();
        let finish = finishing(&upload_id, &file);
        let before = files(&world.originals()).len();
        let first = match number % 4 {
            // Anywhere.
            0 => {
                let after = Duration::from_millis((random >> 33) % LONGEST_MS);
                tokio::time::timeout(after, world.finish(HOLDER, finish.clone()))
                    .await
                    .ok()
            }
            // Where the first derivative, the second, the original is stored.
            stored => {
                let stored = before + usize::try_from(stored).unwrap();
                tokio::select! {
                    answer = world.finish(HOLDER, finish.clone()) => Some(answer),
                    () = wait_for("a file to be stored", SOON, async || {
                        (files(&world.originals()).len() >= stored).then_some(())
                    }) => None,
                }
            }
        };
        world.kill_and_restart().await;
        cut_off += u32::from(first.is_none());
        // The client did not hear an answer, or comes again all the same.
        let again = world.finish(HOLDER, finish).await.unwrap().image.unwrap();
        assert_eq!(again.state(), proto::ImageState::Received);
        if let Some(first) = first {
            assert_eq!(first.unwrap().image.unwrap().image_id, again.image_id);
        }
        acknowledged.push(again);
    }
    assert!(cut_off > 0, "no kill came in time");

    assert_whole_and_derived_once(&world, &acknowledged).await;
}

async fn assert_whole_and_derived_once(world: &World, acknowledged: &[proto::Image]) {
    for image in acknowledged {
        for size in [proto::DerivativeSize::Small, proto::DerivativeSize::Large] {
            assert!(
                !world
                    .derivative_of(HOLDER, image, size)
                    .await
                    .unwrap()
                    .jpeg
                    .is_empty()
            );
        }
    }
    let count = acknowledged.len();
    let received = world.event_types().await;
    let of_type = |name: &str| received.iter().filter(|found| *found == name).count();
    assert_eq!(of_type("accident.image_received.v1"), count, "each once");
    assert_eq!(
        of_type("accident.image_derived.v1"),
        0,
        "and with its derivatives"
    );
    let stored = files(&world.originals());
    let names: BTreeSet<_> = stored
        .iter()
        .filter(|path| path.to_string_lossy().contains("/derivatives/"))
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, BTreeSet::from(["1-400".to_owned(), "1-1600".to_owned()]));
    assert_eq!(stored.len(), 3 * count, "an original and two derivatives each");
}
