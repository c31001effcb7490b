//! The running services with one contract whose policyholder has registered and logged in, and everybody who may call.

use std::collections::BTreeMap;
use std::time::Duration;

use client::import::as_of_now;
use client::login::{self, Credentials, IncomingCall};
use client::{Bearer, Client, Refusal, answered, request_id};
use contracts::access::{Allowed, Rule};
use contracts::admin::v1::{ListParkedRequest, ListSetAsideRequest};
use contracts::common::v1::{ImportOutcome, ImportRowResult};
use contracts::endorsement::v1::{ContractRow, ImportContractsRequest};
use contracts::identity::v1::{ImportInitialCredentialsRequest, RegisterWithInitialCredentialsRequest};
use contracts::names::{ENDORSEMENT, IDENTITY, PHONE_VERIFICATION, SERVICES, VIEWS};
use contracts::views::v1::{GetViewsStatusRequest, RebuildViewsRequest};
use dev::sample::{Book, BookContract, Kind, Recipe};
use dev::stack::{Secrets, Stack};
use kernel::{Clock as _, SystemClock};
use prost_reflect::{DynamicMessage, MessageDescriptor, Value};
use sqlx::{Connection as _, PgConnection};
use testkit::wait_for;
use tonic::transport::Channel;

use crate::restored::{Restored, command, text};
use crate::setup::{data_folder, programs};

/// How long anything may take to be heard of elsewhere.
pub(crate) const SOON: Duration = Duration::from_mins(1);
const ROLES: [&str; 4] = ["adjuster", "supervisor", "call_centre", "administrator"];
/// The adjuster whom accidents are assigned to.
pub(crate) const ADJUSTER: &str = "A001";
const PASSWORD: &str = "Tegami wo todokeru";

