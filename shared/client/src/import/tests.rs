//! Resuming without a service, and the way of sending against one that is slow, away or odd.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contracts::common::v1::{ImportOutcome, ImportProblem, ImportRowResult};
use contracts::endorsement::v1::endorsement_service_server::{EndorsementService, EndorsementServiceServer};
use contracts::endorsement::v1::{
    CheckPoliciesRequest, CheckPoliciesResponse, GetContractRequest, GetContractResponse,
    GetEndorsementRequest, GetEndorsementResponse, ImportContractsRequest, ImportContractsResponse,
    ListDifferencesRequest, ListDifferencesResponse, PolicyMatch, PolicyOfCustomer,
    PrepareEndorsementRequest, PrepareEndorsementResponse, SubmitEndorsementRequest,
    SubmitEndorsementResponse, WithdrawEndorsementRequest, WithdrawEndorsementResponse,
};
use kernel::clock::Timestamp;
use tonic::{Request, Response, Status};

use super::state::FileState;
use super::*;
use crate::files::{Encoding, Lines, Mapping, Reading};

fn result(line: u32, outcome: ImportOutcome) -> ImportRowResult {
    let problems = match outcome {
        ImportOutcome::Refused => vec![ImportProblem {
            field: "policyholder.phones[1]".to_owned(),
            reason: "PHONE_NUMBER_UNREADABLE".to_owned(),
            message: "unreadable".to_owned(),
        }],
        _ => Vec::new(),
    };
    ImportRowResult {
        line,
        outcome: outcome.into(),
        problems,
    }
}

/// The state of an import of a file with this digest.
fn open(folder: &std::path::Path, digest: &str, as_of: AsOf) -> FileState {
    open_as(folder, digest, as_of, Encoding::Utf8, Mapping::default())
}

/// The same of a file that is read so.
fn open_as(
    folder: &std::path::Path,
    digest: &str,
    as_of: AsOf,
    encoding: Encoding,
    mapping: Mapping,
) -> FileState {
    let content: FileContent<ContractRow> = FileContent {
        rows: Vec::new(),
        broken: Vec::new(),
        lines: Lines::default(),
        digest: digest.to_owned(),
        encoding,
    };
    let plan = Plan {
        state: folder.to_owned(),
        reading: Reading {
            mapping,
            ..Reading::default()
        },
        ..Plan::default()
    };
    FileState::open(&plan, &content, as_of)
}

fn modified(second: i64) -> AsOf {
    AsOf {
        at: Timestamp::from_second(second).unwrap(),
        declared: false,
    }
}

fn declared(second: i64) -> AsOf {
    AsOf {
        declared: true,
        ..modified(second)
    }
}

#[test]
fn en_16_an_interrupted_import_goes_on_under_the_same_request_ids() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = open(folder.path(), "d1", modified(1));
    state
        .acknowledge(
            vec![
                result(2, ImportOutcome::Recorded),
                result(3, ImportOutcome::Refused),
            ],
            0,
        )
        .unwrap();
    let next = state.sender().request_id(1);
    drop(state);

    let state = open(folder.path(), "d1", modified(2));
    assert_eq!(
        (state.acknowledged, state.summary.recorded, state.summary.refused),
        (1, 1, 1)
    );
    assert_eq!(state.sender().request_id(1), next);
    assert_eq!(state.summary.problems[0].column, "policyholder_phones");

    assert_eq!(
        state.summary.as_of,
        modified(1).at,
        "a copy of the file is the same file"
    );

    let other = open(folder.path(), "d2", modified(1));
    assert_eq!(other.acknowledged, 0, "another file starts anew");
    let declared = open(folder.path(), "d1", declared(1));
    assert_eq!(declared.acknowledged, 0, "and so does what is declared otherwise");

    let cp932 = open_as(
        folder.path(),
        "d1",
        modified(1),
        Encoding::Cp932,
        Mapping::default(),
    );
    assert_eq!(cp932.acknowledged, 0, "or is read in another encoding");
    let mut mapping = Mapping::default();
    let name = ("policyholder_name".to_owned(), "氏名".to_owned());
    mapping.contracts.names.extend([name]);
    let mapped = open_as(folder.path(), "d1", modified(1), Encoding::Utf8, mapping);
    assert_eq!(mapped.acknowledged, 0, "or by other names");
}

#[test]
fn en_16_a_finished_import_leaves_its_report_and_the_next_one_is_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = open(folder.path(), "d1", modified(1));
    state
        .acknowledge(
            vec![
                result(3, ImportOutcome::Refused),
                ImportRowResult {
                    problems: result(2, ImportOutcome::Refused).problems,
                    ..result(2, ImportOutcome::Recorded)
                },
            ],
            0,
        )
        .unwrap();
    let before = state.sender().request_id(0);
    let summary = state.close(2).unwrap();
    assert_eq!(
        summary.counts(),
        "contracts.csv: 2 lines read = 1 recorded + 0 unchanged + 1 refused"
    );
    let report = std::fs::read_to_string(folder.path().join("contracts.csv.report.csv")).unwrap();
    assert_eq!(
        report,
        "\u{FEFF}line,outcome,column,reason,message\n\
         2,TAKEN,policyholder_phones,PHONE_NUMBER_UNREADABLE,unreadable\n\
         3,REFUSED,policyholder_phones,PHONE_NUMBER_UNREADABLE,unreadable\n"
    );
    let again = open(folder.path(), "d1", modified(1));
    assert_eq!(again.acknowledged, 0);
    assert_ne!(again.sender().request_id(0), before);
}

