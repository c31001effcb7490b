//! Relay, feed and subscription over a source whose events are in a KurrentDB: the same chain on the other cursor.

use kurrentdb_fake::KurrentDb;

use crate::ledger::Ledger;
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_in_kurrentdb_are_applied_once_and_in_order_across_cuts_and_a_wiped_stream() {
    let server = KurrentDb::start().await.unwrap();
    let world = World::on_kurrentdb(&server.url()).await;
    world.append(20).await;
    let relay = world.relay();
    let ledger = Ledger::default();
    let subscription = world.subscription(&ledger);
    world.settled().await;

    // The relay's subscription is cut in its middle, and what it stands on comes twice.
    for _ in 0..3 {
        server.repeat_after_reconnect();
        server.cut();
        world.append(10).await;
    }
    world.settled().await;
    assert_eq!(world.streamed().await, world.replay().await);

    // What nobody can read from the transport any more comes from the feed.
    subscription.stop().await;
    world.append(20).await;
    world.relayed().await;
    world.stream().await.purge().await.unwrap();
    let subscription = world.subscription(&ledger);
    world.settled().await;
    assert!(world.applied_via("Feed").await > 0);
    subscription.stop().await;
    relay.stop().await;
}
