//! The `madoguchi-operate` program; everything is in the library.

fn main() -> std::process::ExitCode {
    operate::cli::main()
}
