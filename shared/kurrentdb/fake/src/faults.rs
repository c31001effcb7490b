//! What the server can be told to do wrong, once or until further notice.

use std::sync::{Mutex, PoisonError};

use tonic::Status;

/// Where the next append is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Nothing is written, and nobody is told.
    BeforeWriting,
    /// It is written, and nobody is told.
    AfterWriting,
}

/// How the next reader's stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With the connection.
    Cut,
    /// As if all had been said.
    Clean,
}

/// What every call meets until further notice.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Willing,
    Refusing,
    Silent,
}

#[derive(Debug, Default)]
struct Set {
    mood: Mood,
    append: Option<Cut>,
    wrong_revision: bool,
    reading: Option<(End, usize)>,
    repeat: bool,
}

/// Faults still to come.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Set>);

impl Faults {
    fn with<T>(&self, look: impl FnOnce(&mut Set) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn fall_into(&self, mood: Mood) {
        self.with(|set| set.mood = mood);
    }

    /// Whether a call is answered at all.
    pub(crate) async fn answer(&self) -> Result<(), Status> {
        match self.with(|set| set.mood) {
            Mood::Willing => Ok(()),
            Mood::Refusing => Err(Status::unavailable("Server Is Not Ready")),
            Mood::Silent => std::future::pending().await,
        }
    }

    pub(crate) fn cut_next_append(&self, cut: Cut) {
        self.with(|set| set.append = Some(cut));
    }

    pub(crate) fn next_append(&self) -> Option<Cut> {
        self.with(|set| set.append.take())
    }

    pub(crate) fn wrong_revision(&self) {
        self.with(|set| set.wrong_revision = true);
    }

    pub(crate) fn next_revision_is_wrong(&self) -> bool {
        self.with(|set| std::mem::take(&mut set.wrong_revision))
    }

    pub(crate) fn end_next_reading(&self, end: End, after: usize) {
        self.with(|set| set.reading = Some((end, after)));
    }

    pub(crate) fn next_reading(&self) -> Option<(End, usize)> {
        self.with(|set| set.reading.take())
    }

    pub(crate) fn repeat(&self) {
        self.with(|set| set.repeat = true);
    }

    pub(crate) fn next_subscription_repeats(&self) -> bool {
        self.with(|set| std::mem::take(&mut set.repeat))
    }
}
