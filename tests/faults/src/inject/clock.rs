//! One service's clock is off by minutes, either way: tokens end early or late, and nothing happens twice for it.

use std::path::Path;
use std::time::Duration;

use contracts::names::ENDORSEMENT;
use dev::stack::SERVICES;
use rand::RngExt as _;

use crate::driver::Driver;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::pace::pass;
use crate::plan::Component;

/// Where Debian and Ubuntu install it, by architecture.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
];
const OFFSETS: [&str; 4] = ["-400", "-90", "+90", "+400"];
/// For who keeps the dates of changes: what is scheduled for tomorrow becomes due.
const DAY_AHEAD: &str = "+25h";
const LASTS: Duration = Duration::from_millis(1_500);

impl Driver<'_> {
    pub(crate) async fn clock_off(&mut self) -> Result<(), Failure> {
        let Some(library) = LIBRARIES.into_iter().find(|library| Path::new(library).exists()) else {
            self.tally
                .cannot(Fault::ClockOff, "libfaketime is not installed (make install)");
            return Ok(());
        };
        let service = SERVICES[self.rng.random_range(0..SERVICES.len())];
        let offset = if service == ENDORSEMENT {
            DAY_AHEAD
        } else {
            OFFSETS[self.rng.random_range(0..OFFSETS.len())]
        };
        self.serving(service).await?;
        let variables = [
            ("LD_PRELOAD", library),
            ("FAKETIME", offset),
            // Durations are measured by another clock, which is never set.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        self.kill_service_with(service, &variables).await?;
        self.serving(service).await?;
        self.injected(Fault::ClockOff, &Component::Service(service).affected());
        pass(LASTS).await;
        self.kill_service(service).await?;
        sweep();
        Ok(())
    }
}

/// A process that is killed leaves the library's shared memory; the process it is named after is gone.
fn sweep() {
    let Ok(entries) = std::fs::read_dir("/dev/shm") else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((_, pid)) = name
            .rsplit_once('_')
            .filter(|(kind, _)| kind.contains("faketime"))
        else {
            continue;
        };
        if !Path::new("/proc").join(pid).exists() {
            // Somebody else's is theirs to remove.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
