//! The pool of password hashers (ID-15): a fixed number of threads, each with one block of memory it uses again and
//! again, and a bounded queue. A storm beyond it is told to come back; memory never grows.
//!
//! The threads end when the pool is dropped; a job nobody waits for any more is skipped.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use decider::{Explain, Problem, ProblemKind};
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use crate::domain::password::{HashCost, Password, Salt};
use crate::domain::{PasswordHash, SlowHash};

/// How long somebody turned away is asked to wait.
const RETRY: Duration = Duration::from_secs(2);

/// No hash: the queue is full, or the pool is closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hashing pool is busy")]
pub struct Busy;

impl Explain for Busy {
    fn explain(&self) -> Problem {
        Problem::new(ProblemKind::ResourceExhausted, "LOGIN_BUSY").retry_after(RETRY)
    }
}

struct Job {
    password: Password,
    salt: Salt,
    cost: HashCost,
    answer: oneshot::Sender<SlowHash>,
}

/// The pool. Clones share it.
#[derive(Clone)]
pub struct HashingPool {
    queue: mpsc::Sender<Job>,
    hashed: Arc<AtomicU64>,
    cost: HashCost,
}

impl HashingPool {
    /// Starts `workers` threads with `queue` places before them. New hashes are made at `cost`, keyed with `key`.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(workers: usize, queue: usize, cost: HashCost, key: [u8; 32]) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(queue.max(1));
        let receiver = Arc::new(Mutex::new(receiver));
        let hashed = Arc::new(AtomicU64::new(0));
        for number in 0..workers.max(1) {
            let worker = Worker {
                jobs: Arc::clone(&receiver),
                hashed: Arc::clone(&hashed),
                key: Zeroizing::new(key),
                memory: Vec::new(),
            };
            std::thread::Builder::new()
                .name(format!("hashing-{number}"))
                .spawn(move || worker.run())?;
        }
        Ok(Self {
            queue: sender,
            hashed,
            cost,
        })
    }

    /// The cost new hashes are made at.
    pub const fn cost(&self) -> HashCost {
        self.cost
    }

    /// Whether somebody who came now would find a place: asked before the database is.
    ///
    /// # Errors
    /// [`Busy`] where none is free.
    pub fn room(&self) -> Result<(), Busy> {
        if self.queue.capacity() > 0 {
            Ok(())
        } else {
            Err(Busy)
        }
    }

    /// How many hashes were made.
    pub fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::Relaxed)
    }

    /// Hashes at once or not at all: for people who wait.
    pub async fn hash(&self, password: Password, salt: Salt, cost: HashCost) -> Result<SlowHash, Busy> {
        let (answer, hash) = oneshot::channel();
        self.queue
            .try_send(Job {
                password,
                salt,
                cost,
                answer,
            })
            .map_err(|_| Busy)?;
        hash.await.map_err(|_| Busy)
    }

    /// Hashes a new password.
    pub async fn hash_new(&self, password: Password, salt: Salt) -> Result<PasswordHash, Busy> {
        let cost = self.cost;
        self.hash(password, salt, cost)
            .await
            .map(|hash| PasswordHash { cost, salt, hash })
    }

    /// Waits for a place: for imports, which can. Fails only when the pool is closing.
    pub async fn hash_patiently(&self, password: Password, salt: Salt) -> Result<PasswordHash, Busy> {
        let (cost, (answer, hash)) = (self.cost, oneshot::channel());
        self.queue
            .send(Job {
                password,
                salt,
                cost,
                answer,
            })
            .await
            .map_err(|_| Busy)?;
        hash.await
            .map(|hash| PasswordHash { cost, salt, hash })
            .map_err(|_| Busy)
    }
}

struct Worker {
    jobs: Arc<Mutex<mpsc::Receiver<Job>>>,
    hashed: Arc<AtomicU64>,
    key: Zeroizing<[u8; 32]>,
    memory: Vec<Block>,
}

