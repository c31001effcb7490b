//! The endorsement service; everything is wired in lib.rs.

fn main() -> std::process::ExitCode {
    service::main::<endorsement::Endorsement>()
}
