//! Cases that need several services and a customer: a contract without end locked its owner out, and a note hid pictures.

use std::path::PathBuf;
use std::time::Duration;

use client::import::{FileSummary, Files, Plan, Silent, import};
use client::login::{self, Credentials, IncomingCall};
use client::{Bearer, Client, Upload, UploadSource, answered, files, request_id, send_submission};
use contracts::admin::v1::ListParkedRequest;
use contracts::claim_images::v1::ImageCategory;
use contracts::identity::v1::RegisterWithInitialCredentialsRequest;
use contracts::names::{IDENTITY, PHONE_VERIFICATION, VIEWS};
use contracts::views::v1::{
    ContractSummary, ListAccidentsRequest, ListContractsRequest, ListQueueRequest, QueueItem,
};
use dev::stack::{Secrets, Stack};
use testkit::{photos, wait_for};
use tonic::Code;

use crate::import_files::case;
use crate::setup::{data_folder, programs};

pub(crate) const SOON: Duration = Duration::from_mins(1);
const POLICY: &str = "T2CSV0351";
const CODE: &str = "ABCD2EFGH3JK";
pub(crate) const EMAIL: &str = "open.end@example.jp";
pub(crate) const PASSWORD: &str = "Tegami wo todokeru";
pub(crate) const PHONE: &str = "090-5551-0351";

pub(crate) struct Scene {
    pub(crate) stack: Stack,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) client: Client,
    administrator: Bearer,
    adjuster: Bearer,
    pub(crate) carrier: Bearer,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let folder = data_folder();
        let stack = Stack::start(&folder.path().join("data"), &programs())
            .await
            .unwrap();
        let secrets = Secrets::open(stack.folder()).unwrap();
        let now_s = kernel::Clock::now(&kernel::SystemClock).as_second();
        let staff = |id: &str, role: &str| {
            let token = secrets.staff().token(id, &[role], now_s, 3_600);
            Bearer::new(&token.unwrap())
        };
        Self {
            client: Client::new(&stack.description().services).unwrap(),
            administrator: staff("M001", "administrator"),
            adjuster: staff("J901", "adjuster"),
            carrier: Bearer::new(secrets.carrier()),
            stack,
            folder,
        }
    }

    async fn only(&self, files: Files) -> FileSummary {
        let plan = Plan {
            files,
            state: self.folder.path().join("state"),
            ..Plan::default()
        };
        let mut summaries = import(&self.client, &self.administrator, &plan, &Silent)
            .await
            .unwrap();
        assert_eq!(summaries.len(), 1);
        let summary = summaries.remove(0);
        assert_eq!((summary.recorded, summary.refused), (1, 0), "{summary:?}");
        assert_eq!(summary.troubles, []);
        summary
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The policyholder of contracts-open-end.csv, registered and logged in by the phone call.
    pub(crate) async fn open_ended_customer(&self) -> Bearer {
        self.only(Files {
            contracts: Some(case("contracts-open-end.csv")),
            ..Files::default()
        })
        .await;
        let header = "policy_number,branch_number,customer_number,initial_user_id,code";
        let text = format!("{header}\n{POLICY},,T2V0351,,{CODE}\n");
        self.only(Files {
            credentials: Some(self.file("codes.csv", &text)),
            ..Files::default()
        })
        .await;
        self.register().await;
        self.log_in().await
    }

    /// Identity hears of the contract a moment later.
    async fn register(&self) {
        let request = RegisterWithInitialCredentialsRequest {
            request_id: request_id(),
            initial_user_id: POLICY.to_owned(),
            initial_password: CODE.to_owned(),
            email: EMAIL.to_owned(),
            password: PASSWORD.to_owned(),
        };
        wait_for("the registration", SOON, async || {
            let mut identity = self.client.identity(&Bearer::nobody());
            answered(identity.register_with_initial_credentials(request.clone()).await)
        })
        .await;
    }

    async fn log_in(&self) -> Bearer {
        let credentials = Credentials {
            user_id: EMAIL,
            password: PASSWORD,
            device: "cases",
            device_token: "",
        };
        let begun = answered(login::password(&self.client, &credentials).await).unwrap();
        assert!(begun.phone_call_required);
        let challenge = wait_for("the number to be heard of", SOON, async || {
            let opened = login::open_challenge(&self.client, &begun.login_token, &request_id()).await;
            answered(opened).map(|opened| opened.challenge.unwrap())
        })
        .await;
        let call = IncomingCall::new("cases", &challenge.line_to_dial, Some(PHONE));
        login::report_call(&self.client, &self.carrier, &call, &request_id())
            .await
            .unwrap();
        let tokens = login::tokens(&self.client, &begun).await.unwrap();
        Bearer::new(&tokens.unwrap().access_token)
    }

    async fn listed(&self, customer: &Bearer) -> Option<ContractSummary> {
        let mut views = self.client.customer_view(customer);
        let listed = answered(views.list_contracts(ListContractsRequest::default()).await).unwrap();
        let mut contracts = listed.contracts.into_iter();
        contracts.find(|row| row.policy_number == POLICY)
    }

    /// An accident of the customer's that J901 has.
    pub(crate) async fn accident(&self) -> String {
        let header = "claim_number,policy_number,branch_number,customer_number,occurred_at,place,kind,adjuster_id,office,state";
        let text = format!("{header}\nT2CSVK0351,{POLICY},,T2V0351,20261001,,FIRE,J901,T2,OPEN\n");
        self.only(Files {
            accidents: Some(self.file("named.csv", &text)),
            ..Files::default()
        })
        .await;
        files::accident_id("T2CSVK0351").unwrap().to_string()
    }

    /// The views have heard of it.
    pub(crate) async fn customer_sees(&self, customer: &Bearer, accident: &str) {
        wait_for("the accident to be listed", SOON, async || {
            let mut views = self.client.customer_view(customer);
            let listed = views.list_accidents(ListAccidentsRequest::default()).await;
            let listed = answered(listed).unwrap().accidents;
            listed.iter().any(|row| row.accident_id == accident).then_some(())
        })
        .await;
    }

    async fn hand_in(&self, customer: &Bearer, accident: &str, bytes: Vec<u8>) {
        let source = UploadSource {
            file_name: "a.jpg".to_owned(),
            category: ImageCategory::Other,
            bytes,
        };
        Upload::whole(&self.client, customer, accident, &source)
            .await
            .unwrap();
    }

    pub(crate) async fn queue(&self) -> Vec<QueueItem> {
        let mut views = self.client.adjuster_view(&self.adjuster);
        let queue = views.list_queue(ListQueueRequest::default()).await;
        answered(queue).unwrap().items
    }

    async fn nothing_is_parked(&self) {
        for service in [IDENTITY, PHONE_VERIFICATION, VIEWS] {
            let mut parking = self.client.parking_admin(service, &self.administrator);
            let parked = answered(parking.list_parked(ListParkedRequest::default()).await).unwrap();
            assert!(parked.messages.is_empty(), "{service}: {:?}", parked.messages);
        }
    }
}

