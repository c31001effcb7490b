//! Programs that a test writes and has started.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program in `folder` that does what the shell script says.
///
/// Another process writes it. While this one has it open for writing, whatever another test starts in that moment has it
/// open too, and a program that is open for writing cannot be started (`ETXTBSY`).
///
/// # Errors
/// When the folder cannot be written to.
pub fn program(folder: &Path, script: &str) -> io::Result<PathBuf> {
    let (text, program) = (folder.join("script"), folder.join("program"));
    fs::write(&text, format!("#!/bin/sh\n{script}\n"))?;
    fs::set_permissions(&text, Permissions::from_mode(0o700))?;
    let copied = Command::new("cp").args([&text, &program]).output()?;
    if copied.status.success() {
        Ok(program)
    } else {
        Err(io::Error::other(
            String::from_utf8_lossy(&copied.stderr).into_owned(),
        ))
    }
}
