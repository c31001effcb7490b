//! How often a second the disk can be made to keep 8 KiB, as `pg_test_fsync` asks it: what every durable commit waits for.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::report::Report;

const PAGE: [u8; 8192] = [0x5a; 8192];
const TIME: Duration = Duration::from_secs(2);

/// In the folder where the private servers keep their data.
pub(crate) fn measure(report: &mut Report) -> Result<(), Failure> {
    report.alone("disk: 8 KiB written and synced (fdatasync)", rate()?, "1/s");
    Ok(())
}

fn rate() -> Result<f64, Failure> {
    let mut file: File = tempfile::tempfile()?;
    file.write_all(&PAGE)?;
    file.sync_all()?;
    let (start, mut syncs) = (Instant::now(), 0_u32);
    while start.elapsed() < TIME {
        file.rewind()?;
        file.write_all(&PAGE)?;
        file.sync_data()?;
        syncs += 1;
    }
    Ok(f64::from(syncs) / start.elapsed().as_secs_f64())
}
