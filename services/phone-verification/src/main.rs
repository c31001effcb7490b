//! The phone verification service; everything is wired in lib.rs.

fn main() -> std::process::ExitCode {
    service::main::<phone_verification::PhoneVerification>()
}
