//! `make bench`: how fast the store, a command's way into the views, a rebuild and pictures are, each beside a baseline measured
//! in the same run, in turns; and what the door's limits cost a call. Prints, and writes target/bench.json. Ratios are to be
//! trusted, absolute figures belong to the machine.
#![allow(clippy::print_stdout, reason = "a program for people")]
#![allow(
    clippy::cast_precision_loss,
    reason = "counts and microseconds of a benchmark fit a float's 52 bits"
)]

mod appends;
mod clients;
mod disk;
mod extent;
mod failure;
mod growth;
mod ledger;
mod limits;
mod pictures;
mod report;
mod rivals;
mod server;
mod visible;

use std::path::PathBuf;

use extent::{FULL, QUICK};
use failure::Failure;
use report::Report;
use rivals::Rivals;

struct Arguments {
    quick: bool,
    report: PathBuf,
    baselines: PathBuf,
    /// The Python that has libvips.
    vips: PathBuf,
    programs: PathBuf,
    parts: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments = arguments()?;
    let extent = if arguments.quick { QUICK } else { FULL };
    let wanted =
        |part: &str| arguments.parts.is_empty() || arguments.parts.iter().any(|wanted| wanted == part);
    let mut report = Report::new(arguments.report);
    if wanted("disk") {
        disk::measure(&mut report)?;
    }
    if wanted("limits") {
        limits::measure(&mut report)?;
    }
    if wanted("appends") {
        let rivals = Rivals::new(arguments.baselines)?;
        appends::measure(extent, &rivals, &mut report).await?;
    }
    if wanted("visible") {
        visible::measure(extent, &arguments.programs, &mut report).await?;
    }
    if wanted("growth") {
        growth::measure(extent, &mut report).await?;
    }
    if wanted("pictures") {
        pictures::measure(extent, &arguments.programs, &arguments.vips, &mut report).await?;
    }
    report.close()
}

/// `--quick`, `--report FILE`, `--baselines PROGRAM`, `--vips PYTHON`, `--programs FOLDER`, then the parts wanted (all).
fn arguments() -> Result<Arguments, Failure> {
    // A bench lies one folder below the programs.
    let here = std::env::current_exe()?;
    let programs = here
        .parent()
        .and_then(|deps| deps.parent())
        .ok_or("this program has no folder")?;
    let mut arguments = Arguments {
        quick: false,
        report: PathBuf::from("target/bench.json"),
        baselines: PathBuf::from("target/bench-baselines/release/bench-baselines"),
        vips: PathBuf::from("target/bench-vips/bin/python"),
        programs: programs.to_owned(),
        parts: Vec::new(),
    };
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        let mut path = || {
            given
                .next()
                .map(PathBuf::from)
                .ok_or(format!("{argument} wants a path"))
        };
        match argument.as_str() {
            // What cargo itself passes to benchmarks.
            "--bench" => {}
            "--quick" => arguments.quick = true,
            "--report" => arguments.report = path()?,
            "--baselines" => arguments.baselines = path()?,
            "--vips" => arguments.vips = path()?,
            "--programs" => arguments.programs = path()?,
            "disk" | "limits" | "appends" | "visible" | "growth" | "pictures" => {
                arguments.parts.push(argument);
            }
            other => return Err(format!("{other} is not known").into()),
        }
    }
    Ok(arguments)
}
