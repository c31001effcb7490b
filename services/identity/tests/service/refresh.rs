//! Refresh families beside the account's stream (ID-16, docs/adr/0024, 0030): bounded, the same for every instance, whole after a
//! crash between row and stream, ended when they expire and with whoever is erased.

use contracts::identity::v1::{CompleteLoginRequest, RefreshRequest, Tokens};
use futures::future::join_all;
use kurrentdb_fake::KurrentDb;
use testkit::wait_for;
use uuid::Uuid;

use crate::crash::{start_afresh, stop_before, stop_before_row};
use crate::erasure::{APPROVES, ASKS};
use crate::world::{CODE, Client, Contract, DEADLINE, PASSWORD, World, claims, random, reason};

const ENDED: &str = "account.session_ended.v1";
const LIFE_S: i64 = 30 * 24 * 3600;
/// For so long a token stays good after another one that was issued at once with it was used.
const OVERLAP_S: i64 = 120;
/// Tokens of one family that are good at the same time.
const MOST_TOKENS: usize = 64;

impl World {
    /// Events of all streams, and how long all families' rows are, written out.
    async fn size(&self) -> (i64, i64) {
        sqlx::query_as(
            "SELECT (SELECT count(*) FROM store.event),
                    (SELECT coalesce(sum(length((to_jsonb(f) - 'generation')::text)), 0)::bigint
                     FROM identity.refresh_family f)",
        )
        .fetch_one(&self.database.pool)
        .await
        .unwrap()
    }

    async fn families(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM identity.refresh_family")
            .fetch_one(&self.database.pool)
            .await
            .unwrap()
    }

    async fn until_families(&self, count: i64) {
        wait_for("the families", DEADLINE, async || {
            let families = self.families().await;
            if families == count { Ok(()) } else { Err(families) }
        })
        .await;
    }

    async fn until_ended(&self, why: &str) {
        wait_for("the session's end in the stream", DEADLINE, async || {
            let reasons: Vec<String> =
                sqlx::query_scalar("SELECT data->>'reason' FROM store.event WHERE type = $1")
                    .bind(ENDED)
                    .fetch_all(&self.database.pool)
                    .await
                    .unwrap();
            if reasons == [why] { Ok(()) } else { Err(reasons) }
        })
        .await;
    }
}

async fn refresh(client: &Client, tokens: &Tokens) -> Result<Tokens, tonic::Status> {
    let request = RefreshRequest {
        refresh_token: tokens.refresh_token.clone(),
    };
    let answer = client.clone().refresh(request).await?.into_inner();
    Ok(answer.tokens.unwrap())
}

#[tokio::test]
async fn a_session_that_is_refreshed_again_and_again_grows_nowhere() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let first = world.session(&email).await;
    let mut tokens = first.clone();
    let mut sizes = Vec::new();
    for _ in 0..40 {
        tokens = world.refresh(&tokens.refresh_token).await.unwrap();
        sizes.push(world.size().await);
    }
    // One predecessor, one successor, whatever lies behind them.
    sizes.dedup();
    assert_eq!(sizes.len(), 1, "events and bytes: {sizes:?}");
    // What is not kept is recognised all the same.
    assert_eq!(
        reason(world.refresh(&first.refresh_token).await),
        "SESSION_ENDED_REPLAY"
    );
    world.until_families(0).await;
}

#[tokio::test]
async fn a_lost_answer_that_is_asked_for_again_and_again_grows_nowhere() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let login = world.login(&email, PASSWORD).await.unwrap();
    world.tell_call(&login.login_token).await;
    world.complete(&login.login_token, 30_000).await.unwrap();
    let (mut sizes, mut last) = (Vec::new(), None);
    for _ in 0..MOST_TOKENS + 4 {
        last = world.complete(&login.login_token, 0).await.unwrap().tokens;
        sizes.push(world.size().await);
    }
    let full = &sizes[MOST_TOKENS..];
    assert!(full.iter().all(|size| *size == full[0]), "{sizes:?}");
    world.refresh(&last.unwrap().refresh_token).await.unwrap();
}

