//! Every error at once, each by its key; nothing is opened before.

use service::{Context, Overrides, Service, StartError, Wiring, start_in_process};

use crate::probe::{Home, Probe};

async fn errors(toml: &str) -> Vec<String> {
    match start_in_process::<Probe>(toml, Overrides::default()).await {
        Err(StartError::Configuration(errors)) => errors.0,
        Err(other) => panic!("not a configuration error: {other}"),
        Ok(_) => panic!("it started"),
    }
}

#[tokio::test]
async fn all_errors_are_reported_at_once_with_the_keys_names() {
    let found = errors(
        r#"
        [grpc]
        listen = "nowhere"
        max_concurrent = 0
        [database]
        url_file = "/no/such/file"
        [keyring]
        url = "postgres://localhost/keyring"
        master_key = "not hexadecimal"
        [peers.accept]
        carrier = "12"
        [feeds]
        identity = "ftp://identity"
        [tokens]
        staff_issuer = "https://login.insurer.example"
        staff_max_life_s = -1
        [telemetry]
        log_format = "xml"
        [event_store]
        url = "esdb://operator:secret@localhost:nowhere"
        [service]
        number = "many"
        nmuber = 3
        "#,
    )
    .await;
    let keys = [
        "grpc.listen",
        "grpc.max_concurrent",
        "database.url_file",
        "keyring.master_key",
        "secrets.pepper",
        "peers.accept.carrier",
        "feeds.identity",
        "tokens.staff_jwks_file",
        "tokens.staff_audience",
        "tokens.staff_max_life_s",
        "telemetry.log_format",
        "event_store.url",
        "service.test",
        "service.number",
        "service.nmuber",
    ];
    for key in keys {
        assert!(
            found.iter().any(|error| error.starts_with(&format!("{key}: "))),
            "{key} is not in {found:#?}"
        );
    }
    assert_eq!(found.len(), keys.len(), "{found:#?}");
}

#[tokio::test]
async fn an_address_that_needs_tls_is_refused_with_the_way_out() {
    let found = errors(
        r#"
        [feeds]
        identity = "https://identity.example"
        [tokens]
        identity_url = "https://identity.example"
        [telemetry]
        otlp_endpoint = "https://collector.example"
        [database]
        url = "https://database.example"
        [keyring]
        url = "https://database.example"
        [nats]
        url = "tls://bus.example, https://bus.example"
        [event_store]
        url = "https://events.example"
        "#,
    )
    .await;
    for key in ["feeds.identity", "tokens.identity_url", "telemetry.otlp_endpoint"] {
        let said = found
            .iter()
            .find(|error| error.starts_with(&format!("{key}: ")))
            .unwrap();
        assert!(said.contains("say http://") && said.contains("mesh"), "{said}");
    }
    // These have schemes of their own, with and without TLS; `https://` is none of them.
    for key in ["database.url", "keyring.url", "nats.url", "event_store.url"] {
        let refused = |error: &String| error.starts_with(&format!("{key}: "));
        assert!(found.iter().any(refused), "{key} is not in {found:#?}");
    }
}

/// Needs others.
struct Listener;

impl Service for Listener {
    const NAME: &'static str = "listener";
    const MESSAGES: &'static str = "";
    const LISTENS_TO: &'static [&'static str] = &["claim-images", "identity"];
    type Config = ();

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        Vec::new()
    }

    async fn start((): (), _: Context, _: &mut Wiring) -> Result<(), StartError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_service_that_listens_says_at_once_whom_it_cannot_hear() {
    let home = Home::new().await;
    let toml = home.toml("").split("[service]").next().unwrap().to_owned();
    let toml = format!("{toml}[feeds]\nclaim_images = \"http://localhost:1\"\n");
    let Err(StartError::Configuration(errors)) =
        start_in_process::<Listener>(&toml, Overrides::default()).await
    else {
        panic!("it started");
    };
    let keys: Vec<_> = errors
        .0
        .iter()
        .map(|error| error.split(':').next().unwrap())
        .collect();
    assert_eq!(keys, ["nats.url", "feeds.identity"]);
}

#[tokio::test]
async fn a_wrong_value_is_not_repeated_as_it_may_be_a_secret() {
    let found =
        errors("[service]\ntest = \"x\"\nnumber = \"hunter2\"\n[keyring]\nmaster_key = \"hunter2\"").await;
    assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
}

#[tokio::test]
async fn a_secret_given_twice_is_an_error_and_a_file_is_read() {
    let home = Home::new().await;
    let file = home.folder.path().join("pepper");
    std::fs::write(&file, format!("{}\n", "aa".repeat(32))).unwrap();
    let both = home.toml("").replace(
        "pepper = ",
        &format!("pepper_file = \"{}\"\npepper = ", file.display()),
    );
    let found = errors(&both).await;
    assert!(
        found[0].starts_with("secrets.pepper: is given twice"),
        "{found:?}"
    );

    let line = format!("pepper = \"{}\"", "0f".repeat(32));
    let from_file = home
        .toml("")
        .replacen(&line, &format!("pepper_file = \"{}\"", file.display()), 1);
    start_in_process::<Probe>(&from_file, Overrides::default())
        .await
        .unwrap()
        .stop()
        .await
        .unwrap();
}

#[tokio::test]
async fn text_that_is_not_toml_is_said_to_be_so() {
    let found = errors("[grpc\nlisten").await;
    assert!(
        found.iter().any(|error| error.starts_with("not TOML")),
        "{found:?}"
    );
}

#[tokio::test]
async fn op_8_a_nats_server_that_takes_less_than_the_largest_message_is_refused_at_the_start() {
    let (home, nats) = (Home::new().await, testkit::nats().await.unwrap());
    let toml = |largest: u32| {
        format!(
            "{}[nats]\nurl = \"{}\"\nprefix = \"{}\"\nmax_message_bytes = {largest}\n",
            home.toml(""),
            nats.url,
            nats.prefix
        )
    };
    let found = errors(&toml(4_194_304)).await;
    let [told] = &found[..] else {
        panic!("{found:?}");
    };
    for words in [
        "nats.max_message_bytes: ",
        "1048576 bytes (max_payload)",
        "raise max_payload",
    ] {
        assert!(told.contains(words), "{told}");
    }
    let found = errors(&toml(10)).await;
    assert_eq!(found, ["nats.max_message_bytes: must be from 65536 to 4194304"]);
}
