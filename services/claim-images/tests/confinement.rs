//! What code in the decoder's place can do: this program runs itself there, as code that has taken a decoder over, and attacks.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read as _};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use claim_images::decoder::confine::{Means, confine};
use claim_images::decoder::hide_memory;
use nix::libc::{EACCES, EPERM};
use nix::sys::signal::{Signal, kill};
use nix::sys::uio::{RemoteIoVec, process_vm_readv, process_vm_writev};
use nix::sys::{prctl, ptrace};
use nix::unistd::{Pid, getpid, getppid};

/// This program, whoever may read the folder that it is in.
const ITSELF: &str = "/proc/self/exe";
const ATTACK: &str = "--attack";
const HIDDEN: &str = "--hidden";
/// A user without rights, if this is root.
const NOBODY: u32 = 65_534;
const SECRET: &[u8; 16] = b"the secret's key";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match &*arguments {
        [ATTACK, means, secret] => attack(means, secret.parse().unwrap()),
        [HIDDEN] => hidden_from_a_child_of_the_same_user(),
        asked => tests(asked),
    }
}

/// As the test harness does it: those whose names hold one of the words asked for.
fn tests(asked: &[&str]) {
    let tests: [(&str, fn()); 4] = [
        ("ci_4_code_in_the_decoder_s_place_can_do_nothing", everything),
        ("the_filter_alone_forbids_every_attack", the_filter),
        ("landlock_alone_forbids_files_and_signals", landlock),
        (
            "the_parent_s_memory_is_hidden_from_children_of_the_same_user",
            hidden,
        ),
    ];
    let words: Vec<&&str> = asked.iter().filter(|word| !word.starts_with('-')).collect();
    for (name, test) in tests {
        if !words.is_empty() && !words.iter().any(|word| name.contains(**word)) {
            continue;
        }
        if asked.contains(&"--list") {
            println!("{name}: test");
            continue;
        }
        test();
        println!("test {name} ... ok");
    }
}

/// All that an attack came to: what was tried, and the number of the error it failed with, or `done`.
fn attacked(means: &str) -> Vec<(String, String)> {
    let secret = SECRET.as_ptr() as usize;
    let output = Command::new(ITSELF)
        .args([ATTACK, means, &secret.to_string()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    told.lines()
        .map(|line| line.split_once(": ").unwrap())
        .map(|(tried, outcome)| (tried.to_owned(), outcome.to_owned()))
        .collect()
}

/// Asserts that these attacks fail with one of these errors.
#[track_caller]
fn refused(outcomes: &[(String, String)], attacks: &[&str], errors: &[i32]) {
    for attack in attacks {
        let (_, outcome) = outcomes.iter().find(|(tried, _)| tried == attack).unwrap();
        let refused = errors.iter().any(|error| *outcome == error.to_string());
        assert!(refused, "{attack}: {outcome}\n{outcomes:#?}");
    }
}

const ATTACKS: [&str; 15] = [
    "open a file",
    "write a file",
    "list a folder",
    "open the parent's memory",
    "read the parent's memory",
    "write the parent's memory",
    "trace the parent",
    "connect",
    "bind a socket",
    "open a local socket",
    "start a process",
    "start a thread",
    "become another program",
    "kill the parent",
    "kill itself",
];

/// As the decoding child is confined.
fn everything() {
    hide_memory().unwrap();
    assert!(!prctl::get_dumpable().unwrap());
    refused(&attacked("every means"), &ATTACKS, &[EPERM]);
}

fn the_filter() {
    refused(&attacked("filter"), &ATTACKS, &[EPERM]);
}

/// Where the kernel has it.
fn landlock() {
    let outcomes = attacked("landlock");
    if outcomes.iter().any(|(tried, _)| tried == "lacking") {
        return;
    }
    let files = [
        "open a file",
        "write a file",
        "list a folder",
        "open the parent's memory",
        "become another program",
    ];
    refused(&outcomes, &files, &[EACCES]);
    refused(&outcomes, &["read the parent's memory"], &[EPERM]);
}

fn hidden() {
    let mut child = Command::new(ITSELF);
    child.arg(HIDDEN);
    if nix::unistd::geteuid().is_root() {
        child.uid(NOBODY).gid(NOBODY);
    }
    let output = child.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Without any means on the child's side.
fn hidden_from_a_child_of_the_same_user() {
    hide_memory().unwrap();
    let outcomes = attacked("none");
    let memory = [
        "read the parent's memory",
        "write the parent's memory",
        "trace the parent",
    ];
    refused(&outcomes, &memory, &[EPERM]);
    refused(&outcomes, &["open the parent's memory"], &[EACCES, EPERM]);
}

/// In the decoder's place: confined by these means, then tries everything. Reports on standard output alone.
fn attack(means: &str, secret: usize) {
    let lacking = match means {
        "every means" => confine().unwrap(),
        "filter" => Vec::from_iter(Means::Filter.apply().err()),
        "landlock" => Vec::from_iter(Means::Landlock.apply().err()),
        _ => Vec::new(),
    };
    // Other than the filter, a kernel may lack them.
    assert!(
        lacking.iter().all(|lacking| lacking.means != Means::Filter),
        "{lacking:?}"
    );
    for lacking in &lacking {
        println!("lacking: {lacking:?}");
    }
    let parent = getppid();
    files(parent);
    memory(parent, secret);
    network();
    processes(parent);
}

fn tell<T, E: Into<std::io::Error>>(tried: &str, outcome: Result<T, E>) {
    let outcome = match outcome.map_err(Into::into) {
        Ok(_) => "done".to_owned(),
        Err(error) => error.raw_os_error().unwrap_or_default().to_string(),
    };
    println!("{tried}: {outcome}");
}

fn files(parent: Pid) {
    let open = |path: &Path| File::open(path).and_then(|mut file| file.read(&mut [0; 1]));
    tell("open a file", open(Path::new("/etc/passwd")));
    let own = std::env::temp_dir().join(format!("attack-{}", getpid()));
    tell("write a file", std::fs::write(&own, b"attack"));
    let _ = std::fs::remove_file(own);
    tell("list a folder", std::fs::read_dir("/"));
    let memory = format!("/proc/{parent}/mem");
    tell("open the parent's memory", File::open(memory));
}

fn memory(parent: Pid, secret: usize) {
    let there = [RemoteIoVec {
        base: secret,
        len: SECRET.len(),
    }];
    let mut copy = [0; SECRET.len()];
    let read = process_vm_readv(parent, &mut [IoSliceMut::new(&mut copy)], &there);
    tell("read the parent's memory", read);
    // What stands there already: nothing is damaged where it succeeds.
    let write = process_vm_writev(parent, &[IoSlice::new(SECRET)], &there);
    tell("write the parent's memory", write);
    tell("trace the parent", ptrace::attach(parent));
}

fn network() {
    tell("connect", TcpStream::connect("127.0.0.1:9"));
    tell("bind a socket", UdpSocket::bind("127.0.0.1:0"));
    tell("open a local socket", UnixDatagram::unbound());
}

fn processes(parent: Pid) {
    tell("start a process", Command::new(ITSELF).arg("--list").output());
    let thread = std::thread::Builder::new().spawn(|| {});
    tell("start a thread", thread);
    tell("kill the parent", kill(parent, Signal::SIGCONT));
    tell("kill itself", kill(getpid(), Signal::SIGCONT));
    // Last: where it is not forbidden, nothing comes after it.
    tell(
        "become another program",
        Err::<(), _>(Command::new("/bin/true").exec()),
    );
}
