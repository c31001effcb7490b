//! The one place that writes to standard output and error: results go out, as text or as one JSON document, progress and
//! failures go to standard error. A closed pipe (`madoguchi-operate … | head`) is no reason to fail.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};

use clap::ValueEnum;
use client::import::{FileSummary, Progress};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::failure::Failure;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// Writes a command's result.
pub(crate) fn result(format: Format, result: &(impl Display + Serialize)) {
    let text = match format {
        Format::Text => result.to_string(),
        Format::Json => serde_json::to_string_pretty(result).unwrap_or_default(),
    };
    let mut out = std::io::stdout().lock();
    // Nobody reads any more; what was asked for is done.
    let _ = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
}

/// Writes why a command failed.
pub(crate) fn failure(format: Format, failure: &Failure) {
    match format {
        Format::Text => line(&format!("madoguchi-operate: {failure}")),
        Format::Json => line(&serde_json::json!({ "error": failure }).to_string()),
    }
}

/// Writes one line of progress.
pub(crate) fn progress(text: impl Display) {
    line(&text.to_string());
}

fn line(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A bar on a terminal; nothing elsewhere.
pub(crate) fn bar(total: u64, template: &str) -> Option<ProgressBar> {
    if !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    Some(bar)
}

/// How far an import is: a bar on a terminal, a line per quarter elsewhere.
#[derive(Default)]
pub(crate) struct ImportProgress(Mutex<OneFile>);

#[derive(Default)]
struct OneFile {
    bar: Option<ProgressBar>,
    rows: usize,
    done: usize,
}

impl ImportProgress {
    fn with(&self, work: impl FnOnce(&mut OneFile)) {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Progress for ImportProgress {
    fn began(&self, file: &'static str, rows: usize, done: usize) {
        if done > 0 {
            progress(format_args!("{file}: going on after row {done} of {rows}"));
        }
        let bar = bar(rows as u64, "  {prefix:<16} {bar:40} {pos}/{len} {per_sec} {eta}");
        if let Some(bar) = &bar {
            bar.set_prefix(file);
            bar.set_position(done as u64);
        }
        self.with(|one| *one = OneFile { bar, rows, done });
    }

    fn advanced(&self, file: &'static str, rows: usize) {
        self.with(|one| {
            let quarter = |done: usize| done * 4 / one.rows.max(1);
            let passed = quarter(one.done) != quarter(one.done + rows);
            one.done += rows;
            match &one.bar {
                Some(bar) => bar.inc(rows as u64),
                None if passed => progress(format_args!("{file}: {} of {} rows", one.done, one.rows)),
                None => {}
            }
        });
    }

    fn slowed(&self, file: &'static str, rows_per_call: usize) {
        progress(format_args!(
            "{file}: the service is slow; going on with calls of {rows_per_call} rows"
        ));
    }

    fn ended(&self, _: &FileSummary) {
        self.with(|one| {
            if let Some(bar) = one.bar.take() {
                bar.finish_and_clear();
            }
        });
    }
}
