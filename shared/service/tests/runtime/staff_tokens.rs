//! Tokens of the insurer's provider that are not meant for us, or not good: through the real door, signed by the right key.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, Header};
use kernel::clock::{Clock, ManualClock};
use serde_json::{Value, json};
use service::{Overrides, Running, start_in_process};
use tonic::transport::Channel;
use tonic_types::StatusExt;

use crate::probe::{
    self, Home, LIST_QUEUE, NOON, Probe, STAFF_AUDIENCE, STAFF_ISSUER, bearer, connect, instant, signing_key,
};

const SETTING: &str = "staff_audience = ";
const HOUR_S: i64 = 3_600;

struct Stage {
    _home: Home,
    _running: Running,
    channel: Channel,
    clock: Arc<ManualClock>,
}

/// With more settings of the section `[tokens]`.
async fn stage(settings: &str) -> Stage {
    let home = Home::new().await;
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    let overrides = Overrides {
        clock: Some(clock.clone()),
    };
    let toml = home.toml("").replace(SETTING, &format!("{settings}\n{SETTING}"));
    let running = start_in_process::<Probe>(&toml, overrides).await.unwrap();
    let channel = connect(running.address).await;
    Stage {
        _home: home,
        _running: running,
        channel,
        clock,
    }
}

impl Stage {
    /// What an adjuster's token for us says, one hour long, with these claims in place of its own; null takes one away.
    fn claims(&self, changed: &Value) -> Value {
        let now = self.clock.now().as_second();
        let mut claims = json!({
            "iss": STAFF_ISSUER,
            "aud": STAFF_AUDIENCE,
            "sub": "staff-17",
            "roles": ["adjuster"],
            "iat": now,
            "exp": now + HOUR_S,
        });
        let all = claims.as_object_mut().unwrap();
        for (name, value) in changed.as_object().unwrap() {
            all.insert(name.clone(), value.clone());
        }
        all.retain(|_, value| !value.is_null());
        claims
    }

    /// `seen`, or the reason of the refusal.
    async fn answer(&self, kind: Option<&str>, changed: Value) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = kind.map(str::to_owned);
        header.kid = Some("key-2".to_owned());
        let token = jsonwebtoken::encode(&header, &self.claims(&changed), &signing_key(2)).unwrap();
        let metadata = [("authorization", &*bearer(&token))];
        match probe::call(&self.channel, LIST_QUEUE, &metadata).await {
            Ok(_) => "seen".to_owned(),
            Err(status) => status.get_details_error_info().unwrap().reason,
        }
    }

    fn in_s(&self, seconds: i64) -> i64 {
        self.clock.now().as_second() + seconds
    }
}

#[tokio::test]
async fn a_staff_token_for_another_application_or_for_none_is_refused() {
    let stage = stage("").await;
    let jwt = Some("JWT");
    for audience in [json!(STAFF_AUDIENCE), json!(["mail", STAFF_AUDIENCE])] {
        assert_eq!(stage.answer(jwt, json!({ "aud": audience })).await, "seen");
    }
    let others = [
        Value::Null,
        json!(""),
        json!("mail"),
        json!([]),
        json!(["mail", "madoguchi"]),
        json!(17),
    ];
    for audience in others {
        let answer = stage.answer(jwt, json!({ "aud": audience })).await;
        assert_eq!(answer, "TOKEN_INVALID", "{audience}");
    }
}

#[tokio::test]
async fn a_staff_token_counts_from_its_not_before() {
    let stage = stage("").await;
    let from = |seconds| json!({ "nbf": stage.in_s(seconds) });
    // As far as clocks may differ.
    assert_eq!(stage.answer(Some("JWT"), from(60)).await, "seen");
    assert_eq!(stage.answer(Some("JWT"), from(61)).await, "TOKEN_INVALID");
}

#[tokio::test]
async fn a_staff_token_for_longer_than_the_setting_is_refused() {
    let hours =
        |stage: &Stage, hours: i64, more_s: i64| json!({ "exp": stage.in_s(hours * HOUR_S + more_s) });
    let stage_12 = stage("").await;
    let day = hours(&stage_12, 12, 0);
    assert_eq!(stage_12.answer(Some("JWT"), day).await, "seen");
    for (until, more_s) in [(12, 1), (10 * 365 * 24, 0)] {
        let long = hours(&stage_12, until, more_s);
        assert_eq!(stage_12.answer(Some("JWT"), long).await, "TOKEN_INVALID");
    }
    // Its life counts, not what is left of it.
    let old = json!({ "iat": stage_12.in_s(-12 * HOUR_S), "exp": stage_12.in_s(1) });
    assert_eq!(stage_12.answer(Some("JWT"), old).await, "TOKEN_INVALID");
    let never = json!({ "iat": i64::MIN, "exp": i64::MAX });
    assert_eq!(stage_12.answer(Some("JWT"), never).await, "TOKEN_INVALID");

    let stage_1 = stage("staff_max_life_s = 3600").await;
    assert_eq!(stage_1.answer(Some("JWT"), hours(&stage_1, 1, 0)).await, "seen");
    assert_eq!(
        stage_1.answer(Some("JWT"), hours(&stage_1, 1, 1)).await,
        "TOKEN_INVALID"
    );
}

#[tokio::test]
async fn a_staff_token_of_a_kind_that_is_not_in_the_setting_is_refused() {
    let stage_both = stage("").await;
    for kind in ["JWT", "at+jwt", "application/at+jwt"] {
        assert_eq!(stage_both.answer(Some(kind), json!({})).await, "seen", "{kind}");
    }
    for kind in [None, Some("id+jwt"), Some("logout+jwt"), Some("login+jwt")] {
        assert_eq!(
            stage_both.answer(kind, json!({})).await,
            "TOKEN_INVALID",
            "{kind:?}"
        );
    }
    let stage_one = stage(r#"staff_typ = ["at+jwt"]"#).await;
    assert_eq!(stage_one.answer(Some("at+jwt"), json!({})).await, "seen");
    assert_eq!(stage_one.answer(Some("JWT"), json!({})).await, "TOKEN_INVALID");
}
