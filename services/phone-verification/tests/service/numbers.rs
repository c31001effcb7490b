//! Whose numbers count, and when (PV-7), as heard over NATS.

use contracts::phone_verification::v1::ChallengeState;

use crate::world::{LONG_AGO, Phone, World, contract, number, subject};

#[tokio::test]
async fn pv_7_a_future_dated_change_counts_from_its_instant_by_the_clock() {
    let world = World::new().await;
    let who = world.policyholder(1, &["090-1111-2222"]).await;
    let change = "2026-11-17T00:00:00+09:00";
    let phones = [
        Phone("090-1111-2222", LONG_AGO, Some(change)),
        Phone("080-3333-4444", change, None),
    ];
    world.phones_changed(contract(1), who, true, &phones).await;
    world.wait_until_heard(who, 2).await;
    assert_eq!(world.usable(who).await, ["09011112222"]);

    // The last second of the day: the old number counts, the new one does not yet.
    world.clock.set("2026-11-16T23:59:59+09:00".parse().unwrap());
    let login = world.login(1, 1, &[who]);
    let challenge = world.open(&login).await.unwrap();
    world.call(&challenge.line_to_dial, number("080-3333-4444")).await;
    let seen = world.get(&login, &challenge, 0).await.unwrap();
    assert_eq!(seen.guidance.unwrap().reason, "NUMBER_NOT_REGISTERED");
    world.call(&challenge.line_to_dial, number("090-1111-2222")).await;
    assert_eq!(world.state(&login, &challenge).await, ChallengeState::Matched);

    // One second later it is the other way round; no event came in between.
    world.pass(1);
    let login = world.login(1, 2, &[who]);
    let challenge = world.open(&login).await.unwrap();
    world.call(&challenge.line_to_dial, number("090-1111-2222")).await;
    assert_eq!(world.state(&login, &challenge).await, ChallengeState::Pending);
    world.call(&challenge.line_to_dial, number("080-3333-4444")).await;
    assert_eq!(world.state(&login, &challenge).await, ChallengeState::Matched);
    world.stop().await;
}

#[tokio::test]
async fn pv_7_a_former_policyholders_numbers_and_an_insureds_do_not_count() {
    let world = World::new().await;
    let former = world.policyholder(1, &["090-1111-2222"]).await;
    let heir = subject(2);
    let phones = [Phone("080-3333-4444", LONG_AGO, None)];
    world.imported(contract(1), heir, &phones).await;
    world.wait_until_heard(heir, 1).await;
    world.wait_until_heard(former, 2).await;
    assert_eq!(world.usable(former).await, Vec::<String>::new());
    assert_eq!(world.usable(heir).await, ["08033334444"]);

    let insured = subject(3);
    let phones = [Phone("070-5555-6666", LONG_AGO, None)];
    world.phones_changed(contract(1), insured, false, &phones).await;
    let phones = [Phone("080-7777-8888", LONG_AGO, None)];
    world.phones_changed(contract(1), heir, true, &phones).await;
    world.wait_until_heard(heir, 2).await;
    assert_eq!(world.usable(insured).await, Vec::<String>::new());
    assert_eq!(world.usable(heir).await, ["08077778888"]);
    world.stop().await;
}

#[tokio::test]
async fn numbers_of_many_contracts_are_heard_also_after_a_restart() {
    let mut world = World::new().await;
    world.kill();
    for count in 1..=40_u128 {
        // Two contracts of each policyholder.
        let number = format!("090-1234-{count:04}");
        let phones = [Phone(&number, LONG_AGO, None)];
        world.imported(contract(count), subject(count / 2), &phones).await;
    }
    world.start().await;
    for who in 1..20 {
        world.wait_until_heard(subject(who), 2).await;
        assert_eq!(world.usable(subject(who)).await.len(), 2);
    }
    world.stop().await;
}
