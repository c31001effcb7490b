//! The running services with an imported book, for all tests of this program; each takes customers of its own.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::time::Duration;

use client::import::{Plan, Silent, import};
use client::login::{IncomingCall, report_call};
use client::{Bearer, Client, answered, files, request_id};
use contracts::claim_images::v1::AccidentRow;
use contracts::identity::v1::RegisterWithInitialCredentialsRequest;
use dev::sample::{Book, BookContract, Kind, Recipe, compose, write};
use dev::stack::{Secrets, Stack};
use kernel::{Clock as _, PhoneNumber, SystemClock};
use testkit::wait_for;

use crate::browser::{Answer, Browser};
use crate::setup::{data_folder, programs};

/// How long anything may take to be heard of elsewhere.
pub(crate) const SOON: Duration = Duration::from_mins(1);
/// Fourteen times every kind.
const CONTRACTS: u32 = 336;
pub(crate) const PASSWORD: &str = "Tegami wo todokeru";

/// What tests need of it.
pub(crate) struct Stage {
    pub(crate) pages: String,
    services: BTreeMap<String, String>,
    pub(crate) database: String,
    carrier: String,
    book: Book,
}

static STAGE: OnceLock<Option<Stage>> = OnceLock::new();

/// The stage, started by whoever comes first. A runtime of its own keeps it: each test's ends with the test.
pub(crate) fn stage() -> &'static Stage {
    let stage = STAGE.get_or_init(|| {
        let (ready, told) = channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let folder = data_folder();
                let stack = Stack::start(&folder.path().join("data"), &programs())
                    .await
                    .unwrap();
                ready.send(prepared(&stack).await).unwrap();
                std::future::pending::<()>().await;
            });
        });
        // What could not be set up once is not tried by every test.
        told.recv().ok()
    });
    stage.as_ref().expect("the stage could not be set up")
}

async fn prepared(stack: &Stack) -> Stage {
    let recipe = Recipe {
        seed: 11,
        contracts: CONTRACTS,
        as_of: kernel::clock::jst_date(SystemClock.now()),
    };
    let book = Book::compute(recipe);
    let folder = stack.folder().file("sample");
    write(&compose(&book), &folder).unwrap();
    let secrets = Secrets::open(stack.folder()).unwrap();
    let staff_token = secrets
        .staff()
        .token(
            "A001",
            &["adjuster", "supervisor", "administrator"],
            SystemClock.now().as_second(),
            7_200,
        )
        .unwrap();
    let client = Client::new(&stack.description().services).unwrap();
    let plan = Plan::of_folder(&folder, &stack.folder().file("import"));
    import(&client, &Bearer::new(&staff_token), &plan, &Silent)
        .await
        .unwrap();
    Stage {
        pages: stack.pages_url(),
        services: stack.description().services.clone(),
        database: stack.database_url("web"),
        carrier: secrets.carrier().to_owned(),
        book,
    }
}

/// A customer of the book.
pub(crate) struct Customer {
    pub(crate) policy_number: String,
    pub(crate) code: String,
    pub(crate) email: String,
    pub(crate) phone: String,
    pub(crate) contract_id: String,
    pub(crate) accidents: Vec<AccidentRow>,
}

