//! Somebody at a terminal: types commands, keeps which ones, reads what comes back.

use std::cell::RefCell;
use std::path::PathBuf;

use client::{Bearer, Client, SERVICES, answered};
use contracts::identity::v1::GetCertificateKeysRequest;
use serde_json::Value;
use tokio::process::Command;

use crate::commands::{Typed, command};
use crate::deployment::Deployment;

pub(crate) const DONE: i32 = 0;
pub(crate) const FOUND: i32 = 1;
pub(crate) const USAGE: i32 = 2;
pub(crate) const REFUSED: i32 = 3;
pub(crate) const UNAVAILABLE: i32 = 4;

pub(crate) struct Operator<'a> {
    deployment: &'a Deployment,
    typed: RefCell<Vec<Typed>>,
}

impl<'a> Operator<'a> {
    pub(crate) fn new(deployment: &'a Deployment) -> Self {
        Self {
            deployment,
            typed: RefCell::default(),
        }
    }

    pub(crate) fn typed(&self) -> Vec<Typed> {
        self.typed.borrow().clone()
    }

    /// What was typed on another deployment counts too.
    pub(crate) fn has_typed(&self, typed: Vec<Typed>) {
        self.typed.borrow_mut().extend(typed);
    }

    /// By the settings files, with the token of this member of staff, if one is named; the result.
    pub(crate) async fn run(&self, code: i32, staff: &str, arguments: &[&str]) -> Value {
        let output = self.spoken(code, staff, arguments).await;
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// The same; what was said of the failure.
    pub(crate) async fn failure(&self, code: i32, staff: &str, arguments: &[&str]) -> Value {
        failure(&self.spoken(code, staff, arguments).await)
    }

    async fn spoken(&self, code: i32, staff: &str, arguments: &[&str]) -> std::process::Output {
        let mut program = program(arguments);
        program.arg("--settings").arg(&self.deployment.settings);
        if !staff.is_empty() {
            program.arg("--token-file").arg(self.deployment.token_file(staff));
        }
        self.finish(code, program, arguments).await
    }

    /// By every address and a token in the environment.
    pub(crate) async fn run_by_address(&self, staff: &str, arguments: &[&str]) -> Value {
        let mut program = program(arguments);
        for service in SERVICES {
            program
                .arg(format!("--{service}"))
                .arg(self.deployment.address(service));
        }
        program.env("MADOGUCHI_TOKEN", self.deployment.token(staff));
        let output = self.finish(DONE, program, arguments).await;
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// With nothing but the command.
    pub(crate) async fn run_alone(&self, code: i32, arguments: &[&str]) -> Value {
        let output = self.finish(code, program(arguments), arguments).await;
        if code == DONE {
            serde_json::from_slice(&output.stdout).unwrap()
        } else {
            serde_json::json!({ "error": failure(&output) })
        }
    }

    async fn finish(&self, code: i32, mut program: Command, arguments: &[&str]) -> std::process::Output {
        self.typed.borrow_mut().extend(command(arguments));
        let output = program.output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        output
    }

    /// The key set that is kept outside.
    pub(crate) async fn certificate_keys(&self) -> String {
        let addresses = [("identity".to_owned(), self.deployment.address("identity"))];
        let client = Client::new(&addresses.into()).unwrap();
        let mut public = client.erasures(&Bearer::nobody());
        answered(public.get_certificate_keys(GetCertificateKeysRequest {}).await)
            .unwrap()
            .jwks_json
    }
}

fn program(arguments: &[&str]) -> Command {
    let mut program = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_madoguchi-operate")));
    program.args(arguments).args(["--output", "json"]);
    program
        .env_remove("MADOGUCHI_TOKEN")
        .env_remove("MADOGUCHI_TOKEN_FILE");
    program
}

/// The last line of what was said: those before it are progress.
fn failure(output: &std::process::Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().last().unwrap_or_default();
    let document: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{said}: {error}"));
    document["error"].clone()
}
