//! The pages: a program like the services, but for what it is given: no keyring, no NATS, a database with sessions alone.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::infrastructure::Infrastructure;
use super::{DataFolder, SERVICES, SESSION_KEY, Secrets, StackError, WEB};

/// Writes the settings of the pages.
pub(super) fn write(
    folder: &DataFolder,
    secrets: &Secrets,
    infrastructure: &Infrastructure,
    ports: &BTreeMap<&'static str, u16>,
) -> Result<(), StackError> {
    let port = |name: &str| ports.get(name).copied().unwrap_or_default();
    let text = |text: String| Value::from(text);
    let file = |name: &str| text(secrets.file(name).to_string_lossy().into_owned());
    let services = SERVICES.map(|name| (name, text(format!("http://127.0.0.1:{}", port(name)))));
    let rulebook = folder.config("rulebook").to_string_lossy().into_owned();
    let table = Table::from_iter([
        section("customer", [("listen", text(format!("127.0.0.1:{}", port(WEB))))]),
        section("database", [("url", text(infrastructure.databases.own_url(WEB)))]),
        section("sessions", [("key_file", file(SESSION_KEY))]),
        section("services", services),
        section("peers", [("own_secret_file", file("peer_web"))]),
        section("rulebook", [("file", text(rulebook))]),
        section("telemetry", [("log_format", text("human".to_owned()))]),
    ]);
    folder.write(&folder.config(WEB), &table.to_string())
}

fn section<const N: usize>(name: &str, keys: [(&str, Value); N]) -> (String, Value) {
    let keys = keys.into_iter().map(|(key, value)| (key.to_owned(), value));
    (name.to_owned(), Value::Table(keys.collect()))
}

/// Whether the pages are served.
pub(super) async fn is_serving(address: &str) -> bool {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let asked = async {
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        let request = format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer.starts_with(b"HTTP/1.1 200"))
    };
    asked.await.unwrap_or(false)
}
