//! Damaged pictures handed in: no upload is lost (CI-6). A few in passing, hundreds by `make mutate-pictures`.

use contracts::claim_images::v1 as proto;

use crate::mutants::{self, Sources, mutant};
use crate::world::{As, HOLDER, World, row};

const IN_PASSING: u32 = 24;
/// Fewer than an accident takes.
const OF_AN_ACCIDENT: u64 = 250;
const SEED: u64 = 1;
/// Of all uploads, how many part the service may take to reach its size, and by how much it may grow after that.
const WARM_UP: u64 = 5;
const MOST_GROWTH_KIB: u64 = 64 * 1024;

#[tokio::test]
async fn ci_6_every_upload_of_a_damaged_picture_ends_received_or_refused() {
    let (world, sources) = (World::new().await, Sources::gather());
    let (mut received, mut refused) = (Vec::new(), 0);
    let wanted = u64::from(testkit::length_of_run("MUTATED_UPLOADS", IN_PASSING));
    let mut warm_kib = 0;
    for number in 0..wanted {
        let claim = format!("K27{:06}", number / OF_AN_ACCIDENT);
        if number % OF_AN_ACCIDENT == 0 {
            let results = world.import(vec![row(&claim, "C0001")]).await;
            assert!(results.iter().all(|result| result.problems.is_empty()));
        }
        if number == wanted / WARM_UP {
            warm_kib = mutants::resident_kib();
        }
        let mutant = mutant(SEED, number, &sources);
        let image = world.hand_in_by(HOLDER, &claim, &mutant.bytes).await;
        match image.state() {
            proto::ImageState::Received => {
                assert!(!mutant.lacks_rows, "file {number} ({})", mutant.made);
                received.push((image, mutant.bytes));
            }
            proto::ImageState::Refused => refused += 1,
            other => panic!("file {number} ({}, {:?}) is {other:?}", mutant.made, mutant.kind),
        }
    }
    // In passing other tests run in this process, and grow.
    let end_kib = mutants::resident_kib();
    let is_flat = wanted <= IN_PASSING.into() || end_kib < warm_kib + MOST_GROWTH_KIB;
    assert!(is_flat, "the service grew from {warm_kib} to {end_kib} KiB");
    let of = sources.len();
    assert!(!received.is_empty() && refused > 0, "of {of} sources");
    for (image, bytes) in &received {
        let (_, stored) = world.download(As::Adjuster, image).await.unwrap();
        assert!(stored == *bytes, "{} is not as it was sent", image.image_id);
    }
    let events = world.event_types().await;
    let count = |wanted: &str| events.iter().filter(|kind| *kind == wanted).count();
    assert_eq!(count("accident.image_received.v1"), received.len());
    assert_eq!(count("accident.image_refused.v1"), refused);
}
