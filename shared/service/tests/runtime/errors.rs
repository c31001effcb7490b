//! Errors as callers read them.

use service::{Overrides, start_in_process};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::probe::{Home, OPEN_CHALLENGE, Probe, call, connect};

fn localized(status: &Status) -> (String, String) {
    let message = status.get_details_localized_message().unwrap();
    (message.locale, message.message)
}

#[tokio::test]
async fn a_refusal_has_reason_metadata_field_and_a_text_in_the_callers_language() {
    let home = Home::new().await;
    // Any time but Monday night: the system clock is not used for this.
    let clock = std::sync::Arc::new(kernel::clock::ManualClock::new(crate::probe::instant(
        crate::probe::NOON,
    )));
    let running = start_in_process::<Probe>(&home.toml(""), Overrides { clock: Some(clock) })
        .await
        .unwrap();
    let channel = connect(running.address).await;

    let status = call(&channel, OPEN_CHALLENGE, &[("x-do", "refuse")])
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    let info = status.get_details_error_info().unwrap();
    assert_eq!(
        (info.domain.as_str(), info.reason.as_str()),
        ("madoguchi.probe", "PROBE_FULL")
    );
    assert_eq!(info.metadata["max"], "8");
    assert_eq!(
        localized(&status),
        ("ja".to_owned(), "上限8に達しました。".to_owned())
    );
    let field = status
        .get_details_bad_request()
        .unwrap()
        .field_violations
        .remove(0);
    assert_eq!(
        (field.field.as_str(), field.reason.as_str()),
        ("name", "REQUEST_ID_REQUIRED")
    );
    assert_eq!(field.localized_message.unwrap().locale, "ja");

    let metadata = [("x-do", "refuse"), ("accept-language", "en-GB, ja;q=0.5")];
    let status = call(&channel, OPEN_CHALLENGE, &metadata).await.unwrap_err();
    assert_eq!(
        localized(&status),
        ("en".to_owned(), "The limit of 8 is reached.".to_owned())
    );

    // What the door itself refuses is localized too.
    let metadata = [("authorization", "Bearer nobody"), ("accept-language", "en")];
    let status = call(&channel, crate::probe::REPORT_CALL, &metadata)
        .await
        .unwrap_err();
    assert_eq!(localized(&status).0, "en");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn the_inside_of_a_failure_never_leaves_the_process() {
    let home = Home::new().await;
    let clock = std::sync::Arc::new(kernel::clock::ManualClock::new(crate::probe::instant(
        crate::probe::NOON,
    )));
    let running = start_in_process::<Probe>(&home.toml(""), Overrides { clock: Some(clock) })
        .await
        .unwrap();
    let channel = connect(running.address).await;
    let status = call(&channel, OPEN_CHALLENGE, &[("x-do", "break")])
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert_eq!(status.get_details_error_info().unwrap().reason, "INTERNAL");
    assert!(!format!("{status:?}").contains("a secret inside"), "{status:?}");
    running.stop().await.unwrap();
}
