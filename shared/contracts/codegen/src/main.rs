//! Generates shared/contracts/src/generated from proto/, and the wire of the KurrentDB in process from its own protos,
//! without protoc. The result is committed, so that building the workspace needs no generator and a change of the published
//! language shows up in review. `--check` compares instead.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use prost_types::FileDescriptorSet;

type Files = BTreeMap<String, Vec<u8>>;

/// One set of protos and where its code goes.
struct Set {
    protos: &'static str,
    target: &'static str,
    /// The published language also needs clients, and its descriptors for reflection.
    published: bool,
}

const SETS: [Set; 2] = [
    Set {
        protos: "proto",
        target: "shared/contracts/src/generated",
        published: true,
    },
    Set {
        protos: "shared/kurrentdb/fake/protos",
        target: "shared/kurrentdb/fake/src/generated",
        published: false,
    },
];

fn main() -> ExitCode {
    let check = env::args().any(|argument| argument == "--check");
    match run(check) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            report(&format!("codegen: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(check: bool) -> Result<bool, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let mut same = true;
    for set in &SETS {
        same &= run_set(set, &root, check)?;
    }
    Ok(same)
}

fn run_set(set: &Set, root: &Path, check: bool) -> Result<bool, Box<dyn Error>> {
    let target = root.join(set.target);
    let generated = generate(set, &root.join(set.protos))?;
    let present = read_folder(&target)?;
    if check {
        if present == generated {
            return Ok(true);
        }
        report(&format!(
            "generated code differs from {}: run `make generate` and commit the result",
            set.protos
        ));
        return Ok(false);
    }
    for stale in present.keys().filter(|name| !generated.contains_key(*name)) {
        fs::remove_file(target.join(stale))?;
    }
    fs::create_dir_all(&target)?;
    for (name, content) in generated {
        fs::write(target.join(name), content)?;
    }
    Ok(true)
}

fn generate(set: &Set, proto: &Path) -> Result<Files, Box<dyn Error>> {
    let mut sources = Vec::new();
    collect(proto, &mut sources)?;
    sources.sort();
    let mut compiler = protox::Compiler::new([proto])?;
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_files(&sources)?;
    let output = tempfile::tempdir()?;
    let mut config = tonic_prost_build::Config::new();
    if set.published {
        // Messages know their names, by which their rules are found.
        config.enable_type_names();
    }
    tonic_prost_build::configure()
        .out_dir(output.path())
        .btree_map(".")
        .build_client(set.published)
        .emit_rerun_if_changed(false)
        .compile_fds_with_config(ours(compiler.file_descriptor_set()), config)?;
    let mut files = read_folder(output.path())?;
    if set.published {
        // The compiler's own encoding: the rules are options that the generated types of descriptors would lose.
        files.insert(
            "descriptors.bin".to_owned(),
            compiler.encode_file_descriptor_set(),
        );
    }
    Ok(files)
}

/// Without the language of the rules: nothing of ours is made of it.
fn ours(mut descriptors: FileDescriptorSet) -> FileDescriptorSet {
    descriptors
        .file
        .retain(|file| !file.package().starts_with("buf."));
    descriptors
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            found.push(path);
        }
    }
    Ok(())
}

fn read_folder(folder: &Path) -> std::io::Result<Files> {
    let mut files = Files::new();
    if folder.exists() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            files.insert(
                entry.file_name().to_string_lossy().into_owned(),
                fs::read(entry.path())?,
            );
        }
    }
    Ok(files)
}

#[allow(clippy::print_stderr, reason = "a command-line program speaks to its user")]
fn report(text: &str) {
    eprintln!("{text}");
}
