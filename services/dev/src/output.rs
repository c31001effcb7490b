//! Words to whoever sits at the terminal: the one place that writes to standard output and error. A closed pipe
//! (`madoguchi … | head`) is no reason to fail.

use std::io::Write as _;

/// Writes one line.
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
