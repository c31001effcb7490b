//! What is left of a policyholder's numbers when identity tells of an erasure (OP-4).

use kernel::SubjectId;
use kernel::clock::jst_date;
use serde_json::{Value, json};
use testkit::wait_for;
use tonic::Code;

use crate::world::{SOON, World, number, refused};

const DAY_S: i64 = 86_400;

#[tokio::test]
async fn op_4_nobody_logs_in_by_an_erased_number_and_its_hash_is_dropped() {
    let world = World::beside_identity().await;
    let gone = world.policyholder(1, &["090-1111-2222"]).await;
    let stays = world.policyholder(2, &["090-3333-4444"]).await;
    world.open(&world.login(1, 1, &[gone])).await.unwrap();
    world.open(&world.login(2, 2, &[stays])).await.unwrap();
    let expected = async |subject: kernel::SubjectId| -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM phone_verification.expected_number WHERE subject_id = $1")
            .bind(subject.as_uuid())
            .fetch_one(&world.database.pool)
            .await
            .unwrap()
    };
    assert_eq!((expected(gone).await, expected(stays).await), (1, 1));

    world.erase(gone).await;
    wait_for("the number's hash to go", SOON, async || {
        (expected(gone).await == 0).then_some(())
    })
    .await;
    assert_eq!(expected(stays).await, 1, "others keep theirs");
    refused(
        world.open(&world.login(1, 3, &[gone])).await,
        Code::FailedPrecondition,
        "NO_USABLE_NUMBER",
    );
}

/// What endorsement tells after the erasure, and what was on its way, gives the person no number back.
#[tokio::test]
async fn op_4_a_late_event_brings_no_number_back() {
    let world = World::beside_identity().await;
    let gone = world.policyholder(1, &["090-1111-2222"]).await;
    world.erase(gone).await;
    wait_for("the erasure to be heard", SOON, async || {
        let refused = world.open(&world.login(1, 1, &[gone])).await;
        refused.is_err().then_some(())
    })
    .await;
    world.change_number(1, "090-5555-6666").await;
    assert!(world.usable(gone).await.is_empty());
}

/// A recorded call says whose number it was, and not which.
fn is_without_number(reported: &Value, subject: SubjectId) {
    let field = &reported["caller"]["number"]["$sealed"];
    let said = json!([subject.to_string(), "ERASED", ""]);
    assert_eq!(
        json!([field["subject"], field["alg"], field["ct"]]),
        said,
        "{reported}"
    );
}

/// Also before identity has told of the erasure, and also where the challenge has ended.
#[tokio::test]
async fn op_4_a_call_from_an_erased_number_is_recorded_without_the_number() {
    for matched in [false, true] {
        let mut world = World::new().await;
        let gone = world.policyholder(1, &["090-1111-2222"]).await;
        let login = world.login(1, 1, &[gone]);
        let challenge = world.open(&login).await.unwrap();
        let calls = if matched { 2 } else { 1 };
        if matched {
            world.call(&challenge.line_to_dial, number("090-1111-2222")).await;
            world.wait_for_events("call.settled.v1", 1).await;
        }
        world.destroy(gone).await;
        // It has no key at hand any more.
        world.kill();
        world.start().await;
        world.call(&challenge.line_to_dial, number("090-1111-2222")).await;
        world.wait_for_events("call.settled.v1", calls).await;
        let reported = world.events("call.reported.v1").await;
        is_without_number(&reported[calls - 1], gone);
        let matches = world.events("challenge.matched.v1").await.len();
        assert_eq!(
            matches,
            usize::from(matched),
            "an erased person's call verifies nothing"
        );
    }
}

/// A redial says whose number it is, so that it is erased with the person.
#[tokio::test]
async fn op_4_a_redial_after_success_is_sealed_for_its_owner() {
    let world = World::new().await;
    let who = world.policyholder(1, &["090-1111-2222"]).await;
    let challenge = world.open(&world.login(1, 1, &[who])).await.unwrap();
    for calls in 1..=2 {
        world.call(&challenge.line_to_dial, number("090-1111-2222")).await;
        world.wait_for_events("call.settled.v1", calls).await;
    }
    for reported in world.events("call.reported.v1").await {
        let owner = &reported["caller"]["number"]["$sealed"]["subject"];
        assert_eq!(*owner, json!(who.to_string()), "{reported}");
    }
    world.stop().await;
}

/// No person's erasure reaches who called without being expected; a day of them is erased together.
#[tokio::test]
async fn op_4_unknown_callers_are_erased_after_the_rulebooks_period() {
    let world = World::new().await;
    let unknown = || SubjectId::of_unknown("phone-verification", jst_date(world.now()));
    let days = async || -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM phone_verification.unknown_day")
            .fetch_one(&world.database.pool)
            .await
            .unwrap()
    };
    let (first, first_at) = (unknown(), world.now());
    for calls in 1..=2 {
        world.call("03-5000-0000", number("090-7777-8888")).await;
        wait_for("the day to be noted", SOON, async || {
            let noted = days().await;
            (noted == calls).then_some(()).ok_or(noted)
        })
        .await;
        world.pass(DAY_S);
    }
    // The migration finds them by itself, too.
    let migration = include_str!("../../migrations/10002_unknown_day.sql");
    let again = format!("DROP TABLE phone_verification.unknown_day; {migration}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(again))
        .execute(&world.database.pool)
        .await
        .unwrap();
    assert_eq!(days().await, 2);
    let second = SubjectId::of_unknown("phone-verification", jst_date(first_at).tomorrow().unwrap());

    world.pass(89 * DAY_S);
    wait_for("the first day to end", SOON, async || {
        let noted = days().await;
        (noted == 1).then_some(()).ok_or(noted)
    })
    .await;
    assert!(world.is_destroyed(first).await);
    assert!(!world.is_destroyed(second).await, "its period is not over");

    // A report of that day that comes now is recorded without the number.
    let mut late = world.report("03-5000-0000", number("090-9999-0000"));
    late.received_at_us = first_at.as_microsecond();
    world.send(late).await.unwrap();
    let reported = world.events("call.reported.v1").await;
    is_without_number(&reported[2], first);
    world.stop().await;
}
