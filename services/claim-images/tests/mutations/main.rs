//! Damaged pictures through the header step and the real decoding child (CI-4): whatever a file is, a child keeps to its
//! limits, no picture is received that has fewer rows than it says, and this process neither panics nor grows. A few
//! hundred in passing, as many as asked for by `make mutate-pictures`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod asked;
mod heard;
#[path = "../mutants/mod.rs"]
mod mutants;
mod tally;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use asked::Asked;
use claim_images::content;
use claim_images::decoder::{Confinement, Decoded, Decoder};
use claim_images::domain::{ContentType, DerivativeSize, Dimensions};
use futures::StreamExt as _;
use heard::Heard;
use mutants::{Mutant, Sources, mutant};
use tally::{Outcome, Tally};

/// After this a child is killed, one of HEIC after four times.
const WALL_CLOCK: Duration = Duration::from_secs(30);
/// What killing it may take on a busy machine.
const GRACE: Duration = Duration::from_secs(10);
/// Children at the same time.
const AT_ONCE: usize = 2;
/// Of all files, how many part this process may take to reach its size.
const WARM_UP: u64 = 5;
/// By how much it may grow after that.
const MOST_GROWTH_KIB: u64 = 48 * 1024;

#[tokio::test]
async fn ci_4_no_damaged_picture_escapes_its_limits_or_is_received_without_all_its_rows() {
    let asked = Asked::read();
    let (sources, heard) = (Sources::gather(), Heard::default());
    let _listening = tracing::subscriber::set_default(heard.clone());
    let decoder = Decoder::new(
        PathBuf::from(env!("CARGO_BIN_EXE_madoguchi-claim-images")),
        WALL_CLOCK,
        Confinement::Available,
    );
    let (start, mut tally) = (Instant::now(), Tally::default());
    let until = start + asked.time;
    let numbers = (0..asked.files).take_while(|_| Instant::now() < until);
    let judging = numbers.map(|number| {
        let mutant = mutant(asked.seed, number, &sources);
        let decoder = &decoder;
        async move { kept_if_wrong(judge(decoder, number, &mutant).await, &mutant) }
    });
    let mut judging = futures::stream::iter(judging).buffer_unordered(AT_ONCE);
    let mut warm_kib = None;
    while let Some(outcome) = judging.next().await {
        tally.add(outcome);
        if tally.files >= asked.files / WARM_UP {
            warm_kib.get_or_insert_with(mutants::resident_kib);
        }
    }
    let (warm_kib, end_kib) = (warm_kib.unwrap_or_default(), mutants::resident_kib());
    tally::print(&format!(
        "{} of {} files of {} sources, seed {}, in {:.0} s; this process {warm_kib} KiB, at the end {end_kib} KiB\n{tally}{heard}",
        tally.files,
        asked.files,
        sources.len(),
        asked.seed,
        start.elapsed().as_secs_f64(),
    ));
    assert!(tally.wrong.is_empty(), "{}", tally.wrong.join("\n"));
    assert_eq!(tally.files, asked.files, "the time was over");
    assert!(
        end_kib <= warm_kib + MOST_GROWTH_KIB,
        "from {warm_kib} to {end_kib} KiB"
    );
}

/// Judges a file as the service does, and its verdict by what is known of the file.
async fn judge(children: &Decoder, number: u64, mutant: &Mutant) -> Outcome {
    let file = &mutant.bytes;
    let mut outcome = Outcome::of(number, mutant);
    let inspected = match catch_unwind(AssertUnwindSafe(|| content::inspect(file))) {
        Ok(Ok(inspected)) => inspected,
        Ok(Err(refused)) => {
            outcome.ended = format!("{:?} by its header", refused.reason);
            return outcome;
        }
        Err(_) => {
            outcome.wrong = Some("the header step panics".to_owned());
            return outcome;
        }
    };
    let start = Instant::now();
    let verdict = children
        .decode(inspected.content_type, file, &DerivativeSize::ALL)
        .await;
    outcome.took = start.elapsed();
    let limit = match inspected.content_type {
        ContentType::Heic => WALL_CLOCK * 4,
        _ => WALL_CLOCK,
    };
    if outcome.took > limit + GRACE {
        outcome.wrong = Some("it took longer than it may".to_owned());
    }
    match verdict {
        Ok(Ok(decoded)) => {
            outcome.ended = String::from("received");
            let stored = inspected
                .stored
                .filter(|_| inspected.content_type != ContentType::Heic);
            outcome.wrong = outcome
                .wrong
                .or_else(|| faults(&decoded, stored, mutant.lacks_rows));
        }
        Ok(Err(reason)) => outcome.ended = format!("{reason:?}"),
        Err(error) => outcome.wrong = Some(error.to_string()),
    }
    outcome
}

/// A file that shows a fault stays for whoever looks into it.
fn kept_if_wrong(mut outcome: Outcome, mutant: &Mutant) -> Outcome {
    if let Some(wrong) = outcome.wrong.take() {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mutated-{}", outcome.number));
        std::fs::write(&path, &mutant.bytes).unwrap();
        outcome.wrong = Some(format!("{wrong} ({})", path.display()));
    }
    outcome
}

/// What is wrong with a picture that was received, `stored` as its header says where nothing but it decides.
fn faults(decoded: &Decoded, stored: Option<Dimensions>, lacks_rows: bool) -> Option<String> {
    if lacks_rows {
        return Some("received although rows are missing".to_owned());
    }
    let sides = |size: Dimensions| [size.width.min(size.height), size.width.max(size.height)];
    if stored.is_some_and(|stored| sides(stored) != sides(decoded.dimensions)) {
        return Some(format!("received as {:?}, not {stored:?}", decoded.dimensions));
    }
    if decoded.derivatives.len() != DerivativeSize::ALL.len() {
        return Some("a derivative is missing".to_owned());
    }
    decoded.derivatives.iter().find_map(|derivative| {
        if derivative.dimensions != derivative.size.of(decoded.dimensions) {
            return Some(format!("{:?} is {:?}", derivative.size, derivative.dimensions));
        }
        let read = turbojpeg::decompress(&derivative.jpeg, turbojpeg::PixelFormat::RGB);
        read.err()
            .map(|error| format!("{:?} cannot be read: {error}", derivative.size))
    })
}
