//! Rows of contracts, phones and change requests.

use jiff_sqlx::Timestamp as SqlTimestamp;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgTransaction};
use uuid::Uuid;

use crate::apply::rounds::{Newest, Section};

/// A contract as its owner imported it.
#[derive(Debug)]
pub(in crate::apply) struct Contract {
    pub(in crate::apply) version: i64,
    pub(in crate::apply) policy_number: String,
    pub(in crate::apply) branch_number: String,
    pub(in crate::apply) product: String,
    pub(in crate::apply) kind: String,
    pub(in crate::apply) period_start: SqlTimestamp,
    pub(in crate::apply) period_end: SqlTimestamp,
    pub(in crate::apply) policyholder_subject: Uuid,
    pub(in crate::apply) policyholder_kind: String,
    pub(in crate::apply) policyholder_name: Option<String>,
    pub(in crate::apply) insured_subject: Uuid,
    pub(in crate::apply) insured_name: Option<String>,
    pub(in crate::apply) object_address: Option<String>,
    pub(in crate::apply) offline_reason: String,
    pub(in crate::apply) imported_endorsement_date: String,
}

/// All numbers of one party of a contract.
#[derive(Debug)]
pub(in crate::apply) struct Phones {
    pub(in crate::apply) version: i64,
    pub(in crate::apply) policyholder: bool,
    pub(in crate::apply) numbers: Value,
}

/// Whom a contract has from this version on; phones of others that are older go.
#[derive(Debug)]
pub(in crate::apply) struct Parties {
    pub(in crate::apply) version: i64,
    pub(in crate::apply) policyholder: Uuid,
    pub(in crate::apply) insured: Uuid,
}

/// A change request. Contract, receipt number and time of submission never change.
#[derive(Debug)]
pub(in crate::apply) struct Request {
    pub(in crate::apply) version: i64,
    pub(in crate::apply) contract: Uuid,
    pub(in crate::apply) policyholder: Uuid,
    pub(in crate::apply) receipt_number: String,
    pub(in crate::apply) state: &'static str,
    pub(in crate::apply) effective_date: String,
    pub(in crate::apply) fields: Vec<String>,
    pub(in crate::apply) submitted_at: SqlTimestamp,
}

/// The last date on which a change took effect.
#[derive(Debug)]
pub(in crate::apply) struct EndorsementDate {
    pub(in crate::apply) version: i64,
    pub(in crate::apply) date: String,
}

impl Section for Contract {
    fn version(&self) -> i64 {
        self.version
    }
}

impl Section for Phones {
    fn version(&self) -> i64 {
        self.version
    }
}

impl Section for EndorsementDate {
    fn version(&self) -> i64 {
        self.version
    }
}

impl Section for Request {
    fn version(&self) -> i64 {
        self.version
    }

    fn keep_from(&mut self, first: Self) {
        self.contract = first.contract;
        self.receipt_number = first.receipt_number;
        self.submitted_at = first.submitted_at;
    }
}

/// One round of a batch.
#[derive(Debug, Default)]
pub(in crate::apply) struct Rows {
    pub(in crate::apply) contracts: Newest<Uuid, Contract>,
    /// By contract and subject.
    pub(in crate::apply) phones: Newest<(Uuid, Uuid), Phones>,
    pub(in crate::apply) requests: Newest<Uuid, Request>,
    pub(in crate::apply) dates: Newest<Uuid, EndorsementDate>,
    /// By contract.
    pub(in crate::apply) parties: Vec<(Uuid, Parties)>,
}

impl Rows {
    pub(in crate::apply) async fn write(
        &self,
        tx: &mut PgTransaction<'_>,
        schema: &str,
    ) -> Result<(), sqlx::Error> {
        contracts(tx, schema, &self.contracts).await?;
        phones(tx, schema, &self.phones).await?;
        requests(tx, schema, &self.requests).await?;
        dates(tx, schema, &self.dates).await?;
        parties(tx, schema, &self.parties).await
    }
}