#[test]
fn en_16_lines_that_came_to_nothing_are_a_fault_and_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = open(folder.path(), "d1", modified(1));
    state
        .acknowledge(vec![result(2, ImportOutcome::KeptAhead)], 0)
        .unwrap();
    let lost = state.close(2).unwrap_err();
    assert!(
        lost.to_string()
            .contains("2 lines read = 1 recorded + 0 unchanged + 0 refused; 1 kept ahead"),
        "{lost}"
    );
    let again = open(folder.path(), "d1", modified(1));
    assert_eq!(again.acknowledged, 0, "the next run does not come to the same");
}

/// A service that answers calls of a few rows only, and whose first calls have their effect without an answer.
#[derive(Clone, Default)]
struct Slow {
    /// Calls of more rows are never answered, but have their effect.
    answers_rows: usize,
    /// So many calls are refused as unavailable first.
    away: Arc<Mutex<usize>>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    calls: Vec<usize>,
    /// Rows by policy number, with the request id that recorded them.
    recorded: BTreeMap<String, String>,
    request_ids: BTreeSet<String>,
}

#[tonic::async_trait]
impl EndorsementService for Slow {
    async fn import_contracts(
        &self,
        request: Request<ImportContractsRequest>,
    ) -> Result<Response<ImportContractsResponse>, Status> {
        assert!(
            request.metadata().contains_key("grpc-timeout"),
            "the service knows how long it has"
        );
        {
            let mut away = self.away.lock().unwrap();
            if *away > 0 {
                *away -= 1;
                return Err(Status::unavailable("starting"));
            }
        }
        let request = request.into_inner();
        let rows = request.rows.len();
        let results = self.seen.lock().unwrap().record(request);
        if rows > self.answers_rows {
            std::future::pending::<()>().await;
        }
        Ok(Response::new(ImportContractsResponse { results }))
    }

    async fn check_policies(
        &self,
        request: Request<CheckPoliciesRequest>,
    ) -> Result<Response<CheckPoliciesResponse>, Status> {
        let policies = request.into_inner().policies;
        let standing = |policy: PolicyOfCustomer| match policy.policy_number.as_str() {
            "NOSUCH0001" => PolicyMatch::Unknown,
            "OTHERS0001" => PolicyMatch::OtherCustomer,
            _ => PolicyMatch::Known,
        };
        let matches = policies.into_iter().map(standing).map(Into::into).collect();
        Ok(Response::new(CheckPoliciesResponse { matches }))
    }

    async fn list_differences(
        &self,
        _: Request<ListDifferencesRequest>,
    ) -> Result<Response<ListDifferencesResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_contract(
        &self,
        _: Request<GetContractRequest>,
    ) -> Result<Response<GetContractResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn prepare_endorsement(
        &self,
        _: Request<PrepareEndorsementRequest>,
    ) -> Result<Response<PrepareEndorsementResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn submit_endorsement(
        &self,
        _: Request<SubmitEndorsementRequest>,
    ) -> Result<Response<SubmitEndorsementResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn withdraw_endorsement(
        &self,
        _: Request<WithdrawEndorsementRequest>,
    ) -> Result<Response<WithdrawEndorsementResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_endorsement(
        &self,
        _: Request<GetEndorsementRequest>,
    ) -> Result<Response<GetEndorsementResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

impl Seen {
    /// A row is recorded once; under the same request id it is told so again.
    fn record(&mut self, request: ImportContractsRequest) -> Vec<ImportRowResult> {
        self.calls.push(request.rows.len());
        self.request_ids.insert(request.request_id.clone());
        let rows = request.rows.into_iter().map(|row| {
            let by = self
                .recorded
                .entry(row.policy_number)
                .or_insert_with(|| request.request_id.clone());
            let outcome = if *by == request.request_id {
                ImportOutcome::Recorded
            } else {
                ImportOutcome::Unchanged
            };
            result(row.line, outcome)
        });
        rows.map(|row| ImportRowResult {
            problems: Vec::new(),
            ..row
        })
        .collect()
    }
}

async fn serve(service: Slow) -> Client {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = tonic::transport::Server::builder().add_service(EndorsementServiceServer::new(service));
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    #[allow(
        clippy::disallowed_methods,
        reason = "the stand-in ends with the test's runtime"
    )]
    tokio::spawn(server.serve_with_incoming(incoming));
    Client::new(&BTreeMap::from([("endorsement".to_owned(), address)])).unwrap()
}