/// Each tab goes on with the tokens it got, turn by turn: none of them is logged out, none of the refreshes is refused.
async fn tabs_go_on(world: &World, clients: &[&Client], mut tabs: Vec<Tokens>) -> Vec<Tokens> {
    for _ in 0..3 {
        for (tab, tokens) in tabs.iter_mut().enumerate() {
            *tokens = refresh(clients[tab % clients.len()], tokens).await.unwrap();
        }
        world.advance(590);
    }
    assert_eq!(world.events(ENDED, None).await, 0);
    tabs
}

#[tokio::test]
async fn id_16_two_tabs_that_refresh_with_one_token_at_the_same_moment_both_stay_logged_in() {
    let world = World::start().await;
    let instance = world.another().await;
    let other = Client::new(instance.channel());
    let clients = [&world.client, &other];
    let email = world.customer(1).await;
    let first = world.session(&email).await;
    let tabs = join_all(clients.map(|client| refresh(client, &first))).await;
    let tabs: Vec<Tokens> = tabs.into_iter().map(Result::unwrap).collect();
    let tabs = tabs_go_on(&world, &clients, tabs).await;
    // A copy of the token they shared is one of a used-up token, as ever.
    assert_eq!(reason(refresh(clients[1], &first).await), "SESSION_ENDED_REPLAY");
    for tokens in &tabs {
        assert_eq!(reason(refresh(clients[0], tokens).await), "SESSION_ENDED_REPLAY");
    }
    world.until_ended("REPLAYED_REFRESH_TOKEN").await;
}

/// A double click, a page that asks in every tab: one session, and whoever asked holds it.
#[tokio::test]
async fn id_16_completions_of_one_login_at_the_same_moment_all_stay_logged_in() {
    let world = World::start().await;
    let instance = world.another().await;
    let other = Client::new(instance.channel());
    let clients = [&world.client, &other];
    let email = world.customer(1).await;
    let login = world.login(&email, PASSWORD).await.unwrap();
    world.tell_call(&login.login_token).await;
    let request = CompleteLoginRequest {
        login_token: login.login_token,
        wait_ms: 30_000,
    };
    let calls = (0..12).map(|click| {
        let (mut client, request) = (clients[click % 2].clone(), request.clone());
        async move { client.complete_login(request).await }
    });
    let tabs: Vec<Tokens> = join_all(calls)
        .await
        .into_iter()
        .map(|answer| answer.unwrap().into_inner().tokens.unwrap())
        .collect();
    tabs_go_on(&world, &clients, tabs).await;
    assert_eq!(world.events("account.session_opened.v1", None).await, 1);
}

#[tokio::test]
async fn id_16_a_token_issued_at_once_with_one_that_was_used_ends_the_family_after_the_overlap() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let first = world.session(&email).await;
    let (one, copied) = (
        world.refresh(&first.refresh_token).await.unwrap(),
        world.refresh(&first.refresh_token).await.unwrap(),
    );
    let one = world.refresh(&one.refresh_token).await.unwrap();
    world.advance(OVERLAP_S);
    for tokens in [&copied, &one] {
        assert_eq!(
            reason(world.refresh(&tokens.refresh_token).await),
            "SESSION_ENDED_REPLAY"
        );
    }
    world.until_ended("REPLAYED_REFRESH_TOKEN").await;
}

/// The former release knows the successors alone.
#[tokio::test]
async fn a_family_that_the_former_release_wrote_goes_on() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let first = world.session(&email).await;
    let second = world.refresh(&first.refresh_token).await.unwrap();
    sqlx::raw_sql("UPDATE identity.refresh_family SET tokens = NULL")
        .execute(&world.database.pool)
        .await
        .unwrap();
    let again = world.refresh(&first.refresh_token).await.unwrap();
    let third = world.refresh(&again.refresh_token).await.unwrap();
    let kept: bool = sqlx::query_scalar(
        "SELECT predecessor IS NOT NULL AND cardinality(successors) = 2 FROM identity.refresh_family",
    )
    .fetch_one(&world.database.pool)
    .await
    .unwrap();
    assert!(kept, "what the former release reads");
    world.refresh(&third.refresh_token).await.unwrap();
    assert_eq!(
        reason(world.refresh(&first.refresh_token).await),
        "SESSION_ENDED_REPLAY"
    );
    world.advance(OVERLAP_S);
    assert_eq!(
        reason(world.refresh(&second.refresh_token).await),
        "SESSION_ENDED_REPLAY"
    );
}

