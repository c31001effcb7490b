//! Whose numbers count, and when (PV-7), as heard over NATS.

use contracts::phone_verification::v1::ChallengeState;

use crate::neighbour::{ContractEvent, Phone};
use crate::world::{FAR_AHEAD, LONG_AGO, World, contract, number, subject};

#[tokio::test]
async fn pv_7_a_future_dated_change_counts_from_its_instant_by_the_clock() {
    let world = World::new().await;
    let who = world.policyholder(1, &["090-1111-2222"]).await;
    let change = "2026-11-17T00:00:00+09:00";
    let phones = vec![
        Phone::new(who, "090-1111-2222", LONG_AGO, Some(change)),
        Phone::new(who, "080-3333-4444", change, None),
    ];
    let period_end = FAR_AHEAD.parse().unwrap();
    let event = ContractEvent::PhonesChanged {
        subject: who,
        policyholder: true,
        phones,
        period_end,
    };
    world.tell(contract(1), event).await;
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
    let period_end = FAR_AHEAD.parse().unwrap();
    let phones = vec![Phone::new(heir, "080-3333-4444", LONG_AGO, None)];
    world
        .tell(
            contract(1),
            ContractEvent::Imported {
                policyholder: heir,
                phones,
                period_end,
            },
        )
        .await;
    world.wait_until_heard(heir, 1).await;
    world.wait_until_heard(former, 2).await;
    assert_eq!(world.usable(former).await, Vec::<String>::new());
    assert_eq!(world.usable(heir).await, ["08033334444"]);

    let insured = subject(3);
    let phones = vec![Phone::new(insured, "070-5555-6666", LONG_AGO, None)];
    let event = ContractEvent::PhonesChanged {
        subject: insured,
        policyholder: false,
        phones,
        period_end,
    };
    world.tell(contract(1), event).await;
    let phones = vec![Phone::new(heir, "080-7777-8888", LONG_AGO, None)];
    let event = ContractEvent::PhonesChanged {
        subject: heir,
        policyholder: true,
        phones,
        period_end,
    };
    world.tell(contract(1), event).await;
    world.wait_until_heard(heir, 2).await;
    assert_eq!(world.usable(insured).await, Vec::<String>::new());
    assert_eq!(world.usable(heir).await, ["08077778888"]);
    world.stop().await;
}

#[tokio::test]
async fn numbers_of_many_contracts_are_heard_also_after_a_restart() {
    let mut world = World::new().await;
    world.kill();
    let period_end = FAR_AHEAD.parse().unwrap();
    for count in 1..=40_u128 {
        // Two contracts of each policyholder.
        let who = subject(count / 2);
        let phones = vec![Phone::new(who, &format!("090-1234-{count:04}"), LONG_AGO, None)];
        world
            .tell(
                contract(count),
                ContractEvent::Imported {
                    policyholder: who,
                    phones,
                    period_end,
                },
            )
            .await;
    }
    world.start().await;
    for who in 1..20 {
        world.wait_until_heard(subject(who), 2).await;
        assert_eq!(world.usable(subject(who)).await.len(), 2);
    }
    world.stop().await;
}