async fn contracts(
    tx: &mut PgTransaction<'_>,
    schema: &str,
    rows: &Newest<Uuid, Contract>,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO {schema}.contract AS c (contract_id, version, policy_number, branch_number, product, kind,
             period_start, period_end, policyholder_subject, policyholder_kind, policyholder_name, insured_subject,
             insured_name, object_address, offline_reason, imported_endorsement_date)
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[],
             $7::timestamptz[], $8::timestamptz[], $9::uuid[], $10::text[], $11::text[], $12::uuid[], $13::text[],
             $14::text[], $15::text[], $16::text[])
         ON CONFLICT (contract_id) DO UPDATE SET
             version = excluded.version, policy_number = excluded.policy_number,
             branch_number = excluded.branch_number, product = excluded.product, kind = excluded.kind,
             period_start = excluded.period_start, period_end = excluded.period_end,
             policyholder_subject = excluded.policyholder_subject, policyholder_kind = excluded.policyholder_kind,
             policyholder_name = excluded.policyholder_name, insured_subject = excluded.insured_subject,
             insured_name = excluded.insured_name, object_address = excluded.object_address,
             offline_reason = excluded.offline_reason, imported_endorsement_date = excluded.imported_endorsement_date
         WHERE c.version < excluded.version"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(rows.keys(|id| *id))
        .bind(rows.column(|row| row.version))
        .bind(rows.column(|row| row.policy_number.as_str()))
        .bind(rows.column(|row| row.branch_number.as_str()))
        .bind(rows.column(|row| row.product.as_str()))
        .bind(rows.column(|row| row.kind.as_str()))
        .bind(rows.column(|row| row.period_start))
        .bind(rows.column(|row| row.period_end))
        .bind(rows.column(|row| row.policyholder_subject))
        .bind(rows.column(|row| row.policyholder_kind.as_str()))
        .bind(rows.column(|row| row.policyholder_name.as_deref()))
        .bind(rows.column(|row| row.insured_subject))
        .bind(rows.column(|row| row.insured_name.as_deref()))
        .bind(rows.column(|row| row.object_address.as_deref()))
        .bind(rows.column(|row| row.offline_reason.as_str()))
        .bind(rows.column(|row| row.imported_endorsement_date.as_str()))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn phones(
    tx: &mut PgTransaction<'_>,
    schema: &str,
    rows: &Newest<(Uuid, Uuid), Phones>,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO {schema}.phones AS p (contract_id, subject_id, version, policyholder, phones)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::boolean[], $5::jsonb[])
         ON CONFLICT (contract_id, subject_id) DO UPDATE SET
             version = excluded.version, policyholder = excluded.policyholder, phones = excluded.phones
         WHERE p.version < excluded.version"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(rows.keys(|(contract, _)| *contract))
        .bind(rows.keys(|(_, subject)| *subject))
        .bind(rows.column(|row| row.version))
        .bind(rows.column(|row| row.policyholder))
        .bind(rows.column(|row| &row.numbers))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn requests(
    tx: &mut PgTransaction<'_>,
    schema: &str,
    rows: &Newest<Uuid, Request>,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    // Lists of lists are no rows: the fields travel as JSON.
    let sql = format!(
        "INSERT INTO {schema}.request AS r (endorsement_id, version, contract_id, policyholder_subject, receipt_number,
             state, effective_date, fields, submitted_at)
         SELECT n.id, n.version, n.contract, n.policyholder, n.receipt, n.state, n.effective,
                ARRAY(SELECT f.name FROM jsonb_array_elements_text(n.fields) WITH ORDINALITY AS f (name, place)
                       ORDER BY f.place),
                n.submitted
           FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[],
                       $8::jsonb[], $9::timestamptz[])
             AS n (id, version, contract, policyholder, receipt, state, effective, fields, submitted)
         ON CONFLICT (endorsement_id) DO UPDATE SET
             version = excluded.version, policyholder_subject = excluded.policyholder_subject, state = excluded.state,
             effective_date = excluded.effective_date, fields = excluded.fields
         WHERE r.version < excluded.version"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(rows.keys(|id| *id))
        .bind(rows.column(|row| row.version))
        .bind(rows.column(|row| row.contract))
        .bind(rows.column(|row| row.policyholder))
        .bind(rows.column(|row| row.receipt_number.as_str()))
        .bind(rows.column(|row| row.state))
        .bind(rows.column(|row| row.effective_date.as_str()))
        .bind(rows.column(|row| Value::from(row.fields.as_slice())))
        .bind(rows.column(|row| row.submitted_at))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn dates(
    tx: &mut PgTransaction<'_>,
    schema: &str,
    rows: &Newest<Uuid, EndorsementDate>,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO {schema}.contract_endorsement_date AS d (contract_id, version, last_endorsement_date)
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[])
         ON CONFLICT (contract_id) DO UPDATE SET
             version = excluded.version, last_endorsement_date = excluded.last_endorsement_date
         WHERE d.version < excluded.version"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(rows.keys(|id| *id))
        .bind(rows.column(|row| row.version))
        .bind(rows.column(|row| row.date.as_str()))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Removes the phones of parties that a contract no longer has.
async fn parties(
    tx: &mut PgTransaction<'_>,
    schema: &str,
    rows: &[(Uuid, Parties)],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "DELETE FROM {schema}.phones p
          USING unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[]) AS n (contract, version, policyholder, insured)
          WHERE p.contract_id = n.contract AND p.version < n.version
            AND p.subject_id NOT IN (n.policyholder, n.insured)"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(rows.iter().map(|(contract, _)| *contract).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, row)| row.version).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, row)| row.policyholder).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, row)| row.insured).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}
