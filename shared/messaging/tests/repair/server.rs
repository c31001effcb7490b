//! The NATS server itself: killed, its data folder wiped, an older copy put back, with relay and consumer running.

use std::fs;
use std::path::Path;

use testkit::{PrivateNats, TestNats, wait_for};

use crate::ledger::Ledger;
use crate::observed::Observed;
use crate::tally::DEADLINE;
use crate::world::World;

async fn on(server: &PrivateNats) -> World {
    let nats = TestNats {
        url: server.url(),
        prefix: "t".to_owned(),
    };
    World::on(nats).await
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, to) = (
            entry.as_ref().unwrap().path(),
            to.join(entry.as_ref().unwrap().file_name()),
        );
        if entry.is_dir() {
            copy(&entry, &to);
        } else {
            fs::copy(&entry, &to).unwrap();
        }
    }
}

/// Not by the feed alone: the stream is read again.
async fn streams_again(world: &World) {
    let before = world.applied_via("Stream").await;
    wait_for("the stream to be read again", DEADLINE, async || {
        world.append(3).await;
        (world.applied_via("Stream").await > before).then_some(())
    })
    .await;
    world.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_data_folder_loses_nothing_and_doubles_nothing() {
    let observed = Observed::turn().await;
    let mut server = PrivateNats::temporary().await.unwrap();
    let world = on(&server).await;
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    for _ in 0..2 {
        world.append(30).await;
        world.settled().await;
        world.append(9).await;
        server.wipe().await.unwrap();
        world.append(9).await;
        server.restart().await.unwrap();
        world.append(9).await;
        world.settled().await;
    }
    observed
        .sees("stream_empty", "consumers read what they miss from the feed")
        .await;
    streams_again(&world).await;
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_of_the_data_folder_loses_nothing_and_doubles_nothing() {
    let observed = Observed::turn().await;
    let mut server = PrivateNats::temporary().await.unwrap();
    let kept = tempfile::tempdir().unwrap();
    let world = on(&server).await;
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    world.append(30).await;
    world.settled().await;
    server.stop().await;
    copy(&server.store_dir(), kept.path());
    server.restart().await.unwrap();
    world.append(60).await;
    world.settled().await;
    server.kill().await.unwrap();
    fs::remove_dir_all(server.store_dir()).unwrap();
    copy(kept.path(), &server.store_dir());
    server.restart().await.unwrap();
    // Fewer than were lost: the stream stays shorter than it was.
    world.append(12).await;
    world.settled().await;
    observed
        .sees("stream_behind", "has lost messages it had acknowledged")
        .await;
    streams_again(&world).await;
    // And past the place where it had been.
    world.append(90).await;
    world.settled().await;
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_relay_shows_how_long_what_it_cannot_send_has_waited_and_what_it_has_sent() {
    let observed = Observed::turn().await;
    let mut server = PrivateNats::temporary().await.unwrap();
    let world = on(&server).await;
    let relay = world.relay();
    world.append(3).await;
    world.relayed().await;
    observed
        .shows_lag("a relay that has nothing to send", |lag| lag <= 0.0)
        .await;
    server.stop().await;
    world.append(1).await;
    observed
        .shows_lag("a relay that waits for NATS", |lag| lag > 0.0)
        .await;
    server.restart().await.unwrap();
    world.relayed().await;
    observed
        .shows_lag("a relay that has nothing to send any more", |lag| lag <= 0.0)
        .await;
    assert_eq!(observed.published(), world.replay().await.len() as u64);
    relay.stop().await;
}
