//! Listens to endorsement: opens the numbers an event carries, seals them anew in our own streams, and withdraws those of
//! a contract's former policyholder. Everything is repeatable: request ids derive from the event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use contracts::endorsement::v1::EndorsementEvent;
use eventsourcing::{Cause, ExecuteError, Repository, Request};
use futures::{StreamExt as _, TryStreamExt as _};
use kernel::{Clock, ContractId, Dated, EventId, Personal, PhoneNumber, SealedField, SubjectId};
use messaging::{Delivery, Handler, HandlerError, Malformed};
use privacy::Keyring;
use prost::Message as _;
use sqlx::PgTransaction;
use uuid::Uuid;

use crate::domain::{Numbers, NumbersCommand};
use crate::react::{self, ContractUpdate, NumbersUpdate, SealedNumber};

/// How many policyholders' streams are written at the same time.
const AT_ONCE: usize = 16;

pub(crate) struct Listener {
    numbers: Repository<Numbers>,
    keyring: Keyring,
    clock: Arc<dyn Clock>,
}

/// One command to one policyholder's stream.
struct Step {
    cause: Cause,
    index: u32,
    subject: SubjectId,
    command: NumbersCommand,
}

impl Listener {
    /// Writes to these streams.
    pub(crate) fn new(numbers: Repository<Numbers>, keyring: Keyring, clock: Arc<dyn Clock>) -> Self {
        Self {
            numbers,
            keyring,
            clock,
        }
    }

    /// The commands that follow from a batch, in order, and who are the policyholders after it.
    async fn steps(
        &self,
        batch: &[Delivery],
        mut policyholders: BTreeMap<ContractId, SubjectId>,
        heard: Vec<(usize, ContractUpdate)>,
    ) -> Result<(Vec<Step>, BTreeMap<ContractId, SubjectId>), HandlerError> {
        let mut steps = Vec::with_capacity(heard.len());
        let mut changed = BTreeMap::new();
        for (
            place,
            ContractUpdate {
                event_id,
                contract_id,
                version,
                subject,
                update,
            },
        ) in heard
        {
            let cause = Cause {
                event_id,
                correlation_id: None,
                traceparent: batch[place].traceparent.clone(),
            };
            let mut push = |index, subject, command| {
                steps.push(Step {
                    cause: cause.clone(),
                    index,
                    subject,
                    command,
                });
            };
            match update {
                NumbersUpdate::NotPolicyholder => {
                    push(0, subject, NumbersCommand::Withdraw { contract_id, version });
                }
                NumbersUpdate::Policyholder { numbers, period_end } => {
                    let numbers = self.open(event_id, numbers).await?;
                    push(
                        0,
                        subject,
                        NumbersCommand::Record {
                            contract_id,
                            version,
                            numbers,
                            period_end,
                        },
                    );
                    let former = policyholders
                        .insert(contract_id, subject)
                        .filter(|former| *former != subject);
                    if let Some(former) = former {
                        push(1, former, NumbersCommand::Withdraw { contract_id, version });
                    }
                    changed.insert(contract_id, subject);
                }
            }
        }
        Ok((steps, changed))
    }

    /// Erased numbers are left out: nobody can call from them any more.
    async fn open(
        &self,
        event_id: EventId,
        sealed: Vec<SealedNumber>,
    ) -> Result<Vec<Dated<PhoneNumber>>, HandlerError> {
        let mut numbers = Vec::with_capacity(sealed.len());
        for SealedNumber {
            field,
            counts_from,
            counts_until,
        } in sealed
        {
            match self.keyring.open::<PhoneNumber>(event_id, &field).await {
                Ok(value @ Personal::Known { .. }) => numbers.push(Dated {
                    value,
                    counts_from,
                    counts_until,
                }),
                Ok(Personal::Sealed(_) | Personal::Erased { .. }) => {}
                Err(error) => return Err(HandlerError::of(event_id, error)),
            }
        }
        Ok(numbers)
    }

    async fn execute(&self, step: Step) -> Result<(), HandlerError> {
        let request = Request::reaction(&step.cause, step.index, self.clock.now());
        match self.numbers.execute(step.subject, &request, step.command).await {
            // An erased subject has no numbers to call from.
            Ok(_) | Err(ExecuteError::Subject(_)) => Ok(()),
            Err(error) => Err(HandlerError::of(step.cause.event_id, error)),
        }
    }
}

