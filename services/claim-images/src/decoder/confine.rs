//! What a decoding child keeps of its rights: it reads a picture from standard input, writes an answer to standard output, and
//! that is all a file that leads the decoder astray can make it do (docs/adr/0031). Called before the first byte is read.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetError, RulesetStatus, Scope,
};
use nix::libc;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::unistd::getpid;
use rlimit::Resource;
use seccompiler::SeccompCmpArgLen::Dword;
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use serde::{Deserialize, Serialize};

/// The first argument that makes a process try all means and say which ones the kernel lacks.
pub(super) const ARGUMENT: &str = "confinement";

/// What a kernel has to confine a process with; each alone keeps a child from our files, memory, network and processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// User, network, inter-process and host name spaces of its own: no rights over any process, no network.
    Namespaces,
    /// No file, no connection, no signal.
    Landlock,
    /// No system call but those that decoding needs.
    Filter,
}

/// A means that this kernel lacks, or does not grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacking {
    pub means: Means,
    pub why: String,
}

#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Namespaces(#[from] nix::Error),
    #[error(transparent)]
    Landlock(#[from] RulesetError),
    #[error("the kernel has no Landlock, or it is not switched on")]
    NoLandlock,
    #[error(transparent)]
    Filter(#[from] seccompiler::Error),
}

impl From<BackendError> for Refusal {
    fn from(error: BackendError) -> Self {
        Self::Filter(error.into())
    }
}

/// Takes from this process what it does not need for decoding; says which means are lacking.
///
/// # Errors
/// Where a right that any kernel takes away was kept.
pub fn confine() -> std::io::Result<Vec<Lacking>> {
    // In this order: a filter forbids what the others need.
    let mut lacking = Vec::from_iter(Means::Namespaces.apply().err());
    prctl::set_no_new_privs()?;
    // Nor does one child read what another one decodes.
    prctl::set_dumpable(false)?;
    // Counts for whoever is not root.
    Resource::NPROC.set(0, 0)?;
    lacking.extend(Means::Landlock.apply().err());
    lacking.extend(Means::Filter.apply().err());
    Ok(lacking)
}

/// Answers [`ARGUMENT`].
pub(super) fn tell() -> ExitCode {
    let told = confine().and_then(|lacking| {
        let answer = serde_json::to_vec(&lacking)?;
        std::io::stdout().write_all(&answer)
    });
    told.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

impl Means {
    /// Applies it to this process, which has one thread.
    pub fn apply(self) -> Result<(), Lacking> {
        let applied = match self {
            Self::Namespaces => namespaces(),
            Self::Landlock => landlock(),
            Self::Filter => filter(),
        };
        applied.map_err(|error| Lacking {
            means: self,
            why: error.to_string(),
        })
    }

    /// What an operator does about it.
    pub(super) const fn advice(self) -> &'static str {
        match self {
            Self::Namespaces => {
                "let unprivileged processes make user namespaces: sysctl user.max_user_namespaces, on Ubuntu \
                 kernel.apparmor_restrict_unprivileged_userns, in a container its seccomp profile (unshare)"
            }
            Self::Landlock => {
                "run on Linux 5.13 or newer with landlock among its security modules (boot parameter lsm=), in a container \
                 allow the calls landlock_create_ruleset and landlock_restrict_self"
            }
            Self::Filter => {
                "run on a kernel with seccomp filters (CONFIG_SECCOMP_FILTER), in a container allow the call seccomp"
            }
        }
    }
}

fn namespaces() -> Result<(), Refusal> {
    let own = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    Ok(unshare(own)?)
}

/// A ruleset that handles everything the kernel knows of, and allows none of it.
fn landlock() -> Result<(), Refusal> {
    let newest = ABI::V6;
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(newest))?
        .handle_access(AccessNet::from_all(newest))?
        .scope(Scope::from_all(newest))?
        .create()?
        .restrict_self()?;
    match status.ruleset {
        RulesetStatus::NotEnforced => Err(Refusal::NoLandlock),
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
    }
}

fn filter() -> Result<(), Refusal> {
    let architecture = std::env::consts::ARCH.try_into()?;
    // What is not listed fails as it does for whoever has no right to it; libraries know how to go on.
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(allowed()?, refused, SeccompAction::Allow, architecture)?;
    let program: BpfProgram = filter.try_into()?;
    Ok(seccompiler::apply_filter(&program)?)
}

/// The system calls of decoding, and with which arguments. No rule means any.
fn allowed() -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    let own = u64::from(getpid().as_raw().unsigned_abs());
    let not_executable = [(2, MaskedEq(libc::PROT_EXEC.unsigned_abs().into()), 0)];
    let ruled = [
        // The picture, the answer, and what a panic says.
        (libc::SYS_read, vec![rule(&[(0, Eq, 0)])?]),
        (libc::SYS_write, vec![rule(&[(0, Eq, 1)])?, rule(&[(0, Eq, 2)])?]),
        // Memory that holds data.
        (libc::SYS_mmap, vec![rule(&not_executable)?]),
        (libc::SYS_mprotect, vec![rule(&not_executable)?]),
        // Its own processor time, shortened once the header was read.
        (libc::SYS_prlimit64, vec![rule(&[(0, Eq, 0)])?]),
        // Out of memory: it ends itself by SIGABRT.
        (
            libc::SYS_tgkill,
            vec![rule(&[
                (0, Eq, own),
                (2, Eq, libc::SIGABRT.unsigned_abs().into()),
            ])?],
        ),
    ];
    let free = [
        libc::SYS_brk,
        libc::SYS_clock_gettime,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_futex,
        libc::SYS_getpid,
        libc::SYS_getrandom,
        libc::SYS_gettid,
        libc::SYS_madvise,
        libc::SYS_mremap,
        libc::SYS_munmap,
        libc::SYS_restart_syscall,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_yield,
        libc::SYS_sigaltstack,
    ];
    let free = free.into_iter().map(|call| (call, Vec::new()));
    Ok(ruled.into_iter().chain(free).collect())
}

/// That each of these arguments, by its place, is so.
fn rule(arguments: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, BackendError> {
    let conditions = arguments
        .iter()
        .map(|(place, is, value)| SeccompCondition::new(*place, Dword, is.clone(), *value))
        .collect::<Result<_, _>>()?;
    SeccompRule::new(conditions)
}