#[tokio::test]
async fn contracts_open_end_csv_is_shown_its_policyholder_logs_in_by_call_and_a_corrected_row_follows() {
    let scene = Scene::new().await;
    let customer = scene.open_ended_customer().await;
    let shown = wait_for("the contract to be listed", SOON, async || {
        scene.listed(&customer).await.ok_or("it is not")
    })
    .await;
    assert_eq!(shown.period_end_us, None);
    let phone = &shown.phones[0];
    assert!(
        phone.usable_for_login && phone.counts_until_us.is_none(),
        "{shown:?}"
    );

    let text = std::fs::read_to_string(case("contracts-open-end.csv")).unwrap();
    let corrected = scene.file("corrected.csv", &text.replace("9999-12-31", "2027-04-01"));
    scene
        .only(Files {
            contracts: Some(corrected),
            ..Files::default()
        })
        .await;
    let end = wait_for("the corrected row to be shown", SOON, async || {
        let shown = scene.listed(&customer).await;
        shown.and_then(|row| row.period_end_us).ok_or("it has no end yet")
    })
    .await;
    let four = "2027-04-01T16:00:00+09:00".parse::<kernel::Timestamp>().unwrap();
    assert_eq!(end, four.as_microsecond());
    scene.nothing_is_parked().await;
    scene.stack.stop().await;
}

#[tokio::test]
async fn a_note_with_nul_is_refused_by_its_field_and_the_next_pictures_reach_the_adjusters_queue() {
    let scene = Scene::new().await;
    let customer = scene.open_ended_customer().await;
    let accident = scene.accident().await;
    scene
        .hand_in(&customer, &accident, photos::tower().unwrap())
        .await;
    let refused = send_submission(&scene.client, &customer, &accident, "台所\0です。", &request_id()).await;
    let refused = answered(refused).unwrap_err();
    let wrong: Vec<_> = refused
        .violations
        .iter()
        .map(|wrong| (wrong.field.as_str(), wrong.reason.as_str()))
        .collect();
    assert_eq!(refused.code, Code::InvalidArgument);
    assert_eq!(wrong, [("note", "TEXT_CONTROL_CHARACTER")]);

    scene
        .hand_in(&customer, &accident, photos::bridge().unwrap())
        .await;
    let sent = send_submission(&scene.client, &customer, &accident, "台所です。", &request_id()).await;
    answered(sent).unwrap();
    let queue = wait_for("the pictures to be queued", SOON, async || {
        let queue = scene.queue().await;
        if queue.is_empty() {
            Err("nothing waits")
        } else {
            Ok(queue)
        }
    })
    .await;
    assert_eq!(queue.len(), 1, "what was refused sent nothing");
    assert_eq!((queue[0].note.as_str(), queue[0].image_count), ("台所です。", 2));
    scene.nothing_is_parked().await;
    scene.stack.stop().await;
}