#[tokio::test]
async fn id_16_holds_across_two_instances() {
    let world = World::start().await;
    let instance = world.another().await;
    let other = Client::new(instance.channel());
    let clients = [&world.client, &other];
    let email = world.customer(1).await;
    let first = world.session(&email).await;
    // Two tabs with one token, at once and on both instances: both go on.
    let tabs = join_all((0..6).map(|tab| refresh(clients[tab % 2], &first))).await;
    let tabs: Vec<Tokens> = tabs.into_iter().map(Result::unwrap).collect();
    let mut tokens = refresh(clients[0], &tabs[1]).await.unwrap();
    for turn in 0..4 {
        tokens = refresh(clients[turn % 2], &tokens).await.unwrap();
    }
    // A copy comes to one instance: to the other one nothing of the family is good from then on.
    assert_eq!(reason(refresh(clients[0], &first).await), "SESSION_ENDED_REPLAY");
    for tokens in [&tokens, &tabs[1], &tabs[0], &first] {
        assert_eq!(reason(refresh(clients[1], tokens).await), "SESSION_ENDED_REPLAY");
    }
    world.until_ended("REPLAYED_REFRESH_TOKEN").await;
}

/// Everybody at once, copies among them: never two branches of one family that live.
#[tokio::test]
async fn id_16_copies_that_race_end_the_family_once() {
    let world = World::start().await;
    let instance = world.another().await;
    let other = Client::new(instance.channel());
    let email = world.customer(1).await;
    let first = world.session(&email).await;
    let second = world.refresh(&first.refresh_token).await.unwrap();
    let third = world.refresh(&second.refresh_token).await.unwrap();
    let race = (0..8).map(|turn| {
        let client = if turn % 2 == 0 { &world.client } else { &other };
        refresh(client, if turn < 4 { &first } else { &third })
    });
    let won: Vec<Tokens> = join_all(race).await.into_iter().flatten().collect();
    for tokens in won.iter().chain([&first, &second, &third]) {
        assert_eq!(
            reason(refresh(&world.client, tokens).await),
            "SESSION_ENDED_REPLAY"
        );
    }
    world.until_ended("REPLAYED_REFRESH_TOKEN").await;
}

#[tokio::test]
async fn id_16_a_kill_between_the_session_s_event_and_its_family_loses_no_login() {
    let mut world = World::start().await;
    let email = world.customer(1).await;
    let login = world.login(&email, PASSWORD).await.unwrap();
    stop_before_row(&world, "identity.refresh_family").await;
    world.tell_call(&login.login_token).await;
    world.complete(&login.login_token, 30_000).await.unwrap_err();
    assert_eq!(world.events("account.session_opened.v1", None).await, 1);
    start_afresh(&mut world).await;
    let tabs = join_all((0..2).map(|_| world.complete(&login.login_token, 0))).await;
    let tabs = tabs.into_iter().map(|answer| answer.unwrap().tokens.unwrap());
    let tabs = tabs.collect();
    tabs_go_on(&world, &[&world.client], tabs).await;
    assert_eq!(world.events("account.session_opened.v1", None).await, 1);
}

/// Whoever never comes back for the answer: the session ends as if it had been answered.
#[tokio::test]
async fn a_session_whose_tokens_were_never_issued_expires_too() {
    let mut world = World::start().await;
    let email = world.customer(1).await;
    let login = world.login(&email, PASSWORD).await.unwrap();
    stop_before_row(&world, "identity.refresh_family").await;
    world.tell_call(&login.login_token).await;
    world.complete(&login.login_token, 30_000).await.unwrap_err();
    start_afresh(&mut world).await;
    world.until_families(1).await;
    world.advance(LIFE_S);
    world.until_ended("EXPIRED").await;
    world.until_families(0).await;
}

#[tokio::test]
async fn id_16_a_kill_between_a_replay_and_its_event_ends_the_family_all_the_same() {
    let mut world = World::start().await;
    let email = world.customer(1).await;
    let first = world.session(&email).await;
    let second = world.refresh(&first.refresh_token).await.unwrap();
    let third = world.refresh(&second.refresh_token).await.unwrap();
    stop_before(&world, ENDED).await;
    world.refresh(&first.refresh_token).await.unwrap_err();
    // The stream does not know yet; nothing is good any more.
    world.refresh(&third.refresh_token).await.unwrap_err();
    assert_eq!(world.events(ENDED, None).await, 0);
    start_afresh(&mut world).await;
    // Nobody asks again: the marked row leads on.
    world.until_ended("REPLAYED_REFRESH_TOKEN").await;
    world.until_families(0).await;
    for tokens in [&first, &second, &third] {
        assert_eq!(
            reason(world.refresh(&tokens.refresh_token).await),
            "SESSION_ENDED_REPLAY"
        );
    }
}