pub(crate) struct Stage {
    stack: Stack,
    folder: tempfile::TempDir,
    pub(crate) client: Client,
    channels: BTreeMap<String, Channel>,
    /// The entity of the planted event (UUID).
    unreadable: String,
    /// An accident of the customer's, once there is one (UUID).
    pub(crate) accident: String,
    /// A contract of the book, which the customer has.
    pub(crate) contract: BookContract,
    pub(crate) customer: Bearer,
    pub(crate) staff: Bearer,
    customer_token: String,
    staff_token: String,
    carrier: String,
    peer: String,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let folder = data_folder();
        let stack = Stack::start(&folder.path().join("data"), &programs())
            .await
            .unwrap();
        let secrets = Secrets::open(stack.folder()).unwrap();
        let staff_token = secrets
            .staff()
            .token(ADJUSTER, &ROLES, SystemClock.now().as_second(), 3_600)
            .unwrap();
        let mut stage = Self {
            client: Client::new(&stack.description().services).unwrap(),
            channels: channels(&stack),
            unreadable: request_id(),
            accident: String::new(),
            contract: plain_contract(),
            customer: Bearer::nobody(),
            staff: Bearer::new(&staff_token),
            customer_token: String::new(),
            staff_token,
            carrier: secrets.carrier().to_owned(),
            peer: std::fs::read_to_string(stack.folder().file("secrets/peer_views")).unwrap(),
            stack,
            folder,
        };
        stage.import().await;
        stage.register().await;
        stage.customer_token = stage.log_in().await;
        stage.customer = Bearer::new(&stage.customer_token);
        stage
    }

    async fn import(&self) {
        let rows = vec![self.contract.row.clone()];
        assert_eq!(self.imported(rows).await, [ImportOutcome::Recorded]);
        let request = ImportInitialCredentialsRequest {
            request_id: request_id(),
            rows: vec![self.contract.credential.clone()],
            as_of_us: as_of_now(),
            dry_run: false,
        };
        let answer = self
            .client
            .identity(&self.staff)
            .import_initial_credentials(request)
            .await;
        assert_eq!(
            answered(answer).unwrap().results[0].outcome(),
            ImportOutcome::Recorded
        );
    }

    async fn imported(&self, rows: Vec<ContractRow>) -> Vec<ImportOutcome> {
        let request = ImportContractsRequest {
            request_id: request_id(),
            rows,
            as_of_us: as_of_now(),
            dry_run: false,
        };
        let answer = self
            .client
            .endorsement(&self.staff)
            .import_contracts(request)
            .await;
        answered(answer)
            .unwrap()
            .results
            .iter()
            .map(ImportRowResult::outcome)
            .collect()
    }

    fn email(&self) -> String {
        let number = self.contract.credential.customer_number.to_lowercase();
        format!("doors.{number}@example.jp")
    }

    /// Identity hears of the contract a moment later.
    async fn register(&self) {
        let request = RegisterWithInitialCredentialsRequest {
            request_id: request_id(),
            initial_user_id: self.contract.row.policy_number.clone(),
            initial_password: self.contract.credential.code.clone(),
            email: self.email(),
            password: PASSWORD.to_owned(),
        };
        wait_for("the registration", SOON, async || {
            let mut identity = self.client.identity(&Bearer::nobody());
            answered(identity.register_with_initial_credentials(request.clone()).await)
        })
        .await;
    }

    /// An access token, by the call where one is needed.
    async fn log_in(&self) -> String {
        let credentials = Credentials {
            user_id: &self.email(),
            password: PASSWORD,
            device: "doors",
            device_token: "",
        };
        let login = answered(login::password(&self.client, &credentials).await).unwrap();
        if login.phone_call_required {
            let challenge = wait_for("the number to be heard of", SOON, async || {
                let opened = login::open_challenge(&self.client, &login.login_token, &request_id()).await;
                answered(opened).map(|opened| opened.challenge.unwrap())
            })
            .await;
            let phones = &self.contract.row.policyholder.as_ref().unwrap().phones;
            for phone in phones {
                let call = IncomingCall::new("doors", &challenge.line_to_dial, Some(phone));
                let carrier = Bearer::new(&self.carrier);
                login::report_call(&self.client, &carrier, &call, &request_id())
                    .await
                    .unwrap();
            }
        }
        let tokens = login::tokens(&self.client, &login).await.unwrap();
        tokens.unwrap().access_token
    }

    /// Where an RPC is answered, and the first who may call it.
    pub(crate) fn caller_of(&self, rule: &Rule) -> (Channel, Option<String>) {
        let package = rule
            .rpc
            .trim_start_matches("/madoguchi.")
            .split('.')
            .next()
            .unwrap();
        let service = match package {
            "admin" => VIEWS.to_owned(),
            "feed" => IDENTITY.to_owned(),
            package => package.replace('_', "-"),
        };
        let token = match rule.allowed[0] {
            Allowed::Anyone => None,
            Allowed::Customer => Some(&self.customer_token),
            Allowed::Staff(_) => Some(&self.staff_token),
            Allowed::Peer(names) if names.contains(&"carrier") => Some(&self.carrier),
            Allowed::Peer(_) => Some(&self.peer),
        };
        (
            self.channels[&service].clone(),
            token.map(|token| format!("Bearer {}", token.trim())),
        )
    }

    /// A message that is valid as far as names tell: ids of what is there, a new request id, nothing else.
    pub(crate) fn base(&self, message: MessageDescriptor) -> DynamicMessage {
        let mut base = DynamicMessage::new(message);
        let contract = client::files::contract_id(&self.contract.row.policy_number, "").unwrap();
        for (name, value) in [
            ("request_id", request_id()),
            ("contract_id", contract.to_string()),
            ("accident_id", self.accident.clone()),
            ("subject_id", request_id()),
            ("effective_date", "2026-12-31".to_owned()),
        ] {
            if base.get_field_by_name(name).is_some() {
                base.set_field_by_name(name, Value::String(value));
            }
        }
        base
    }

    /// An event that nobody can read any more, as older data or a mistake of ours would leave it: it is set aside where it is
    /// recorded and parked by whoever listens, and nothing else suffers.
    pub(crate) async fn plant_what_nobody_can_read(&self) {
        let mut database = PgConnection::connect(&self.stack.database_url(ENDORSEMENT))
            .await
            .unwrap();
        let planted = sqlx::query(
            "INSERT INTO store.event (epoch, stream, revision, event_id, request_key, request_index, type, data, metadata)
             SELECT epoch, 'endorsement.contract-' || $1, 0, gen_random_uuid(), gen_random_uuid(), 0, type, '{}', metadata
               FROM store.event WHERE type = 'contract.imported.v1' LIMIT 1",
        )
        .bind(&self.unreadable)
        .execute(&mut database)
        .await
        .unwrap();
        assert_eq!(planted.rows_affected(), 1);
    }

    /// No service ended, and nobody set an event or a message aside but the one that was planted.
    pub(crate) async fn nothing_suffered(&mut self) {
        if let Some(fallen) = self.stack.fallen() {
            panic!("{fallen}");
        }
        for service in [IDENTITY, PHONE_VERIFICATION, VIEWS] {
            wait_for("the planted event to be parked, and no other", SOON, async || {
                let mut parking = self.client.parking_admin(service, &self.staff);
                let parked = answered(parking.list_parked(ListParkedRequest::default()).await).unwrap();
                match &parked.messages[..] {
                    [only] if only.entity_id == self.unreadable => Ok(()),
                    _ => Err(format!("{service}: {:?}", parked.messages)),
                }
            })
            .await;
        }
        for service in SERVICES {
            let mut admin = self.client.set_aside_admin(service, &self.staff);
            let aside = answered(admin.list_set_aside(ListSetAsideRequest::default()).await).unwrap();
            let others = aside
                .events
                .iter()
                .filter(|event| !event.stream.ends_with(&self.unreadable));
            let others: Vec<_> = others.collect();
            assert!(others.is_empty(), "{service} set aside {others:?}");
            assert_eq!(service == ENDORSEMENT, !aside.events.is_empty(), "{service}");
        }
    }

    /// Fills the views anew from the feeds; no row differs from those that served.
    pub(crate) async fn rebuild(&self) {
        let mut views = self.client.views_admin(&self.staff);
        let request = RebuildViewsRequest {
            request_id: request_id(),
        };
        // One of another test's runs may be under way.
        let run = wait_for("the rebuild to begin", SOON, async || {
            answered(
                self.client
                    .views_admin(&self.staff)
                    .rebuild_views(request.clone())
                    .await,
            )
        })
        .await;
        let done = wait_for("the rebuild to end", SOON, async || {
            let status = answered(views.get_views_status(GetViewsStatusRequest {}).await);
            let ended = |run: &contracts::views::v1::ViewsRun| run.ended_at_us > 0;
            match status.map(|status| status.run.unwrap_or_default()) {
                Ok(last) if last.run_id == run.run_id && ended(&last) => Ok(last),
                other => Err(other),
            }
        })
        .await;
        assert_eq!(
            done.state(),
            contracts::views::v1::ViewsRunState::Done,
            "{}",
            done.failure
        );
        let differing: Vec<_> = done
            .tables
            .iter()
            .filter(|table| table.differing_rows > 0)
            .collect();
        assert!(differing.is_empty(), "{differing:?}");
    }

    /// Backs everything up, and restores it into new servers on which everything goes on.
    pub(crate) async fn restored(self) -> Self {
        let data = self.folder.path().join("data");
        let saved = self.folder.path().join("backup");
        let settings = data.join("config");
        command(&["backup", text(&saved), "--settings", text(&settings)]).await;
        self.stack.stop().await;
        let new = Restored::from(&data, &saved, self.folder.path()).await;
        let stack = Stack::start(&new.finish().await, &programs()).await.unwrap();
        Self {
            client: Client::new(&stack.description().services).unwrap(),
            channels: channels(&stack),
            stack,
            ..self
        }
    }

    /// What a contract's RPC answers, for staff.
    pub(crate) async fn shown_contract(
        &self,
        id: &str,
    ) -> Result<contracts::endorsement::v1::Contract, Refusal> {
        let request = contracts::endorsement::v1::GetContractRequest {
            contract_id: id.to_owned(),
        };
        let answer = self.client.endorsement(&self.staff).get_contract(request).await;
        Ok(answered(answer)?.contract.unwrap())
    }

    pub(crate) async fn stop(self) {
        self.stack.stop().await;
    }
}

fn channels(stack: &Stack) -> BTreeMap<String, Channel> {
    let services = stack.description().services.iter();
    let channel = |address: &String| {
        Channel::from_shared(format!("http://{address}"))
            .unwrap()
            .connect_lazy()
    };
    let channels: BTreeMap<String, Channel> = services
        .map(|(service, address)| (service.clone(), channel(address)))
        .collect();
    assert!(channels.contains_key(ENDORSEMENT));
    channels
}

fn plain_contract() -> BookContract {
    let book = Book::compute(Recipe {
        seed: 11,
        contracts: 60,
        as_of: kernel::clock::jst_date(SystemClock.now()),
    });
    let mut plain = book
        .contracts
        .into_iter()
        .filter(|contract| contract.kind == Kind::Plain);
    plain.next().unwrap()
}