/// Files with so many contracts and nothing else.
fn plan(folder: &std::path::Path, contracts: usize) -> Plan {
    let write = |name: &str, columns: Vec<String>, rows: &[Vec<String>]| {
        let mut writer = csv::Writer::from_path(folder.join(name)).unwrap();
        writer.write_record(columns).unwrap();
        for row in rows {
            writer.write_record(row).unwrap();
        }
        writer.flush().unwrap();
    };
    let rows: Vec<_> = (0..contracts)
        .map(|number| {
            ContractRow {
                policy_number: format!("AB{number:08}"),
                ..ContractRow::default()
            }
            .cells()
        })
        .collect();
    write("contracts.csv", ContractRow::columns(), &rows);
    write("credentials.csv", InitialCredential::columns(), &[]);
    write("accidents.csv", AccidentRow::columns(), &[]);
    Plan::of_folder(folder, &folder.join("state"))
}

const QUICK: Limits = Limits {
    call: Duration::from_millis(300),
    patience: Duration::from_mins(1),
};

#[tokio::test]
async fn en_16_calls_that_are_not_answered_are_cut_and_every_row_has_the_outcome_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(folder.path(), 450);
    let service = Slow {
        answers_rows: 60,
        ..Slow::default()
    };
    let client = serve(service.clone()).await;
    let summaries = import_within(&client, &Bearer::nobody(), &plan, &Silent, QUICK)
        .await
        .unwrap();
    let contracts = &summaries[0];
    assert_eq!(
        (contracts.recorded, contracts.unchanged, contracts.refused),
        (450, 0, 0)
    );
    let seen = service.seen.lock().unwrap();
    assert_eq!(seen.recorded.len(), 450);
    assert_eq!(seen.request_ids.len(), 3, "one for each batch, however it is cut");
    assert!(
        seen.calls.contains(&200) && seen.calls.contains(&50),
        "{:?}",
        seen.calls
    );
}

#[tokio::test]
async fn a_service_that_is_away_for_a_moment_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let service = Slow {
        answers_rows: 200,
        away: Arc::new(Mutex::new(2)),
        ..Slow::default()
    };
    let client = serve(service).await;
    let plan = plan(folder.path(), 10);
    let summaries = import_within(&client, &Bearer::nobody(), &plan, &Silent, QUICK)
        .await
        .unwrap();
    assert_eq!(summaries[0].recorded, 10);
}

#[tokio::test]
async fn no_progress_at_all_ends_the_import_and_says_that_it_goes_on_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let client = serve(Slow::default()).await;
    let plan = plan(folder.path(), 3);
    let hasty = Limits {
        call: Duration::from_millis(50),
        patience: Duration::from_millis(400),
    };
    let stuck = import_within(&client, &Bearer::nobody(), &plan, &Silent, hasty)
        .await
        .unwrap_err();
    assert!(matches!(&stuck, ImportError::Stuck { rows: 1, .. }), "{stuck}");
    assert!(stuck.to_string().contains("goes on from here"), "{stuck}");
}

/// In different calls, the second would be another content of the same request.
#[tokio::test]
async fn en_16_a_second_row_about_the_same_contract_is_refused_wherever_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(folder.path(), 250);
    let text = std::fs::read_to_string(folder.path().join("contracts.csv")).unwrap();
    let repeated = format!("{text}{}\n", text.lines().nth(1).unwrap());
    std::fs::write(folder.path().join("contracts.csv"), repeated).unwrap();
    let service = Slow {
        answers_rows: 60,
        ..Slow::default()
    };
    let client = serve(service.clone()).await;
    let summaries = import_within(&client, &Bearer::nobody(), &plan, &Silent, QUICK)
        .await
        .unwrap();
    assert_eq!((summaries[0].recorded, summaries[0].refused), (250, 1));
    let told = &summaries[0].problems[0];
    assert_eq!((told.line, told.reason.as_str()), (252, "ROW_REPEATED"));
    assert_eq!(service.seen.lock().unwrap().recorded.len(), 250);
}

#[tokio::test]
async fn a_policy_that_nobody_can_be_asked_for_holds_nothing_up() {
    let nowhere = BTreeMap::from([("endorsement".to_owned(), "127.0.0.1:1".to_owned())]);
    let calls = Calls {
        client: &Client::new(&nowhere).unwrap(),
        administrator: &Bearer::nobody(),
        pace: Pace::new(QUICK, Instant::now()),
        progress: &Silent,
        as_of_us: 1,
        dry_run: false,
    };
    let row = AccidentRow::default();
    let checked = calls.check_policies(&[&row], &Announced::new()).await.unwrap();
    assert!(matches!(checked, Checked::Unchecked));
}

#[tokio::test]
async fn a_file_that_is_missing_is_told_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(folder.path(), 5);
    std::fs::remove_file(folder.path().join("accidents.csv")).unwrap();
    let service = Slow {
        answers_rows: 200,
        ..Slow::default()
    };
    let client = serve(service.clone()).await;
    let refused = import_within(&client, &Bearer::nobody(), &plan, &Silent, QUICK)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("accidents.csv"), "{refused}");
    assert!(service.seen.lock().unwrap().calls.is_empty());
}
