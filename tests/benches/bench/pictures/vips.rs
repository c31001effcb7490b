//! The other side: libvips in a Python process that stays, asked line by line.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::failure::Failure;

const PROGRAM: &str = include_str!("vips.py");

pub(super) struct Vips {
    /// Such as `8.18.7`.
    pub(super) version: String,
    _process: Child,
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Vips {
    /// With the Python that has it; none where it is not there.
    pub(super) async fn start(python: &Path) -> Result<Option<Self>, Failure> {
        if !python.is_file() {
            return Ok(None);
        }
        let mut process = Command::new(python)
            .args(["-c", PROGRAM])
            // As ours has one thread: more of them wait for each other in what is counted.
            .env("VIPS_CONCURRENCY", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let questions = process.stdin.take().ok_or("libvips has no standard input")?;
        let answers = process.stdout.take().ok_or("libvips has no standard output")?;
        let mut answers = BufReader::new(answers).lines();
        let version = answers.next_line().await?.ok_or("libvips did not start")?;
        Ok(Some(Self {
            version,
            _process: process,
            questions,
            answers,
        }))
    }

    /// Processor milliseconds that thumbnails of these sides take of one picture, over so many; none where it is of no
    /// kind that libvips was built with.
    pub(super) async fn thumbnails(
        &mut self,
        path: &Path,
        sides: &str,
        count: usize,
    ) -> Result<Option<f64>, Failure> {
        let question = format!("{sides} {count} {}\n", path.display());
        self.questions.write_all(question.as_bytes()).await?;
        let answer = self.answers.next_line().await?.ok_or("libvips ended")?;
        if answer == "cannot" {
            return Ok(None);
        }
        Ok(Some(answer.parse::<f64>()? * 1e3))
    }
}
