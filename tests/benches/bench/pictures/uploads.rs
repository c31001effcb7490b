//! The service: an upload beside writing a file of the same size durably, in turns; and a gallery page.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use client::{Bearer, Client, Upload, UploadSource, request_id};
use contracts::claim_images::v1::{AccidentRow, DerivativeSize, GetDerivativesRequest, ImageCategory};
use contracts::names::CLAIM_IMAGES;
use kernel::SubjectId;
use kernel::policy::CustomerNumber;
use testkit::photos;

use super::derivatives::of_twelve_megapixels;
use crate::extent::Extent;
use crate::failure::Failure;
use crate::report::{Report, percentile};
use crate::visible::Environment;

/// Pictures of a gallery page.
const PAGE: usize = 30;
const CUSTOMER: &str = "C0000001";
const CLAIM: &str = "CL90000000";

/// What was measured of one upload, in milliseconds.
#[derive(Default)]
struct Took {
    raw: Vec<f64>,
    durable: Vec<f64>,
    acknowledged: Vec<f64>,
}

pub(super) async fn measure(extent: Extent, programs: &Path, report: &mut Report) -> Result<(), Failure> {
    let photograph = match photos::of_package("exif-0.6.0", "test/sony-alpha-6000.jpg") {
        Ok(photograph) => of_twelve_megapixels(&photograph)?,
        Err(problem) => {
            println!("uploads are not measured: {problem}");
            return Ok(());
        }
    };
    let folder = crate::visible::folder()?;
    let environment = Environment::open(&folder.path().join("data"), programs).await?;
    environment.accidents(vec![accident()]).await?;
    let accident_id = client::files::accident_id(CLAIM)?.to_string();
    let (mut took, mut image_ids) = (Took::default(), Vec::new());
    for number in 0..extent.pictures * extent.rounds.max(PAGE.div_ceil(extent.pictures)) {
        let bearer = environment.customer(&subject()?)?;
        // Each a picture of its own: what is there already is not written again.
        let source = UploadSource {
            file_name: "photograph.jpg".to_owned(),
            category: ImageCategory::DamagedProperty,
            bytes: [&photograph[..], &number.to_be_bytes()].concat(),
        };
        took.raw.push(write(folder.path(), &source.bytes)?);
        let begun = Instant::now();
        let upload = Upload::start(&environment.client, &bearer, &accident_id, &source).await?;
        let writing = Instant::now();
        upload.write_from(0).await?;
        took.durable.push(millis(writing.elapsed()));
        let image = upload.finish(&request_id()).await?.into_inner().image;
        took.acknowledged.push(millis(begun.elapsed()));
        image_ids.push(image.ok_or("an upload has no picture")?.image_id);
    }
    let size = photograph.len() / 1024;
    let name = |what: &str| format!("pictures: {size} KiB {what} ÷ written, synced, renamed, p50");
    report.turns(name("until they are durable"), "ms", &took.durable, &took.raw);
    report.turns(
        name("until received, judged, derived"),
        "ms",
        &took.acknowledged,
        &took.raw,
    );
    image_ids.truncate(PAGE);
    gallery(extent, &environment, &accident_id, &image_ids, report).await?;
    environment.stack.stop().await;
    Ok(())
}

/// Milliseconds until a file of these bytes would outlive a loss of power.
fn write(folder: &Path, bytes: &[u8]) -> Result<f64, Failure> {
    let (unfinished, finished) = (folder.join("raw.unfinished"), folder.join("raw"));
    let begun = Instant::now();
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, &finished)?;
    File::open(folder)?.sync_all()?;
    let took = millis(begun.elapsed());
    fs::remove_file(&finished)?;
    Ok(took)
}

/// A page of small derivatives, from the call to the last byte.
async fn gallery(
    extent: Extent,
    environment: &Environment,
    accident_id: &str,
    image_ids: &[String],
    report: &mut Report,
) -> Result<(), Failure> {
    let mut took = Vec::new();
    for _ in 0..extent.commands {
        let bearer = environment.customer(&subject()?)?;
        let begun = Instant::now();
        let count = page(&environment.client, &bearer, accident_id, image_ids).await?;
        took.push(millis(begun.elapsed()));
        if count != image_ids.len() {
            return Err(format!("a page has {count} derivatives").into());
        }
    }
    for per_cent in [50, 99] {
        let name = format!("pictures: a gallery page of {PAGE} in {CLAIM_IMAGES}, p{per_cent}");
        report.alone(name, percentile(&took, per_cent), "ms");
    }
    Ok(())
}

/// How many derivatives came.
async fn page(
    client: &Client,
    bearer: &Bearer,
    accident_id: &str,
    image_ids: &[String],
) -> Result<usize, Failure> {
    let request = GetDerivativesRequest {
        accident_id: accident_id.to_owned(),
        image_ids: image_ids.to_vec(),
        size: DerivativeSize::Small.into(),
    };
    let mut stream = client
        .claim_images(bearer)
        .get_derivatives(request)
        .await?
        .into_inner();
    let mut count = 0;
    while let Some(derivative) = stream.message().await? {
        count += usize::from(!derivative.jpeg.is_empty());
    }
    Ok(count)
}

fn accident() -> AccidentRow {
    AccidentRow {
        line: 1,
        claim_number: CLAIM.to_owned(),
        policy_number: "AB12345678".to_owned(),
        customer_number: CUSTOMER.to_owned(),
        occurred_at: "2026-04-01T08:30".to_owned(),
        place: "見本町".to_owned(),
        kind: "WATER_LEAK".to_owned(),
        adjuster_id: "A001".to_owned(),
        office: "TOKYO-1".to_owned(),
        state: "OPEN".to_owned(),
        ..AccidentRow::default()
    }
}

fn subject() -> Result<SubjectId, Failure> {
    let number = CustomerNumber::parse(CUSTOMER).map_err(|problem| format!("{problem:?}"))?;
    Ok(SubjectId::of_customer(&number))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
