//! The identity service; everything is wired in lib.rs.

use std::process::ExitCode;

fn main() -> ExitCode {
    service::main::<identity::Identity>()
}
