//! A process that never outlives its owner. Between the two stands a small shell (`guard.sh`) that stops the process
//! as soon as the pipe to the owner closes; the kernel closes it even when the owner is killed.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use crate::error::ServerError;

/// What to run under guard, and how to end it.
#[derive(Debug, Clone)]
pub struct GuardedCommand {
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    directory: PathBuf,
    log: PathBuf,
    stop_signals: String,
    grace_s: u32,
}

impl GuardedCommand {
    /// Runs `program` in `directory`, its output appended to `log`. Ended with TERM, and KILL ten seconds later.
    pub fn new(program: impl Into<PathBuf>, directory: impl Into<PathBuf>, log: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            variables: Vec::new(),
            directory: directory.into(),
            log: log.into(),
            stop_signals: "TERM KILL".to_owned(),
            grace_s: 10,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets one environment variable; the others are inherited.
    #[must_use]
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// The signals that end the process, tried in this order, each given `grace_s` seconds.
    #[must_use]
    pub fn stop_with(mut self, signals: &[&str], grace_s: u32) -> Self {
        self.stop_signals = signals.join(" ");
        self.grace_s = grace_s;
        self
    }

    /// Starts the process. Its own process group keeps it out of reach of Ctrl-C in the owner's terminal: the owner
    /// decides when it stops.
    pub fn start(&self) -> Result<GuardedProcess, ServerError> {
        let mut guard = Command::new("sh")
            .args(["-c", include_str!("guard.sh"), "guard"])
            .arg(&self.log)
            .arg(self.grace_s.to_string())
            .arg(&self.stop_signals)
            .arg(&self.program)
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(ServerError::io("start", &self.program))?;
        let owner_end = guard.stdin.take();
        let pid = read_pid(&mut guard).map_err(ServerError::io("start", &self.program))?;
        Ok(GuardedProcess {
            guard,
            owner_end,
            pid,
            ended: None,
        })
    }
}

fn read_pid(guard: &mut Child) -> std::io::Result<u32> {
    let mut line = String::new();
    if let Some(output) = guard.stdout.take() {
        BufReader::new(output).read_line(&mut line)?;
    }
    line.trim()
        .parse()
        .map_err(|_| std::io::Error::other("the guarding shell ended before it started the process"))
}

/// A running process that ends when this value is dropped or its owner ends.
#[derive(Debug)]
pub struct GuardedProcess {
    guard: Child,
    owner_end: Option<ChildStdin>,
    pid: u32,
    ended: Option<ExitStatus>,
}

impl GuardedProcess {
    /// Process id of the guarded process (not of the guarding shell).
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How the process ended, or nothing while it runs. An end by signal n reads as exit code 128 + n.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.guard.try_wait().ok().flatten();
        }
        self.ended
    }

    /// Sends a signal by name ("KILL", "STOP", "CONT", "TERM"); nothing happens if the process has ended.
    pub fn signal(&mut self, name: &str) {
        if let Some(owner_end) = &mut self.owner_end {
            // The pipe is only broken when the process, and so its guard, has ended already.
            let _ = writeln!(owner_end, "{name}");
        }
    }

    /// Kills the process as a crash would and waits until it is gone.
    pub fn kill(&mut self) -> Option<ExitStatus> {
        self.signal("KILL");
        self.wait()
    }

    /// Asks the process to stop and waits until it is gone, at most as long as its stop signals allow.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        self.owner_end = None;
        self.wait()
    }

    fn wait(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.guard.wait().ok();
        }
        self.ended
    }
}

impl Drop for GuardedProcess {
    fn drop(&mut self) {
        self.stop();
    }
}
