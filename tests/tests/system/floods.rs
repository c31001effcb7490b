//! Strangers hold whatever a connection lets them hold, on every service at once, while the journey is played: customers
//! are served, and the services hold little more memory than before.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use client::Client;
use dev::journey::{self, Setting};
use dev::sample::{self, Book, Recipe};
use dev::stack::{Secrets, Stack};
use testkit::{Manner, RawConnection, silent};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::setup::{data_folder, programs};

const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const KEYS: &str = "/madoguchi.identity.v1.IdentityService/GetKeys";
const LOGIN: &str = "/madoguchi.identity.v1.IdentityService/Login";
/// How much more memory a flooded service may hold.
const MOST_KIB: u64 = 64 * 1024;
/// What is held is held anew, since the services end it.
const AGAIN: Duration = Duration::from_secs(10);
/// Where the flood comes from: not from the customers' address, which its shares are not.
const HOST: u8 = 66;
/// Connections that say nothing, at the two services whose work customers wait for most.
const QUIET: usize = 4_000;

/// Everything that one stranger holds open at one service.
struct Flood {
    server: SocketAddr,
    /// Where a call stops before it is known to be of another service.
    rpc: &'static str,
    most_quiet: usize,
    calls: Vec<RawConnection>,
    quiet: Vec<TcpStream>,
}

impl Flood {
    async fn of(server: SocketAddr, rpc: &'static str, most_quiet: usize) -> Self {
        let mut flood = Self {
            server,
            rpc,
            most_quiet,
            calls: Vec::new(),
            quiet: Vec::new(),
        };
        flood.rise().await;
        flood
    }

    /// All of it once more. The server may hang up meanwhile, which is its right.
    async fn rise(&mut self) {
        self.calls.clear();
        self.quiet.clear();
        let untaken = if self.rpc == LOGIN { KEYS } else { REFLECTION };
        let kinds = [
            (6, 184, 65_535, REFLECTION, Manner::NoBody),
            (2, 160, 65_535, self.rpc, Manner::NoBody),
            (2, 150, 0, untaken, Manner::Whole),
            (2, 60, 65_535, REFLECTION, Manner::HalfMessage(3_900_000)),
            (2, 60, 65_535, self.rpc, Manner::HalfMessage(60_000)),
        ];
        for (connections, calls, window, rpc, manner) in kinds {
            for _ in 0..connections {
                // Beyond the address's share of connections there is none.
                if let Ok(connection) = self.hold(calls, window, rpc, manner).await {
                    self.calls.push(connection);
                }
            }
        }
        for _ in 0..self.most_quiet {
            self.quiet.extend(silent(self.server, HOST).await.ok());
        }
    }

    async fn hold(&self, calls: usize, window: u32, rpc: &str, manner: Manner) -> io::Result<RawConnection> {
        let mut connection = RawConnection::open(self.server, HOST, window).await?;
        for _ in 0..calls {
            connection.call(rpc, manner, Some("10H")).await?;
        }
        Ok(connection)
    }
}

/// What a process holds in memory, in KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn customers_and_adjusters_are_served_while_strangers_hold_whatever_they_can() {
    // Where it may not be raised, fewer connections are opened.
    let _ = rlimit::increase_nofile_limit(4 * QUIET as u64);
    let folder = data_folder();
    let programs = programs();
    let mut stack = Stack::start(&folder.path().join("data"), &programs)
        .await
        .unwrap();
    let pids: BTreeMap<_, _> = stack.description().pids.clone();
    let before: BTreeMap<_, _> = pids
        .iter()
        .map(|(name, pid)| (name.clone(), resident(*pid)))
        .collect();

    let mut floods = JoinSet::new();
    for (service, address) in &stack.description().services {
        let (rpc, quiet) = match service.as_str() {
            "identity" => (LOGIN, QUIET),
            "claim-images" => (REFLECTION, QUIET),
            _ => (REFLECTION, 0),
        };
        floods.spawn(Flood::of(address.parse().unwrap(), rpc, quiet));
    }
    let mut held = Vec::new();
    while let Some(flood) = floods.join_next().await {
        held.push(flood.unwrap());
    }
    for (service, pid) in &pids {
        let grown = resident(*pid).saturating_sub(before[service]);
        assert!(grown < MOST_KIB, "{service} grew by {grown} KiB");
    }

    for mut flood in held {
        floods.spawn(async move {
            loop {
                // Until the test is over; what it holds stays meanwhile.
                let _ = tokio::time::timeout(AGAIN, std::future::pending::<()>()).await;
                flood.rise().await;
            }
        });
    }
    let steps = play(&mut stack, &programs).await;
    let failed: Vec<_> = steps
        .iter()
        .flat_map(|step| step.checks.iter().filter(|check| !check.passed))
        .map(|check| (&check.what, &check.detail))
        .collect();
    assert!(steps.iter().all(|step| step.passed), "{failed:#?}");
    assert!(floods.try_join_next().is_none(), "a flood ended");
    drop(floods);
    stack.stop().await;
}

async fn play(stack: &mut Stack, programs: &std::path::Path) -> Vec<journey::Step> {
    let folder = &stack.folder().clone();
    let book = Book::compute(Recipe {
        seed: 1,
        contracts: 48,
        as_of: kernel::clock::jst_date(kernel::Clock::now(&kernel::SystemClock)),
    });
    let files = sample::compose(&book);
    sample::write(&files, &folder.file("sample")).unwrap();
    let client = Client::new(&stack.description().services).unwrap();
    let secrets = Secrets::open(folder).unwrap();
    let setting = Setting {
        client: &client,
        secrets: &secrets,
        book: &book,
        files: &files,
        folder,
        programs,
        photos: None,
    };
    journey::play(&setting, stack).await
}
