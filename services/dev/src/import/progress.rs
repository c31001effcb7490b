//! The progress of an import: a bar on a terminal, a plain line per quarter elsewhere.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use super::report::FileSummary;
use crate::say;

/// Whether progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// A bar, or lines where there is no terminal.
    Progress,
    /// Nothing.
    Nothing,
}

pub(super) struct Progress {
    file: &'static str,
    total: usize,
    done: AtomicUsize,
    look: Look,
}

enum Look {
    Bar(ProgressBar),
    Lines,
    Nothing,
}

impl Progress {
    pub(super) fn start(show: Show, file: &'static str, total: usize, done: usize) -> Self {
        let look = match show {
            Show::Nothing => Look::Nothing,
            Show::Progress if std::io::stderr().is_terminal() => {
                let bar = ProgressBar::new(total as u64);
                if let Ok(style) =
                    ProgressStyle::with_template("  {prefix:<16} {bar:40} {pos}/{len} {per_sec} {eta}")
                {
                    bar.set_style(style);
                }
                bar.set_prefix(file);
                bar.set_position(done as u64);
                Look::Bar(bar)
            }
            Show::Progress => Look::Lines,
        };
        if done > 0 && show == Show::Progress {
            say!("  {file}: going on after row {done} of {total}");
        }
        Self {
            file,
            total,
            done: AtomicUsize::new(done),
            look,
        }
    }

    pub(super) fn advance(&self, rows: usize) {
        let before = self.done.fetch_add(rows, Ordering::Relaxed);
        match &self.look {
            Look::Bar(bar) => bar.inc(rows as u64),
            Look::Lines => {
                let quarter = |done: usize| done * 4 / self.total.max(1);
                if quarter(before) != quarter(before + rows) {
                    say!("  {}: {} of {} rows", self.file, before + rows, self.total);
                }
            }
            Look::Nothing => {}
        }
    }

    pub(super) fn finish(&self, summary: &FileSummary) {
        if let Look::Bar(bar) = &self.look {
            bar.finish_and_clear();
        }
        if !matches!(self.look, Look::Nothing) {
            let FileSummary {
                recorded,
                unchanged,
                refused,
                ..
            } = summary;
            say!(
                "  {}: {recorded} recorded, {unchanged} unchanged, {refused} refused",
                self.file
            );
        }
    }
}
