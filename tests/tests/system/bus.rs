//! Who may do what on the bus of `make run`: a service that was taken over writes nobody else's subjects and breaks nobody
//! else's stream.

use std::time::Duration;

use async_nats::{ConnectOptions, ServerAddr, jetstream};
use contracts::names;
use dev::stack::Stack;
use testkit::wait_for;

use crate::setup::{data_folder, programs};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_service_writes_its_own_subjects_and_keeps_its_own_stream_alone() {
    let folder = data_folder();
    let stack = Stack::start(&folder.path().join("data"), &programs())
        .await
        .unwrap();
    let settings = stack.folder().path().join("config/identity.toml");
    let settings = std::fs::read_to_string(settings).unwrap();
    let url = settings
        .split('"')
        .find(|value| value.starts_with("nats://"))
        .unwrap();
    let server: ServerAddr = url.parse().unwrap();
    let (user, password) = (server.username().unwrap(), server.password().unwrap());
    let options = ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned())
        .custom_inbox_prefix("_INBOX.madoguchi-identity");
    let context = jetstream::new(options.connect(url).await.unwrap());
    // As the service itself does, of its own and of others.
    for service in [names::IDENTITY, names::ENDORSEMENT] {
        wait_for("a stream to be there", SOON, async || {
            context.get_stream(names::stream("", service)).await.map(drop)
        })
        .await;
    }
    let subject = |service| names::subject("", service, "account", "forged");
    let sent = context.publish(subject(names::IDENTITY), "own".into()).await;
    sent.unwrap().await.unwrap();

    // Refused by the server: no acknowledgement comes, no stream goes.
    let mut context = context;
    context.set_timeout(Duration::from_secs(1));
    let sent = context.publish(subject(names::ENDORSEMENT), "other".into()).await;
    assert!(sent.unwrap().await.is_err());
    for stream in [names::IDENTITY, names::ENDORSEMENT].map(|service| names::stream("", service)) {
        assert!(context.delete_stream(&stream).await.is_err());
        context.get_stream(&stream).await.unwrap();
    }
    let other = context
        .get_stream(names::stream("", names::ENDORSEMENT))
        .await
        .unwrap();
    assert!(other.purge().await.is_err());
    assert!(
        testkit::connect_to_nats(&stack.description().nats.replace("administrator", "nobody"))
            .await
            .is_err()
    );
}
