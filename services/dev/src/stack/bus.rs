//! Who may do what on NATS: each service writes its own subjects and keeps its own stream, and reads the others'. What
//! docs/operations.md tells operators to set up.

use contracts::names::{SERVICES as PUBLISHERS, heartbeat, stream, stream_subjects};
use testkit::NatsUser;

use super::secrets::random;
use super::{DataFolder, SERVICES, StackError};

/// The one who looks after the bus: the tools of this stack, and no service.
const ADMINISTRATOR: &str = "administrator";

/// The administrator first, then the services.
pub(super) fn users(folder: &DataFolder) -> Result<Vec<NatsUser>, StackError> {
    let mut users = vec![NatsUser::all(ADMINISTRATOR, &password(folder, ADMINISTRATOR)?)];
    for service in SERVICES {
        users.push(NatsUser {
            name: service.to_owned(),
            password: password(folder, service)?,
            publish: publish(service),
            subscribe: subscribe(service),
        });
    }
    Ok(users)
}

/// Where a service finds the bus.
pub(super) fn url(folder: &DataFolder, service: &str, port: u16) -> Result<String, StackError> {
    Ok(format!(
        "nats://{service}:{}@127.0.0.1:{port}",
        password(folder, service)?
    ))
}

fn password(folder: &DataFolder, user: &str) -> Result<String, StackError> {
    folder.kept(&folder.secret(&format!("nats_{user}")), random)
}

fn publish(service: &str) -> Vec<String> {
    let own = stream("", service);
    let mut allowed = vec![
        stream_subjects("", service),
        heartbeat("", service),
        "$JS.API.INFO".to_owned(),
    ];
    allowed.extend(["CREATE", "UPDATE", "PURGE"].map(|call| format!("$JS.API.STREAM.{call}.{own}")));
    for publisher in PUBLISHERS {
        let stream = stream("", publisher);
        allowed.extend(["INFO", "MSG.GET"].map(|call| format!("$JS.API.STREAM.{call}.{stream}")));
        allowed.extend(
            ["CREATE", "DELETE", "INFO", "MSG.NEXT"]
                .map(|call| format!("$JS.API.CONSUMER.{call}.{stream}.>")),
        );
        // As servers before 2.9 name what they make.
        allowed.push(format!("$JS.API.CONSUMER.CREATE.{stream}"));
    }
    allowed
}

fn subscribe(service: &str) -> Vec<String> {
    vec![heartbeat("", "*"), format!("_INBOX.madoguchi-{service}.>")]
}
