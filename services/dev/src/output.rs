//! Words to whoever sits at the terminal: the one place that writes to standard output and error. A closed pipe
//! (`madoguchi … | head`) is no reason to fail.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use client::import::{FileSummary, Progress};

pub fn line(text: std::fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    // Nobody reads any more; the work goes on.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Formats and writes one line.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => { $crate::output::line(format_args!($($text)*)) };
}

/// Writes one line to standard error.
pub fn error(text: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// The progress of an import, a line per quarter of a file.
#[derive(Debug, Default)]
pub struct ImportLines {
    rows: AtomicUsize,
    done: AtomicUsize,
}

impl Progress for ImportLines {
    fn began(&self, file: &'static str, rows: usize, done: usize) {
        self.rows.store(rows, Ordering::Relaxed);
        self.done.store(done, Ordering::Relaxed);
        if done > 0 {
            say!("  {file}: going on after row {done} of {rows}");
        }
    }

    fn advanced(&self, file: &'static str, rows: usize) {
        let all = self.rows.load(Ordering::Relaxed);
        let before = self.done.fetch_add(rows, Ordering::Relaxed);
        let quarter = |done: usize| done * 4 / all.max(1);
        if quarter(before) != quarter(before + rows) {
            say!("  {file}: {} of {all} rows", before + rows);
        }
    }

    fn slowed(&self, file: &'static str, rows_per_call: usize) {
        say!("  {file}: the machine is busy; going on with calls of {rows_per_call} rows");
    }

    fn ended(&self, summary: &FileSummary) {
        say!("  {}", summary.counts());
    }
}
