//! Rotations of the keys that tokens are signed with, as customers meet them: two instances of identity and another service that
//! fetches their keys (docs/adr/0035).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use contracts::common::v1::ImportOutcome;
use contracts::endorsement::v1::endorsement_service_client::EndorsementServiceClient;
use contracts::endorsement::v1::{ContractRow, GetContractRequest, ImportContractsRequest};
use contracts::identity::v1::identity_service_client::IdentityServiceClient;
use contracts::identity::v1::signing_key_service_client::SigningKeyServiceClient;
use contracts::identity::v1::{
    CompleteLoginRequest, GetAccountRequest, GetKeysRequest, ImportInitialCredentialsRequest,
    InitialCredential, LoginRequest, RefreshRequest, RegisterWithInitialCredentialsRequest,
    RotateSigningKeysRequest, Tokens,
};
use futures::future::join_all;
use jiff::SignedDuration;
use kernel::clock::{Clock as _, ManualClock};
use service::{Overrides, Running, Service, start_in_process};
use std::sync::Arc;
use testkit::staff_issuer::{STAFF_AUDIENCE, STAFF_ISSUER, StaffIssuer};
use testkit::{TestDatabase, TestNats, wait_for};
use tonic::transport::Channel;
use tonic::{Request, Status};
use uuid::Uuid;

use crate::login_number::{contract_id, row};
use crate::trio::{NOWHERE, SECRET, bearing, hash_of, reason, sections};

const SOON: Duration = Duration::from_secs(30);
const CODE: &str = "K7QM-2XPD-9WTR";
const PASSWORD: &str = "a quiet place by the sea";
const CUSTOMERS: usize = 4;
/// A made-up token of ours: `{"alg":"EdDSA","typ":"at+jwt","kid":"made-up"}`, `{"iss":"madoguchi-identity"}`.
const MADE_UP: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6Im1hZGUtdXAifQ.\
                       eyJpc3MiOiJtYWRvZ3VjaGktaWRlbnRpdHkifQ.AAAA";

struct World {
    clock: ManualClock,
    staff: StaffIssuer,
    counter: AtomicU64,
    identities: [Channel; 2],
    endorsement: Channel,
    _running: Vec<Running>,
    _databases: [TestDatabase; 3],
    _nats: TestNats,
    _folder: tempfile::TempDir,
}

async fn start<S: Service>(toml: &str, clock: &ManualClock) -> (Running, Channel) {
    let overrides = Overrides {
        clock: Some(Arc::new(clock.clone())),
    };
    let running = Box::pin(start_in_process::<S>(toml, overrides)).await.unwrap();
    let channel = Channel::from_shared(running.url()).unwrap();
    (running, channel.connect().await.unwrap())
}