#[async_trait]
impl Handler for Listener {
    async fn handle(&self, tx: &mut PgTransaction<'_>, batch: &[Delivery]) -> Result<(), HandlerError> {
        let heard = read(batch)?;
        let fields: Vec<(EventId, &SealedField)> =
            heard.iter().flat_map(|(_, heard)| sealed_fields(heard)).collect();
        // One query for the keys of the whole batch; each field is then opened from the cache. What cannot be opened is
        // found again below, where its event is known.
        let _ = self.keyring.open_many(&fields).await;
        let contracts = heard
            .iter()
            .map(|(_, heard)| heard.contract_id.as_uuid())
            .collect();
        let known = policyholders(tx, contracts).await?;
        let (steps, changed) = self.steps(batch, known, heard).await?;
        for wave in waves(steps) {
            let running = futures::stream::iter(wave)
                .map(|step| self.execute(step))
                .buffer_unordered(AT_ONCE);
            running.try_collect::<()>().await?;
        }
        store_policyholders(tx, &changed).await
    }
}

fn read(batch: &[Delivery]) -> Result<Vec<(usize, ContractUpdate)>, HandlerError> {
    let mut found = Vec::new();
    for (place, delivery) in batch.iter().enumerate() {
        let message = EndorsementEvent::decode(delivery.payload.clone()).map_err(Malformed::from);
        let heard = message
            .and_then(react::heard)
            .map_err(|error| HandlerError::of(delivery.event_id, error))?;
        found.extend(heard.map(|heard| (place, heard)));
    }
    Ok(found)
}

fn sealed_fields(heard: &ContractUpdate) -> Vec<(EventId, &SealedField)> {
    match &heard.update {
        NumbersUpdate::NotPolicyholder => vec![],
        NumbersUpdate::Policyholder { numbers, .. } => numbers
            .iter()
            .map(|number| (heard.event_id, &number.field))
            .collect(),
    }
}

/// Runs of steps in which no stream comes twice: what is in one run may be done at the same time, run follows run.
fn waves(steps: Vec<Step>) -> Vec<Vec<Step>> {
    let mut waves: Vec<Vec<Step>> = vec![];
    let mut written = BTreeSet::new();
    for step in steps {
        let again = !written.insert(step.subject);
        match waves.last_mut() {
            Some(wave) if !again => wave.push(step),
            _ => {
                written = BTreeSet::from([step.subject]);
                waves.push(vec![step]);
            }
        }
    }
    waves
}

async fn policyholders(
    tx: &mut PgTransaction<'_>,
    contracts: Vec<Uuid>,
) -> Result<BTreeMap<ContractId, SubjectId>, HandlerError> {
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "SELECT contract_id, subject_id FROM phone_verification.policyholder WHERE contract_id = ANY($1)",
    )
    .bind(contracts)
    .fetch_all(&mut **tx)
    .await?;
    let typed = |(contract, subject)| (ContractId::from_uuid(contract), SubjectId::from_uuid(subject));
    Ok(rows.into_iter().map(typed).collect())
}

async fn store_policyholders(
    tx: &mut PgTransaction<'_>,
    changed: &BTreeMap<ContractId, SubjectId>,
) -> Result<(), HandlerError> {
    sqlx::query(
        "INSERT INTO phone_verification.policyholder (contract_id, subject_id)
         SELECT * FROM unnest($1::uuid[], $2::uuid[])
         ON CONFLICT (contract_id) DO UPDATE SET subject_id = EXCLUDED.subject_id",
    )
    .bind(changed.keys().map(ContractId::as_uuid).collect::<Vec<_>>())
    .bind(changed.values().map(SubjectId::as_uuid).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_concerns_one_policyholder_is_done_in_order() {
        let step = |subject: u128, index| Step {
            cause: Cause {
                event_id: EventId::from_uuid(Uuid::nil()),
                correlation_id: None,
                traceparent: None,
            },
            index,
            subject: SubjectId::from_uuid(Uuid::from_u128(subject)),
            command: NumbersCommand::Withdraw {
                contract_id: ContractId::from_uuid(Uuid::nil()),
                version: 0,
            },
        };
        let runs = waves(vec![step(1, 0), step(2, 1), step(1, 2), step(3, 3), step(3, 4)]);
        let runs: Vec<Vec<u32>> = runs
            .iter()
            .map(|run| run.iter().map(|step| step.index).collect())
            .collect();
        assert_eq!(runs, [vec![0, 1], vec![2, 3], vec![4]]);
    }
}
