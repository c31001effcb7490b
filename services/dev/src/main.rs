//! The `madoguchi` program; everything is in the library.

fn main() -> std::process::ExitCode {
    dev::cli::main()
}