/// A port that nobody listens at.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl World {
    /// A Tuesday at noon, before logins needed the call; keys change daily, after five minutes of notice.
    async fn start() -> Self {
        let clock = ManualClock::new("2022-11-15T12:00:00+09:00".parse().unwrap());
        let (contracts, accounts, keyring) =
            tokio::join!(testkit::database(), testkit::database(), testkit::database());
        let (contracts, accounts, keyring) = (contracts.unwrap(), accounts.unwrap(), keyring.unwrap());
        let nats = testkit::nats().await.unwrap();
        let staff = StaffIssuer::generate();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("staff.json"), staff.jwks()).unwrap();
        let port = free_port();
        let common = format!(
            "[tokens]\nidentity_url = \"http://127.0.0.1:{port}\"\nstaff_issuer = \"{STAFF_ISSUER}\"\n\
             staff_audience = \"{STAFF_AUDIENCE}\"\nstaff_jwks_file = \"{}/staff.json\"\n\
             [peers]\nown_secret = \"{SECRET}\"\n[peers.accept]\nidentity = \"{hash}\"\nendorsement = \"{hash}\"\n",
            folder.path().display(),
            hash = hash_of(SECRET),
        );
        let toml = format!(
            "{}{common}[feeds]\nidentity = \"{NOWHERE}\"\n",
            sections(&contracts, &keyring, &nats)
        );
        let (endorser, endorsement) = start::<::endorsement::Endorsement>(&toml, &clock).await;
        let toml = format!(
            "{}{common}[feeds]\nendorsement = \"{}\"\nphone-verification = \"{NOWHERE}\"\n\
             [service]\nsigning_key_days = 1\nsigning_key_notice_min = 5\n",
            sections(&accounts, &keyring, &nats),
            endorser.url(),
        );
        // The other service asks the first one for keys; the second is the one that operators ask.
        let known = toml.replace("127.0.0.1:0", &format!("127.0.0.1:{port}"));
        let (first, asked) = start::<identity::Identity>(&known, &clock).await;
        let (second, other) = start::<identity::Identity>(&toml, &clock).await;
        Self {
            clock,
            staff,
            counter: AtomicU64::new(1),
            identities: [asked, other],
            endorsement,
            _running: vec![endorser, first, second],
            _databases: [contracts, accounts, keyring],
            _nats: nats,
            _folder: folder,
        }
    }

    fn fresh(&self) -> String {
        Uuid::from_u128(self.counter.fetch_add(1, Ordering::Relaxed).into()).to_string()
    }

    fn as_administrator<T>(&self, message: T) -> Request<T> {
        let now = self.clock.now().as_second();
        let token = self.staff.token("S001", &["administrator"], now, 600).unwrap();
        bearing(&token, message)
    }

    fn identity(&self, instance: usize) -> IdentityServiceClient<Channel> {
        IdentityServiceClient::new(self.identities[instance].clone())
    }

    /// A customer with a contract, who has logged in.
    async fn customer(&self, number: usize) -> Customer<'_> {
        let (policy, customer) = (format!("KEYS{number:06}"), format!("K{number:07}"));
        let as_of_us = self.clock.now().as_microsecond();
        let imported = ContractRow {
            period_start: "2022-04-01".to_owned(),
            ..row(&policy, &customer, &["090-1111-2222"])
        };
        let contracts = ImportContractsRequest {
            request_id: self.fresh(),
            rows: vec![imported],
            as_of_us,
            dry_run: false,
        };
        let mut endorser = EndorsementServiceClient::new(self.endorsement.clone());
        let results = endorser.import_contracts(self.as_administrator(contracts)).await;
        assert_eq!(
            results.unwrap().into_inner().results[0].outcome(),
            ImportOutcome::Recorded
        );
        let credentials = ImportInitialCredentialsRequest {
            request_id: self.fresh(),
            rows: vec![InitialCredential {
                line: 1,
                policy_number: policy.clone(),
                customer_number: customer,
                code: CODE.to_owned(),
                ..InitialCredential::default()
            }],
            as_of_us,
            dry_run: false,
        };
        let credentials = self.as_administrator(credentials);
        let results = self.identity(0).import_initial_credentials(credentials).await;
        assert_eq!(
            results.unwrap().into_inner().results[0].outcome(),
            ImportOutcome::Recorded
        );
        let email = format!("keys{number}@example.jp");
        wait_for("the registration", SOON, async || {
            let register = RegisterWithInitialCredentialsRequest {
                request_id: self.fresh(),
                initial_user_id: policy.clone(),
                initial_password: CODE.to_owned(),
                email: email.clone(),
                password: PASSWORD.to_owned(),
            };
            // The contract may not have been heard of.
            let registered = self.identity(0).register_with_initial_credentials(register).await;
            registered.map(|_| ()).map_err(|refused| reason(&refused))
        })
        .await;
        Customer {
            world: self,
            contract_id: contract_id(&policy),
            tokens: self.log_in(email).await,
            issued_by: 0,
        }
    }

    /// With both instances of identity.
    async fn log_in(&self, email: String) -> Tokens {
        let login = LoginRequest {
            user_id: email,
            password: PASSWORD.to_owned(),
            ..LoginRequest::default()
        };
        let login_token = self
            .identity(0)
            .login(login)
            .await
            .unwrap()
            .into_inner()
            .login_token;
        let complete = CompleteLoginRequest {
            login_token,
            wait_ms: 0,
        };
        let completed = self.identity(1).complete_login(complete).await.unwrap();
        completed.into_inner().tokens.unwrap()
    }

    async fn rotate(&self, stolen: bool) {
        let message = RotateSigningKeysRequest {
            request_id: self.fresh(),
            stolen,
        };
        let mut keys = SigningKeyServiceClient::new(self.identities[1].clone());
        keys.rotate_signing_keys(self.as_administrator(message))
            .await
            .unwrap();
    }

    async fn published(&self, instance: usize) -> Vec<String> {
        let keys = self.identity(instance).get_keys(GetKeysRequest {}).await.unwrap();
        let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&keys.into_inner().jwks_json).unwrap();
        keys.keys
            .into_iter()
            .map(|key| key.common.key_id.unwrap())
            .collect()
    }

    async fn until_published(&self, count: usize) {
        for instance in 0..2 {
            wait_for("the keys of an instance", SOON, async || {
                let keys = self.published(instance).await;
                if keys.len() == count { Ok(()) } else { Err(keys) }
            })
            .await;
        }
    }
}

struct Customer<'a> {
    world: &'a World,
    contract_id: String,
    tokens: Tokens,
    issued_by: usize,
}

