//! A second instance of a service on the same databases: its relay and subscriptions stand by until the first one's
//! leases end.

use std::net::TcpListener;
use std::path::Path;

use super::process::ServiceProcess;
use super::{SERVICES, Stack, StackError, settings, unknown};

impl Stack {
    /// Starts a second instance of a service and waits until it serves; its address (`127.0.0.1:port`).
    pub async fn start_replica(&mut self, service: &str) -> Result<String, StackError> {
        let service = SERVICES
            .into_iter()
            .find(|known| *known == service)
            .ok_or_else(|| unknown(service))?;
        let port = free_port().map_err(StackError::file("listen on", Path::new("127.0.0.1:0")))?;
        let (replica, address) = (format!("{service}-2"), format!("127.0.0.1:{port}"));
        settings::write_replica(&self.folder, service, &replica, port)?;
        let process =
            ServiceProcess::launch(service, &replica, &self.programs, &self.folder, address.clone())?;
        self.replicas.insert(service, process);
        match self.replicas.get_mut(service) {
            Some(process) => process.serving().await?,
            None => return Err(unknown(service)),
        }
        Ok(address)
    }

    /// Sends the second instance a signal by name ("STOP", "CONT").
    pub fn signal_replica(&mut self, service: &str, name: &str) {
        if let Some(process) = self.replicas.get_mut(service) {
            process.signal(name);
        }
    }

    /// Kills the second instance as a crash would.
    pub async fn kill_replica(&mut self, service: &str) {
        if let Some(mut process) = self.replicas.remove(service) {
            process.kill().await;
        }
    }

    /// Stops the second instance.
    pub async fn stop_replica(&mut self, service: &str) {
        if let Some(mut process) = self.replicas.remove(service) {
            process.stop().await;
        }
    }
}

/// Another process may take it before the replica does; the replica then ends at once and says so.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
