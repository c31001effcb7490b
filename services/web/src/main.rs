//! The pages; everything is wired in lib.rs.

fn main() -> std::process::ExitCode {
    web::main()
}
