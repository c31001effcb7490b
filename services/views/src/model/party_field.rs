//! `view.party_field`: the fields of a contract's parties that customers can change, one row of each kind for each party.

use serde_json::Value;
use sqlx::PgTransaction;
use uuid::Uuid;

use crate::model::row::row;

row! {
    /// All values of one kind: `[{value, counts_from_us, counts_until_us}]`, in force or scheduled.
    PartyField in "party_field" by version;
    key { contract_id: Uuid = "uuid", subject_id: Uuid = "uuid", kind: &'static str = "text" }
    newest {
        version: i64 = "bigint",
        policyholder: bool = "boolean",
        dated: Value = "jsonb",
    }
}

pub(crate) const ERASE: &str = "DELETE FROM party_field WHERE subject_id = ANY($1)";

/// Whom a contract has from this version on.
#[derive(Debug)]
pub(crate) struct Parties {
    pub(crate) contract_id: Uuid,
    pub(crate) version: i64,
    pub(crate) policyholder: Uuid,
    pub(crate) insured: Uuid,
}

/// Removes the fields of parties that a contract no longer has.
pub(crate) async fn remove_former_parties(
    tx: &mut PgTransaction<'_>,
    parties: &[Parties],
) -> Result<(), sqlx::Error> {
    if parties.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "DELETE FROM party_field f
          USING unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[]) AS n (contract, version, policyholder, insured)
          WHERE f.contract_id = n.contract AND f.version < n.version
            AND f.subject_id NOT IN (n.policyholder, n.insured)",
    )
    .bind(parties.iter().map(|row| row.contract_id).collect::<Vec<_>>())
    .bind(parties.iter().map(|row| row.version).collect::<Vec<_>>())
    .bind(parties.iter().map(|row| row.policyholder).collect::<Vec<_>>())
    .bind(parties.iter().map(|row| row.insured).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
