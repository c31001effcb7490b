//! The private servers start, stop, crash and come back with their data, and nothing of them outlives their owner.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use testkit::{GuardedCommand, PostgresOptions, PrivateNats, PrivatePostgres, ServerError, wait_for};

const SOON: Duration = Duration::from_secs(30);
const FAST: PostgresOptions = PostgresOptions {
    durable: false,
    max_connections: 20,
};

/// The user `postgres` must be able to pass through.
fn folder() -> tempfile::TempDir {
    tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o711))
        .tempdir()
        .unwrap()
}

async fn count(url: &str) -> i64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar("SELECT count(*) FROM kept")
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

fn answers(url: &str) -> bool {
    TcpStream::connect(
        url.rsplit('@')
            .next()
            .unwrap()
            .rsplit("//")
            .next()
            .unwrap()
            .split('/')
            .next()
            .unwrap(),
    )
    .is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_what_was_committed_through_stop_crash_and_a_second_start_in_the_same_folder() {
    let folder = folder();
    let mut server = PrivatePostgres::start(folder.path()).await.unwrap();
    server.create_database("kept").await.unwrap();
    server.create_database("kept").await.unwrap();
    let url = server.url("kept");
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
        .execute(&mut connection)
        .await
        .unwrap();

    server.restart().await.unwrap();
    assert_eq!(count(&url).await, 1, "after a restart on the same port");

    let before = server.pid().unwrap();
    let mut busy = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("INSERT INTO kept VALUES (2)")
        .execute(&mut busy)
        .await
        .unwrap();
    server.kill().await.unwrap();
    assert!(!is_alive(before));
    assert!(
        server.data_dir().join("postmaster.pid").exists(),
        "a crash leaves the pid file"
    );
    server.restart().await.unwrap();
    assert_eq!(count(&url).await, 2, "after a crash");

    server.stop().await;
    assert!(!answers(&url));
    drop(server);
    let second = PrivatePostgres::start(folder.path()).await.unwrap();
    assert_eq!(count(&second.url("kept")).await, 2, "after a second start");
    second.drop_database("kept").await.unwrap();
    assert!(PgConnection::connect(&second.url("kept")).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_starts_although_another_process_now_has_the_number_in_its_pid_file() {
    let folder = folder();
    let mut server = PrivatePostgres::start_with(folder.path(), FAST).await.unwrap();
    let user_of_the_server = std::fs::metadata(server.data_dir()).unwrap();
    let innocent = start_sleeper_as(&user_of_the_server, folder.path());
    server.kill().await.unwrap();
    let pid_file = server.data_dir().join("postmaster.pid");
    let text = std::fs::read_to_string(&pid_file).unwrap();
    let rest = text.split_once('\n').unwrap().1;
    std::fs::write(&pid_file, format!("{}\n{rest}", innocent.pid())).unwrap();
    server.restart().await.unwrap();
    assert!(is_alive(innocent.pid()));
}

/// PostgreSQL only believes in processes of its own user.
fn start_sleeper_as(owner: &std::fs::Metadata, folder: &Path) -> testkit::GuardedProcess {
    use std::os::unix::fs::MetadataExt as _;
    let ourselves = std::fs::metadata("/proc/self").unwrap();
    let log = folder.join("sleeper.log");
    let command = if ourselves.uid() == owner.uid() {
        GuardedCommand::new("sleep", "/", log)
    } else {
        GuardedCommand::new("setpriv", "/", log)
            .argument(format!("--reuid={}", owner.uid()))
            .argument("--clear-groups")
            .argument("sleep")
    };
    command.argument("600").start().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_asks_for_its_password() {
    let server = PrivatePostgres::temporary(FAST).await.unwrap();
    let url = format!("postgres://postgres:guess@127.0.0.1:{}/postgres", server.port());
    let refused = PgConnection::connect(&url).await.unwrap_err();
    assert!(refused.to_string().contains("password"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_the_postgres_user_cannot_enter_is_named() {
    use std::os::unix::fs::MetadataExt as _;
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return; // Only root runs PostgreSQL as another user.
    }
    let closed = folder();
    std::fs::set_permissions(closed.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let inside = closed.path().join("inside");
    match PrivatePostgres::start_with(&inside, FAST).await {
        Err(ServerError::Unreachable { dir }) => assert!(dir.ends_with("inside")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_keeps_its_streams_through_stop_crash_and_a_second_start_in_the_same_folder() {
    let folder = folder();
    let mut server = PrivateNats::start(folder.path()).await.unwrap();
    let url = server.url();
    let context = async_nats::jetstream::new(async_nats::connect(&url).await.unwrap());
    let configuration = async_nats::jetstream::stream::Config {
        name: "kept".to_owned(),
        subjects: vec!["kept.>".to_owned()],
        ..Default::default()
    };
    context.create_stream(configuration).await.unwrap();
    context
        .publish("kept.one", "1".into())
        .await
        .unwrap()
        .await
        .unwrap();

    server.restart().await.unwrap();
    assert_eq!(server.url(), url);
    assert_eq!(messages(&url).await, 1, "after a restart on the same port");

    let before = server.pid().unwrap();
    server.kill().await.unwrap();
    assert!(!is_alive(before));
    server.restart().await.unwrap();
    assert_eq!(messages(&url).await, 1, "after a crash");

    server.stop().await;
    assert!(!answers(&url));
    drop(server);
    let second = PrivateNats::start(folder.path()).await.unwrap();
    assert_eq!(messages(&second.url()).await, 1, "after a second start");
}

async fn messages(url: &str) -> u64 {
    let context = async_nats::jetstream::new(async_nats::connect(url).await.unwrap());
    context
        .get_stream("kept")
        .await
        .unwrap()
        .cached_info()
        .state
        .messages
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_server_is_gone_with_its_folder() {
    let postgres = PrivatePostgres::temporary(FAST).await.unwrap();
    let nats = PrivateNats::temporary().await.unwrap();
    let pids = [postgres.pid().unwrap(), nats.pid().unwrap()];
    let folders = [postgres.data_dir().to_owned(), nats.store_dir()];
    drop((postgres, nats));
    assert!(!pids.into_iter().any(is_alive));
    assert!(!folders.iter().any(|folder| folder.exists()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_when_the_owner_is_killed() {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_testkit-servers"))
        .args(["run", "--", "sh", "-c"])
        .arg("echo $MADOGUCHI_TEST_POSTGRES_URL; echo $MADOGUCHI_TEST_NATS_URL; exec cat >/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let urls = [lines.next().unwrap().unwrap(), lines.next().unwrap().unwrap()];
    assert!(urls.iter().all(|url| answers(url)), "{urls:?}");
    let processes = group_leaders_started_by(owner.id());
    assert_eq!(
        processes.len(),
        4,
        "a guard for each server and each folder: {processes:?}"
    );
    let folders: Vec<PathBuf> = temporary_folders_named_by(&processes);
    assert_eq!(folders.len(), 2, "{folders:?}");

    owner.kill().unwrap();
    owner.wait().unwrap();

    wait_for("the servers to be gone", SOON, async || {
        let left: Vec<_> = urls.iter().filter(|url| answers(url)).collect();
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    })
    .await;
    wait_for("their guards and folders to be gone", SOON, async || {
        let processes: Vec<_> = processes.iter().filter(|pid| is_alive(**pid)).collect();
        let folders: Vec<_> = folders.iter().filter(|folder| folder.exists()).collect();
        if processes.is_empty() && folders.is_empty() {
            Ok(())
        } else {
            Err((processes.len(), folders))
        }
    })
    .await;
}

/// The processes that `parent` started in process groups of their own: the guards.
fn group_leaders_started_by(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|entry| {
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            let fields: Vec<&str> = stat.rsplit(") ").next()?.split(' ').collect();
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            (fields[1] == parent.to_string() && fields[2] == pid.to_string()).then_some(pid)
        })
        .collect()
}

fn temporary_folders_named_by(processes: &[u32]) -> Vec<PathBuf> {
    processes
        .iter()
        .filter_map(|pid| {
            let words = String::from_utf8(std::fs::read(format!("/proc/{pid}/cmdline")).unwrap()).unwrap();
            words
                .trim_end_matches('\0')
                .rsplit('\0')
                .next()
                .map(PathBuf::from)
        })
        .filter(|path| path.parent() == Some(&std::env::temp_dir()) && path.exists())
        .collect()
}

#[test]
fn the_command_between_the_servers_decides_the_exit_status() {
    let run = |words: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_testkit-servers"))
            .args(words)
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .code()
    };
    assert_eq!(run(&["run", "--", "sh", "-c", "exit 7"]), Some(7));
    assert_eq!(run(&["run", "--", "sh", "-c", "kill -9 $$"]), Some(137));
    assert_eq!(run(&["walk"]), Some(64));
}
