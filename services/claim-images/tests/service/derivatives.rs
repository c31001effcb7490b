//! What is shown of pictures (CI-5, CI-13): made on arrival, made anew where it is missing, never twice, and told.

use std::path::PathBuf;

use contracts::claim_images::v1 as proto;
use harness::{assert_refused, in_language};
use testkit::{photos, quarters};
use tonic::Code::{FailedPrecondition, NotFound};

use crate::world::{As, HOLDER, STRANGER, World, accident_id, chunks, files, finishing, new_request_id};

/// Names of what is stored of all derivatives.
fn stored(world: &World) -> Vec<String> {
    let mut names: Vec<_> = derivative_files(world)
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn derivative_files(world: &World) -> Vec<PathBuf> {
    let mut found = files(&world.originals());
    found.retain(|path| path.to_string_lossy().contains("/derivatives/"));
    found
}

async fn derived_events(world: &World) -> usize {
    let types = world.event_types().await;
    types
        .iter()
        .filter(|name| *name == "accident.image_derived.v1")
        .count()
}

async fn both(world: &World, image: &proto::Image) -> [Vec<u8>; 2] {
    let small = world.derivative(HOLDER, image).await.unwrap().jpeg;
    let large = world
        .derivative_of(HOLDER, image, proto::DerivativeSize::Large)
        .await;
    [small, large.unwrap().jpeg]
}

/// A world whose decoder counts how often it is started, and the count.
async fn counting(folder: &tempfile::TempDir) -> (World, impl Fn() -> usize) {
    let runs = folder.path().join("runs");
    let real = env!("CARGO_BIN_EXE_madoguchi-claim-images");
    // Asked for a picture only: the service also tries how decoders can be confined.
    let script = format!(
        "[ $# -gt 1 ] && echo run >> {}; exec {real} \"$@\"",
        runs.display()
    );
    let program = testkit::program(folder.path(), &script).unwrap();
    let world = World::with(&[("decoder_program", program.display().to_string().into())]).await;
    let count = move || {
        let text = std::fs::read_to_string(&runs).unwrap_or_default();
        text.lines().count()
    };
    (world, count)
}

/// Says of every picture that it was received before there were derivatives, as a recipe before the first.
async fn make_older(world: &World) {
    let older =
        "UPDATE store.event SET data = jsonb_set(data::jsonb, '{derivatives}', '{\"recipe\": 0, \"sizes\": []}')::json
                  WHERE type = 'accident.image_received.v1'";
    sqlx::query(older).execute(&world.database.pool).await.unwrap();
    for path in derivative_files(world) {
        let name = path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .replacen("1-", "0-", 1);
        std::fs::rename(&path, path.with_file_name(name)).unwrap();
    }
}

#[tokio::test]
async fn ci_13_pictures_of_an_accident_are_shown_in_one_answer_in_the_order_asked_for() {
    let world = World::new().await;
    let first = world.hand_in(&photos::bridge().unwrap()).await;
    let second = world.hand_in(quarters::HEIC).await;
    let pdf = b"%PDF-1.7\n1 0 obj\nendobj\nstartxref\n9\n%%EOF\n";
    let document = world.hand_in_as(proto::ImageCategory::Document, pdf).await;
    let refused = world.hand_in(b"no picture").await;
    let asked = |ids: &[&proto::Image], size: proto::DerivativeSize| proto::GetDerivativesRequest {
        accident_id: accident_id("K26000001"),
        image_ids: ids.iter().map(|image| image.image_id.clone()).collect(),
        size: size.into(),
    };
    let all = asked(&[], proto::DerivativeSize::Large);
    for caller in [HOLDER, As::Adjuster] {
        let shown = world.derivatives(caller, all.clone()).await.unwrap();
        let ids: Vec<_> = shown.iter().map(|shown| &shown.image_id).collect();
        assert_eq!(ids, [&first.image_id, &second.image_id, &document.image_id]);
        assert_eq!((shown[0].width, shown[0].height), (1600, 1004));
        assert_eq!((shown[1].width, shown[1].height), (320, 208));
        assert_eq!(shown[2].missing_reason, "NO_DERIVATIVE");
        assert!(shown[2].missing_message.contains("download") && shown[2].jpeg.is_empty());
    }
    let some = asked(&[&second, &first], proto::DerivativeSize::Unspecified);
    let shown = world.derivatives(HOLDER, some).await.unwrap();
    assert_eq!((shown[0].width, shown[1].width), (320, 400));
    assert_eq!(
        shown[1].jpeg,
        world.derivative(HOLDER, &first).await.unwrap().jpeg
    );

    assert_refused(
        world.derivatives(STRANGER, all.clone()).await,
        NotFound,
        "ACCIDENT_NOT_FOUND",
    );
    let unknown = asked(&[&first, &refused], proto::DerivativeSize::Small);
    assert_refused(
        world.derivatives(HOLDER, unknown).await,
        NotFound,
        "IMAGE_NOT_FOUND",
    );
    let malformed = proto::GetDerivativesRequest {
        image_ids: vec!["x".to_owned()],
        ..all
    };
    let malformed = world.derivatives(HOLDER, malformed).await;
    assert_refused(malformed, tonic::Code::InvalidArgument, "INVALID_ARGUMENT");
}

/// A picture that was received before there were derivatives, asked for by many at once.
#[tokio::test]
async fn ci_13_an_older_picture_is_derived_once_when_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (mut world, runs) = counting(&folder).await;
    let image = world.hand_in(&photos::large().unwrap()).await;
    let before = both(&world, &image).await;
    assert_eq!(
        (stored(&world), runs()),
        (vec!["1-1600".into(), "1-400".into()], 1)
    );
    make_older(&world).await;
    world.kill_and_restart().await;

    let ask = || world.derivative(As::Adjuster, &image);
    let answers = tokio::join!(ask(), ask(), ask(), ask(), ask(), ask());
    let answers = [answers.0, answers.1, answers.2, answers.3, answers.4, answers.5];
    for answer in answers {
        assert!(answer.unwrap().jpeg == before[0], "the same bytes");
    }
    assert!(both(&world, &image).await == before);
    assert_eq!(runs(), 2, "on arrival, and once when it was asked for");
    assert_eq!(derived_events(&world).await, 1);
    assert_eq!(
        stored(&world),
        ["1-1600", "1-400"],
        "what the older recipe made is gone"
    );
}

