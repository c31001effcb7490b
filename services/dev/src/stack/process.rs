//! One service as a process of its own, watched until it serves.

use std::path::{Path, PathBuf};
use std::time::Duration;

use testkit::{GuardedCommand, GuardedProcess};
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::{DataFolder, StackError, WEB, web};

/// The first start makes tables and hears what happened before; a process that ends by itself is told at once.
const SERVING_WITHIN: Duration = Duration::from_mins(5);
const TAIL_LINES: usize = 20;

pub(super) struct ServiceProcess {
    service: &'static str,
    command: GuardedCommand,
    address: String,
    log: PathBuf,
    process: Option<GuardedProcess>,
}

impl ServiceProcess {
    /// `instance` names settings and log; it is the service's own name but for a replica.
    pub(super) fn launch(
        service: &'static str,
        instance: &str,
        programs: &Path,
        folder: &DataFolder,
        address: String,
    ) -> Result<Self, StackError> {
        let program = programs.join(format!("madoguchi-{service}"));
        if !program.is_file() {
            return Err(StackError::NotBuilt { path: program });
        }
        let log = folder.log(instance);
        // Longer than the ten seconds a service takes to let its calls end.
        let command = GuardedCommand::new(program, folder.service(service)?, &log)
            .argument("--config")
            .argument(folder.config(instance))
            .stop_with(&["TERM", "KILL"], 15);
        let process = Some(command.start()?);
        Ok(Self {
            service,
            command,
            address,
            log,
            process,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.as_ref().map(GuardedProcess::pid).unwrap_or_default()
    }

    /// Waits until the service says SERVING.
    pub(super) async fn serving(&mut self) -> Result<(), StackError> {
        let url = format!("http://{}", self.address);
        let look = async || {
            if self
                .process
                .as_mut()
                .is_none_or(|process| process.ended().is_some())
            {
                return Ok(false);
            }
            let serving = if self.service == WEB {
                web::is_serving(&self.address).await
            } else {
                is_serving(&url).await
            };
            if serving { Ok(true) } else { Err(()) }
        };
        let outcome = testkit::poll(SERVING_WITHIN, look).await;
        match outcome {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.ended()),
            Err(_) => Err(StackError::NotServing {
                service: self.service,
                seconds: SERVING_WITHIN.as_secs(),
                log: self.log.clone(),
                tail: tail_of(&self.log),
            }),
        }
    }

    /// The end of a process nobody stopped.
    pub(super) fn fallen(&mut self) -> Option<StackError> {
        self.process.as_mut()?.ended()?;
        Some(self.ended())
    }

    fn ended(&self) -> StackError {
        StackError::Ended {
            service: self.service,
            log: self.log.clone(),
            tail: tail_of(&self.log),
        }
    }

    pub(super) async fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // A panic there could only come from the runtime's shutdown, which drops and so stops the process.
            let _ = tokio::task::spawn_blocking(move || process.kill()).await;
        }
    }

    pub(super) fn signal(&mut self, name: &str) {
        if let Some(process) = &mut self.process {
            process.signal(name);
        }
    }

    /// Starts it again, stopping it first, with these environment variables beside the inherited ones. Does not wait
    /// until it serves.
    pub(super) async fn relaunch(
        &mut self,
        folder: &DataFolder,
        variables: &[(&str, &str)],
    ) -> Result<(), StackError> {
        self.stop().await;
        folder.service(self.service)?;
        let command = variables
            .iter()
            .fold(self.command.clone(), |command, (name, value)| {
                command.variable(name, value)
            });
        self.process = Some(command.start()?);
        Ok(())
    }

    pub(super) async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = tokio::task::spawn_blocking(move || process.stop()).await;
        }
    }
}

async fn is_serving(url: &str) -> bool {
    let Ok(endpoint) = Endpoint::from_shared(url.to_owned()) else {
        return false;
    };
    let Ok(channel) = endpoint
        .connect_timeout(Duration::from_secs(2))
        .timeout(Duration::from_secs(2))
        .connect()
        .await
    else {
        return false;
    };
    let answer = HealthClient::new(channel)
        .check(HealthCheckRequest::default())
        .await;
    answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
}

/// The last lines of a log, enough to see why a service ended.
fn tail_of(log: &Path) -> String {
    let text = std::fs::read(log)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}