impl Customer<'_> {
    async fn account(&self, instance: usize, token: &str) -> Result<(), Status> {
        let request = bearing(token, GetAccountRequest {});
        self.world
            .identity(instance)
            .get_account(request)
            .await
            .map(|_| ())
    }

    async fn contract(&self, token: &str) -> Result<(), Status> {
        let contract_id = self.contract_id.clone();
        let request = bearing(token, GetContractRequest { contract_id });
        let mut endorser = EndorsementServiceClient::new(self.world.endorsement.clone());
        endorser.get_contract(request).await.map(|_| ())
    }

    /// New tokens, by the instances in turn.
    async fn refresh(&mut self) -> Result<(), Status> {
        self.issued_by = 1 - self.issued_by;
        let refresh_token = self.tokens.refresh_token.clone();
        let request = RefreshRequest { refresh_token };
        let answer = self.world.identity(self.issued_by).refresh(request).await?;
        self.tokens = answer.into_inner().tokens.unwrap();
        Ok(())
    }

    /// Shows what it has, old and new, wherever it is taken; a stranger asks for keys nobody has meanwhile.
    async fn go_on(&mut self) -> Result<(), Status> {
        let before = self.tokens.access_token.clone();
        self.refresh().await?;
        let after = self.tokens.access_token.clone();
        let made_up = self.contract(MADE_UP).await;
        assert_eq!(reason(&made_up.unwrap_err()), "TOKEN_INVALID");
        for token in [&before, &after] {
            self.account(0, token).await?;
            self.account(1, token).await?;
            self.contract(token).await?;
        }
        Ok(())
    }
}

/// All customers at once; what refuses one of them fails the test.
async fn go_on(customers: &mut [Customer<'_>], when: &str) {
    for outcome in join_all(customers.iter_mut().map(Customer::go_on)).await {
        let refused = outcome.as_ref().map_err(reason);
        assert_eq!(refused, Ok(&()), "{when}");
    }
}

async fn customers(world: &World) -> Vec<Customer<'_>> {
    join_all((1..=CUSTOMERS).map(|number| world.customer(number))).await
}

#[tokio::test]
async fn keys_change_by_schedule_and_by_hand_without_one_refused_request() {
    let world = Box::pin(World::start()).await;
    let mut customers = customers(&world).await;
    go_on(&mut customers, "before").await;
    let first = world.published(0).await;
    assert_eq!(first.len(), 1);
    // The first key's day is nearly over.
    world
        .clock
        .advance(SignedDuration::from_hours(24) - SignedDuration::from_mins(5));
    for customer in &mut customers {
        customer.refresh().await.unwrap();
    }
    world.until_published(2).await;
    let kid = |customer: &Customer<'_>| {
        let header = jsonwebtoken::decode_header(&customer.tokens.access_token).unwrap();
        header.kid.unwrap()
    };
    assert!(
        customers.iter().all(|customer| kid(customer) == first[0]),
        "announced, not active"
    );
    // Five minutes of notice, fifteen of retiring, and some more.
    for step in 1..=70 {
        world.clock.advance(SignedDuration::from_secs(20));
        go_on(&mut customers, &format!("{} s after the announcement", step * 20)).await;
    }
    world.until_published(1).await;
    assert!(customers.iter().all(|customer| kid(customer) != first[0]));
    // By hand, at once after it and at every step.
    let second = world.published(0).await;
    world.rotate(false).await;
    go_on(&mut customers, "at once after a rotation by hand").await;
    for step in 1..=60 {
        world.clock.advance(SignedDuration::from_secs(20));
        go_on(
            &mut customers,
            &format!("{} s after a rotation by hand", step * 20),
        )
        .await;
    }
    world.until_published(1).await;
    assert_ne!(world.published(0).await, second);
}

#[tokio::test]
async fn a_token_is_good_until_it_expires_though_its_key_retired_just_after_it_was_signed() {
    let world = Box::pin(World::start()).await;
    let mut customer = world.customer(1).await;
    world.rotate(false).await;
    world.until_published(2).await;
    world.clock.advance(SignedDuration::from_secs(119));
    customer.refresh().await.unwrap();
    let last = customer.tokens.access_token.clone();
    // The next one signs from now on.
    world.clock.advance(SignedDuration::from_secs(598));
    for instance in 0..2 {
        customer.account(instance, &last).await.unwrap();
    }
    customer.contract(&last).await.unwrap();
    world.clock.advance(SignedDuration::from_secs(2));
    let expired = customer.contract(&last).await.unwrap_err();
    assert_eq!(reason(&expired), "TOKEN_EXPIRED");
}

#[tokio::test]
async fn a_token_of_a_stolen_key_is_refused_everywhere_and_customers_refresh() {
    let world = Box::pin(World::start()).await;
    let mut customers = customers(&world).await;
    go_on(&mut customers, "before").await;
    let customer = &mut customers[0];
    let stolen = customer.tokens.access_token.clone();
    world.rotate(true).await;
    // At once by the instance that was asked, a moment later by the other.
    let refused = customer.account(1, &stolen).await.unwrap_err();
    assert_eq!(reason(&refused), "TOKEN_INVALID");
    wait_for("the other instance", SOON, async || {
        customer.account(0, &stolen).await.map_or_else(|_| Ok(()), Err)
    })
    .await;
    // By others within a minute.
    customer.contract(&stolen).await.unwrap();
    world.clock.advance(SignedDuration::from_secs(60));
    let refused = customer.contract(&stolen).await.unwrap_err();
    assert_eq!(reason(&refused), "TOKEN_INVALID");
    for customer in &mut customers {
        customer.refresh().await.unwrap();
        let token = &customer.tokens.access_token;
        customer.account(0, token).await.unwrap();
        customer.account(1, token).await.unwrap();
        customer.contract(token).await.unwrap();
    }
}
