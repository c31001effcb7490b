//! The views; everything is wired in lib.rs.

fn main() -> std::process::ExitCode {
    service::main::<views::Views>()
}
