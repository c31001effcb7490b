//! The request key of every command of every service is over the path that the door admitted the call by (docs/adr/0002):
//! a handler has no other way to an envelope, and none of its own.

use std::sync::Arc;

use contracts::access::{Allowed, Rule, TABLE};
use eventsourcing::RequestKey;
use kernel::clock::{Clock, ManualClock};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use service::{Overrides, caller, command, command_scoped, refuse, start_in_process};
use uuid::Uuid;

use crate::probe::{
    Home, NOON, PEER_SECRET, Probe, STAFF_ISSUER, access_token, bearer, call, connect, instant, staff_token,
};

const REQUEST_ID: &str = "7f1b0d0c-0000-4000-8000-000000000001";
/// Whom an anonymous call is scoped to.
const STRANGER: &str = "somebody";
const ROLES: [&str; 4] = ["adjuster", "supervisor", "call_centre", "administrator"];

/// The runtime serves it itself in every service, so that the probe cannot answer in its place.
const OF_THE_RUNTIME: &str = "/madoguchi.admin.v1.SetAsideAdminService/";

/// The paths of all RPCs that carry a request id.
fn commands() -> Vec<&'static Rule> {
    let descriptors = FileDescriptorSet::decode(contracts::FILE_DESCRIPTOR_SET).unwrap();
    let messages: Vec<String> = descriptors
        .file
        .iter()
        .flat_map(|file| file.message_type.iter().map(move |message| (file, message)))
        .filter(|(_, message)| message.field.iter().any(|field| field.name() == "request_id"))
        .map(|(file, message)| format!(".{}.{}", file.package(), message.name()))
        .collect();
    let mut paths = Vec::new();
    for file in &descriptors.file {
        for service in &file.service {
            for method in &service.method {
                if messages.iter().any(|message| message == method.input_type()) {
                    paths.push(format!(
                        "/{}.{}/{}",
                        file.package(),
                        service.name(),
                        method.name()
                    ));
                }
            }
        }
    }
    TABLE
        .iter()
        .filter(|rule| paths.iter().any(|path| path == rule.rpc) && !rule.rpc.starts_with(OF_THE_RUNTIME))
        .collect()
}

#[tokio::test]
async fn the_request_key_of_every_command_is_over_the_path_of_its_rpc() {
    let home = Home::new().await;
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    let overrides = Overrides {
        clock: Some(clock.clone()),
    };
    let shared = home.shared();
    let seen = shared.clone();
    let told = shared.own.set(Box::new(move |context, request| {
        let seen = seen.clone();
        Box::pin(async move {
            let envelope = match caller(&request).scope() {
                Some(_) => command(&context, &request, REQUEST_ID),
                None => command_scoped(&context, STRANGER, &request, REQUEST_ID),
            };
            let key = envelope.map_err(refuse)?.key;
            seen.seen.lock().unwrap().push(key.as_uuid().to_string());
            Ok(())
        })
    }));
    assert!(told.is_ok());
    let running = start_in_process::<Probe>(&home.toml(""), overrides)
        .await
        .unwrap();
    let channel = connect(running.address).await;
    let commands = commands();
    assert!(
        commands.len() >= 24,
        "only {} commands were found",
        commands.len()
    );

    let customer = bearer(&access_token(clock.now()));
    let staff = bearer(&staff_token(clock.now(), STAFF_ISSUER, &ROLES));
    let carrier = bearer(PEER_SECRET);
    for rule in commands {
        let (authorization, scope) = match rule.allowed[0] {
            Allowed::Anyone => (None, format!("scope:{STRANGER}")),
            Allowed::Customer => (Some(&customer), format!("account:{}", Uuid::from_u128(1))),
            Allowed::Staff(_) => (Some(&staff), "staff:staff-17".to_owned()),
            Allowed::Peer(_) => (Some(&carrier), "peer:carrier".to_owned()),
        };
        let mut metadata = vec![("x-do", "own")];
        metadata.extend(authorization.map(|value| ("authorization", value.as_str())));
        call(&channel, rule.rpc, &metadata).await.unwrap();
        let id = Uuid::try_parse(REQUEST_ID).unwrap();
        let expected = RequestKey::derive(&scope, rule.rpc, id).as_uuid().to_string();
        let keys = std::mem::take(&mut *shared.seen.lock().unwrap());
        assert_eq!(keys, [expected], "{}", rule.rpc);
    }
    running.stop().await.unwrap();
}