#[tokio::test]
async fn a_session_that_is_not_refreshed_expires_and_leaves_no_row() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let (left, used) = (world.session(&email).await, world.session(&email).await);
    world.advance(LIFE_S - 1);
    let used = world.refresh(&used.refresh_token).await.unwrap();
    assert_eq!(world.families().await, 2);
    world.advance(1);
    assert_eq!(
        reason(world.refresh(&left.refresh_token).await),
        "REFRESH_TOKEN_INVALID"
    );
    world.advance(10);
    world.until_ended("EXPIRED").await;
    world.until_families(1).await;
    assert_eq!(
        reason(world.refresh(&left.refresh_token).await),
        "REFRESH_TOKEN_INVALID"
    );
    world.refresh(&used.refresh_token).await.unwrap();
}

#[tokio::test]
async fn op_4_families_go_with_the_subject() {
    let world = World::start().await;
    let contract = world.contract(1, CODE).await;
    world.know(contract.subject).await;
    world.register(&contract, CODE, "a@example.jp").await.unwrap();
    let tokens = world.session("a@example.jp").await;
    let other = world.customer(2).await;
    let other = world.session(&other).await;
    world.request_erasure(ASKS, contract.subject).await.unwrap();
    world
        .approve_erasure(random(), APPROVES, contract.subject)
        .await
        .unwrap();
    world.until_families(1).await;
    let left: Uuid = sqlx::query_scalar("SELECT account_id FROM identity.refresh_family")
        .fetch_one(&world.database.pool)
        .await
        .unwrap();
    assert_eq!(claims(&other.access_token)["sub"], left.to_string());
    assert_eq!(
        reason(world.refresh(&tokens.refresh_token).await),
        "REFRESH_TOKEN_INVALID"
    );
}

/// The families were restored from a copy that is older than the tokens: nobody is taken for a thief.
#[tokio::test]
async fn id_16_a_token_that_is_younger_than_its_family_s_row_ends_nothing() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let first = world.session(&email).await;
    let pool = &world.database.pool;
    sqlx::raw_sql("CREATE TABLE public.copy AS SELECT * FROM identity.refresh_family")
        .execute(pool)
        .await
        .unwrap();
    let second = world.refresh(&first.refresh_token).await.unwrap();
    sqlx::raw_sql(
        "DELETE FROM identity.refresh_family; INSERT INTO identity.refresh_family SELECT * FROM public.copy",
    )
    .execute(pool)
    .await
    .unwrap();
    assert_eq!(
        reason(world.refresh(&second.refresh_token).await),
        "REFRESH_TOKEN_INVALID"
    );
    world.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(world.events(ENDED, None).await, 0);
}

/// The events in a KurrentDB, the rows in PostgreSQL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn id_16_holds_with_kurrentdb_as_event_store() {
    let server = KurrentDb::start().await.unwrap();
    let world = World::with(&[("event_store.url", server.url())]).await;
    let contract = Contract::new(1);
    world.import(vec![contract.row(CODE)]).await;
    world.tell_contract(&contract, "INDIVIDUAL", "INDIVIDUAL").await;
    wait_for("the registration", DEADLINE, async || {
        world.register(&contract, CODE, "a@example.jp").await
    })
    .await;
    let first = world.session("a@example.jp").await;
    let tabs = join_all((0..2).map(|_| world.refresh(&first.refresh_token))).await;
    let mut tabs = tabs.into_iter().map(Result::unwrap);
    let (mut one, mut other) = (tabs.next().unwrap(), tabs.next().unwrap());
    for _ in 0..2 {
        one = world.refresh(&one.refresh_token).await.unwrap();
        other = world.refresh(&other.refresh_token).await.unwrap();
        world.advance(590);
    }
    for tokens in [&first, &one, &other] {
        assert_eq!(
            reason(world.refresh(&tokens.refresh_token).await),
            "SESSION_ENDED_REPLAY"
        );
    }
    world.until_families(0).await;
}