/// Derivatives need no copy: lost or damaged, they are made of the original again, and nothing new is recorded.
#[tokio::test]
async fn ci_13_lost_and_damaged_derivatives_are_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (world, runs) = counting(&folder).await;
    let image = world.hand_in(&photos::bridge().unwrap()).await;
    let before = both(&world, &image).await;
    let [one, other] = &derivative_files(&world)[..] else {
        panic!("two derivatives")
    };
    std::fs::remove_file(one).unwrap();
    let mut damaged = std::fs::read(other).unwrap();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    std::fs::write(other, damaged).unwrap();
    assert!(both(&world, &image).await == before);
    assert!(runs() <= 3, "made once for each that was found missing at most");
    assert_eq!(derived_events(&world).await, 0);
    assert!(both(&world, &image).await == before);
    assert_eq!(stored(&world), ["1-1600", "1-400"]);
}

/// What cannot be decoded any more is told, and its original can still be had.
#[tokio::test]
async fn ci_13_a_picture_that_no_decoder_opens_any_more_has_no_derivative() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken");
    let real = env!("CARGO_BIN_EXE_madoguchi-claim-images");
    let script = format!("[ -e {} ] && exit 1; exec {real} \"$@\"", broken.display());
    let program = testkit::program(folder.path(), &script).unwrap();
    let world = World::with(&[("decoder_program", program.display().to_string().into())]).await;
    let file = photos::tower().unwrap();
    let image = world.hand_in(&file).await;
    for path in derivative_files(&world) {
        std::fs::remove_file(path).unwrap();
    }
    std::fs::write(broken, b"").unwrap();
    let refused = world.derivative(HOLDER, &image).await;
    assert_refused(refused, FailedPrecondition, "NO_DERIVATIVE");
    assert!(world.download(As::Adjuster, &image).await.unwrap().1 == file);
}

/// A PNG of these brightnesses.
fn png(width: u32, height: u32, brightness: impl Fn(u32, u32) -> u8) -> Vec<u8> {
    let pixels: Vec<u8> = (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .map(|(x, y)| brightness(x, y))
        .collect();
    let mut file = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new(&mut file);
    image::ImageEncoder::write_image(encoder, &pixels, width, height, image::ExtendedColorType::L8).unwrap();
    file
}

/// CI-7: told at once, in the customer's language; received all the same.
#[tokio::test]
async fn ci_7_blur_darkness_and_a_tiny_picture_are_told_at_once_and_refuse_nothing() {
    let world = World::new().await;
    let chequered = |x: u32, y: u32, low, high| {
        if (x / 8 + y / 8).is_multiple_of(2) {
            low
        } else {
            high
        }
    };
    let cases: [(Vec<u8>, &[&str]); 4] = [
        (png(800, 600, |x, y| chequered(x, y, 60, 200)), &[]),
        (
            png(800, 600, |x, _| u8::try_from(60 + x / 8).unwrap()),
            &["BLURRED"],
        ),
        (png(800, 600, |x, y| chequered(x, y, 0, 40)), &["DARK"]),
        (png(600, 450, |x, y| chequered(x, y, 100, 111)), &["SOFT", "TINY"]),
    ];
    for (file, expected) in cases {
        let request = proto::StartUploadRequest {
            request_id: new_request_id(),
            ..crate::world::new_upload(&accident_id("K26000001"), file.len())
        };
        let upload_id = world.start_upload(HOLDER, request).await.unwrap().upload_id;
        world.write(HOLDER, chunks(&upload_id, &file, 0)).await.unwrap();
        let english = world.finish(HOLDER, finishing(&upload_id, &file)).await.unwrap();
        let again = in_language(world.call(HOLDER, finishing(&upload_id, &file)), "ja");
        let japanese = world.client().finish_upload(again).await.unwrap().into_inner();
        let [english, japanese] = [english, japanese].map(|answer| answer.image.unwrap());
        let codes = |image: &proto::Image| {
            let codes = image.hints.iter().map(|hint| hint.code.clone());
            codes.collect::<Vec<_>>()
        };
        assert_eq!(english.state(), proto::ImageState::Received);
        assert_eq!(codes(&english), expected);
        assert_eq!(codes(&japanese), expected);
        assert!(
            english
                .hints
                .iter()
                .all(|hint| hint.message.contains("received all the same"))
        );
        assert!(
            japanese
                .hints
                .iter()
                .all(|hint| hint.message.contains("受け付けました"))
        );
    }
}