impl Stage {
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(&self.pages)
    }

    /// For this test's own runtime.
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.services).unwrap()
    }

    /// The one of this kind and place in the book; every test names its own.
    pub(crate) fn customer(&self, kind: Kind, place: usize) -> Customer {
        let mut of_kind = self
            .book
            .contracts
            .iter()
            .filter(|contract| contract.kind == kind);
        let contract = of_kind.nth(place).unwrap();
        self.of(contract)
    }

    fn of(&self, contract: &BookContract) -> Customer {
        let row = &contract.row;
        let number = &contract.credential.customer_number;
        let phone = row.policyholder.as_ref().and_then(|party| party.phones.first());
        let printed = &contract.credential.initial_user_id;
        Customer {
            policy_number: if printed.is_empty() {
                row.policy_number.clone()
            } else {
                printed.clone()
            },
            code: contract.credential.code.clone(),
            email: format!("web.{}@example.jp", number.to_lowercase()),
            phone: phone.map_or_else(String::new, |phone| PhoneNumber::parse(phone).unwrap().national()),
            contract_id: files::contract_id(&row.policy_number, &row.branch_number)
                .unwrap()
                .to_string(),
            accidents: self
                .book
                .accidents
                .iter()
                .filter(|accident| accident.customer_number == *number)
                .cloned()
                .collect(),
        }
    }

    /// Registers a customer; identity hears of the contract a moment later.
    pub(crate) async fn register(&self, customer: &Customer) {
        let client = self.client();
        let request = RegisterWithInitialCredentialsRequest {
            request_id: request_id(),
            initial_user_id: customer.policy_number.clone(),
            initial_password: customer.code.clone(),
            email: customer.email.clone(),
            password: PASSWORD.to_owned(),
        };
        wait_for("the registration", SOON, async || {
            let nobody = Bearer::nobody();
            let mut identity = client.identity(&nobody);
            answered(identity.register_with_initial_credentials(request.clone()).await)
        })
        .await;
    }

    /// Calls a line, as the carrier reports it; without a number it was withheld.
    pub(crate) async fn call(&self, line: &str, from: Option<&str>) {
        let call = IncomingCall::new("web-tests", line, from);
        let carrier = Bearer::new(&self.carrier);
        let reported = report_call(&self.client(), &carrier, &call, &request_id()).await;
        answered(reported).unwrap();
    }

    /// A browser in which this customer, who is registered here, is logged in; where it was led.
    pub(crate) async fn logged_in(&self, customer: &Customer) -> Browser {
        self.register(customer).await;
        let mut browser = self.browser();
        let home = self.log_in(&mut browser, customer, "").await;
        home.expect(200, "ホーム");
        browser
    }

    /// Logs in by the pages; the page that comes after.
    pub(crate) async fn log_in(&self, browser: &mut Browser, customer: &Customer, next: &str) -> Answer {
        let waiting = self.password(browser, customer, next).await;
        self.verify(browser, customer, &waiting).await
    }

    /// The password's page; the page that waits for the call.
    pub(crate) async fn password(&self, browser: &mut Browser, customer: &Customer, next: &str) -> Answer {
        let fields = [
            ("user_id", customer.email.as_str()),
            ("password", PASSWORD),
            ("next", next),
        ];
        // The numbers that count are heard of from endorsement.
        wait_for("a line to dial", SOON, async || {
            let sent = browser.post("/login", &fields).await;
            let waiting = browser.follow(sent).await;
            if waiting.body.contains("time-left") {
                Ok(waiting)
            } else {
                Err(waiting.text())
            }
        })
        .await
    }

    /// The call, and the result.
    pub(crate) async fn verify(
        &self,
        browser: &mut Browser,
        customer: &Customer,
        waiting: &Answer,
    ) -> Answer {
        self.call(&line(waiting), Some(&customer.phone)).await;
        let next = wait_for("the login", SOON, async || {
            let looked = browser.post("/login/call", &[("act", "look")]).await;
            if looked.status.is_redirection() && !looked.location().starts_with("/login/call") {
                Ok(looked.location())
            } else {
                Err(looked.text())
            }
        })
        .await;
        browser.open(&next).await
    }
}

/// The line a page says to dial.
pub(crate) fn line(waiting: &Answer) -> String {
    let dial = waiting.body.split("<p class=\"dial\"><strong>").nth(1).unwrap();
    dial.split('<').next().unwrap().to_owned()
}

/// The id services know an accident by.
pub(crate) fn accident_id(accident: &AccidentRow) -> String {
    files::accident_id(&accident.claim_number).unwrap().to_string()
}
