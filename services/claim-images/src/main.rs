//! The claim images service; everything is wired in lib.rs. Started as `decode` it is a decoding child instead.

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all: the child limits itself before anything else runs in it.
    claim_images::decoder::main(std::env::args().skip(1))
        .unwrap_or_else(service::main::<claim_images::ClaimImages>)
}
