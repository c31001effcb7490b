//! Each kind of fault: how it is injected, and how it is healed.

mod clock;
mod disk;
mod forged;
mod jetstream;
mod kill;
mod neighbour;
mod network;
mod pause;
mod relays;
mod versions;

use crate::driver::Driver;
use crate::failure::Failure;
use crate::fault::Fault;

impl Driver<'_> {
    /// Strikes with one fault and makes it well again.
    pub(crate) async fn fault(&mut self, fault: Fault) -> Result<(), Failure> {
        match fault {
            Fault::Paused => self.pause().await,
            Fault::ConnectionCut | Fault::ConnectionDelayed | Fault::ConnectionHalfClosed => {
                self.disturb(fault).await
            }
            Fault::AnswersLost => self.lose_answers().await,
            Fault::JetstreamWiped => self.wipe().await,
            Fault::JetstreamRolledBack => self.roll_back().await,
            Fault::DiskFull => self.fill_disk().await,
            Fault::TwoRelays => self.two_relays().await,
            Fault::SlowTransaction | Fault::AbortedTransactions | Fault::IdleTransaction => {
                self.neighbour(fault).await
            }
            Fault::ClockOff => self.clock_off().await,
            Fault::NewerVersion => self.newer_version().await,
            Fault::ForgedMessages => self.forge().await,
        }
    }
}