impl Worker {
    fn run(mut self) {
        loop {
            // Held while waiting: the next idle worker waits for the lock instead of the queue.
            let job = self
                .jobs
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .blocking_recv();
            let Some(job) = job else { return };
            if job.answer.is_closed() {
                continue;
            }
            match self.hash(&job) {
                Ok(hash) => {
                    self.hashed.fetch_add(1, Ordering::Relaxed);
                    // The asker may have gone meanwhile.
                    let _ = job.answer.send(hash);
                }
                // Dropping the answer tells the asker.
                Err(error) => tracing::error!(%error, "a password could not be hashed"),
            }
        }
    }

    fn hash(&mut self, job: &Job) -> argon2::Result<SlowHash> {
        let params = Params::new(job.cost.m_kib, job.cost.t, job.cost.p, Some(32))?;
        let blocks = params.block_count();
        if self.memory.len() < blocks {
            self.memory.resize(blocks, Block::default());
        }
        let argon2 = Argon2::new_with_secret(self.key.as_ref(), Algorithm::Argon2id, Version::V0x13, params)?;
        let mut hash = [0; 32];
        let memory = &mut self.memory[..blocks];
        argon2.hash_password_into_with_memory(job.password.reveal(), &job.salt.0, &mut hash, memory)?;
        Ok(SlowHash::new(hash))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const CHEAP: HashCost = HashCost {
        m_kib: 64,
        t: 1,
        p: 1,
    };

    fn pool(workers: usize, queue: usize) -> HashingPool {
        HashingPool::start(workers, queue, CHEAP, [7; 32]).unwrap()
    }

    #[tokio::test]
    async fn a_hash_depends_on_password_salt_cost_and_key() {
        let pool = pool(2, 8);
        let hash = |password: &str, salt, cost| pool.hash(Password::typed(password), Salt([salt; 16]), cost);
        let one = hash("secret", 1, CHEAP).await.unwrap();
        assert_eq!(hash("secret", 1, CHEAP).await.unwrap(), one);
        assert_ne!(hash("Secret", 1, CHEAP).await.unwrap(), one);
        assert_ne!(hash("secret", 2, CHEAP).await.unwrap(), one);
        // A larger block of memory, then a smaller one again.
        assert_ne!(
            hash("secret", 1, HashCost { m_kib: 128, ..CHEAP }).await.unwrap(),
            one
        );
        assert_eq!(hash("secret", 1, CHEAP).await.unwrap(), one);
        let other = HashingPool::start(1, 1, CHEAP, [8; 32]).unwrap();
        assert_ne!(
            other
                .hash(Password::typed("secret"), Salt([1; 16]), CHEAP)
                .await
                .unwrap(),
            one
        );
        assert_eq!(pool.hashed(), 6);
    }

    /// ID-15: more than workers and queue hold is refused at once with a time to retry.
    #[tokio::test]
    async fn id_15_a_storm_is_turned_away_and_those_inside_are_served() {
        let slow = HashCost {
            m_kib: 19_456,
            t: 2,
            p: 1,
        };
        let pool = pool(1, 2);
        let storm = (0..40).map(|_| pool.hash(Password::typed("secret"), Salt([1; 16]), slow));
        let answers = futures::future::join_all(storm).await;
        let served = answers.iter().filter(|answer| answer.is_ok()).count();
        assert!((2..=4).contains(&served), "{served} were served");
        let problem = answers.into_iter().find_map(Result::err).unwrap().explain();
        assert_eq!((problem.reason, problem.retry_after), ("LOGIN_BUSY", Some(RETRY)));
        assert!(
            pool.hash(Password::typed("secret"), Salt([1; 16]), CHEAP)
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn an_import_waits_for_its_place() {
        let pool = pool(1, 1);
        let many = (0..20).map(|_| pool.hash_patiently(Password::typed("code"), Salt([1; 16])));
        assert!(futures::future::join_all(many).await.iter().all(Result::is_ok));
    }
}
