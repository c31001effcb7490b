//! The files' columns, and a row as the record of one line and back. A list inside a cell is separated by `|`, the parts
//! of an insurer by `:`.

use contracts::claim_images::v1::AccidentRow;
use contracts::endorsement::v1::{ContractRow, InsurerShare, PartyRow};
use contracts::identity::v1::InitialCredential;

/// Columns of contracts.csv. An insured without any value is the policyholder.
pub const CONTRACT_COLUMNS: [&str; 29] = [
    "policy_number",
    "branch_number",
    "product",
    "kind",
    "period_start",
    "period_end",
    "policyholder_customer_number",
    "policyholder_kind",
    "policyholder_name",
    "policyholder_name_kana",
    "policyholder_birth_date",
    "policyholder_phones",
    "policyholder_email",
    "policyholder_postcode",
    "policyholder_address",
    "insured_customer_number",
    "insured_kind",
    "insured_name",
    "insured_name_kana",
    "insured_birth_date",
    "insured_phones",
    "insured_email",
    "insured_postcode",
    "insured_address",
    "object_address",
    "insurers",
    "offline_reason",
    "last_endorsement_date",
    "agency_name",
];
/// Columns of credentials.csv.
pub const CREDENTIAL_COLUMNS: [&str; 5] = [
    "policy_number",
    "branch_number",
    "customer_number",
    "initial_user_id",
    "code",
];
/// Columns of accidents.csv.
pub const ACCIDENT_COLUMNS: [&str; 10] = [
    "claim_number",
    "policy_number",
    "branch_number",
    "customer_number",
    "occurred_at",
    "place",
    "kind",
    "adjuster_id",
    "office",
    "state",
];

/// A row of one of the three files.
pub trait FileRow: Sized {
    /// The header line.
    fn columns() -> Vec<&'static str>;
    /// The cells, one per column.
    fn to_record(&self) -> Vec<String>;
    /// Reads a record that has one cell per column; nothing is judged here but the number of cells.
    fn from_record(line: u32, cells: &[&str]) -> Option<Self>;
}

impl FileRow for ContractRow {
    fn columns() -> Vec<&'static str> {
        CONTRACT_COLUMNS.to_vec()
    }

    fn to_record(&self) -> Vec<String> {
        let mut cells = vec![
            self.policy_number.clone(),
            self.branch_number.clone(),
            self.product.clone(),
            self.kind.clone(),
            self.period_start.clone(),
            self.period_end.clone(),
        ];
        cells.extend(party_cells(self.policyholder.as_ref()));
        cells.extend(party_cells(self.insured.as_ref()));
        let insurers: Vec<_> = self
            .insurers
            .iter()
            .map(|share| format!("{}:{}:{}", share.name, share.role, share.share_basis_points))
            .collect();
        cells.extend([
            self.object_address.clone(),
            insurers.join("|"),
            self.offline_reason.clone(),
            self.last_endorsement_date.clone(),
            self.agency_name.clone(),
        ]);
        cells
    }

    fn from_record(line: u32, cells: &[&str]) -> Option<Self> {
        let (own, rest) = cells.split_at_checked(6)?;
        let (policyholder, rest) = rest.split_at_checked(PARTY_CELLS)?;
        let (insured, rest) = rest.split_at_checked(PARTY_CELLS)?;
        let [
            object_address,
            insurers,
            offline_reason,
            last_endorsement_date,
            agency_name,
        ] = rest
        else {
            return None;
        };
        Some(Self {
            line,
            policy_number: own[0].to_owned(),
            branch_number: own[1].to_owned(),
            product: own[2].to_owned(),
            kind: own[3].to_owned(),
            period_start: own[4].to_owned(),
            period_end: own[5].to_owned(),
            policyholder: Some(party(policyholder)),
            insured: insured
                .iter()
                .any(|cell| !cell.is_empty())
                .then(|| party(insured)),
            object_address: (*object_address).to_owned(),
            insurers: list(insurers).map(insurer).collect(),
            offline_reason: (*offline_reason).to_owned(),
            last_endorsement_date: (*last_endorsement_date).to_owned(),
            agency_name: (*agency_name).to_owned(),
        })
    }
}

const PARTY_CELLS: usize = 9;

fn party_cells(party: Option<&PartyRow>) -> Vec<String> {
    party.map_or_else(
        || vec![String::new(); PARTY_CELLS],
        |party| {
            vec![
                party.customer_number.clone(),
                party.kind.clone(),
                party.name.clone(),
                party.name_kana.clone(),
                party.birth_date.clone(),
                party.phones.join("|"),
                party.email.clone(),
                party.postcode.clone(),
                party.address.clone(),
            ]
        },
    )
}

fn party(cells: &[&str]) -> PartyRow {
    PartyRow {
        customer_number: cells[0].to_owned(),
        kind: cells[1].to_owned(),
        name: cells[2].to_owned(),
        name_kana: cells[3].to_owned(),
        birth_date: cells[4].to_owned(),
        phones: list(cells[5]).map(str::to_owned).collect(),
        email: cells[6].to_owned(),
        postcode: cells[7].to_owned(),
        address: cells[8].to_owned(),
    }
}

fn list(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('|').filter(|part| !part.is_empty())
}

/// A share that is no number is sent as 0, which the service refuses with the row's other problems.
fn insurer(text: &str) -> InsurerShare {
    let mut parts = text.split(':');
    InsurerShare {
        name: parts.next().unwrap_or_default().to_owned(),
        role: parts.next().unwrap_or_default().to_owned(),
        share_basis_points: parts
            .next()
            .and_then(|share| share.parse().ok())
            .unwrap_or_default(),
    }
}

impl FileRow for InitialCredential {
    fn columns() -> Vec<&'static str> {
        CREDENTIAL_COLUMNS.to_vec()
    }

    fn to_record(&self) -> Vec<String> {
        vec![
            self.policy_number.clone(),
            self.branch_number.clone(),
            self.customer_number.clone(),
            self.initial_user_id.clone(),
            self.code.clone(),
        ]
    }

    fn from_record(line: u32, cells: &[&str]) -> Option<Self> {
        let [
            policy_number,
            branch_number,
            customer_number,
            initial_user_id,
            code,
        ] = cells
        else {
            return None;
        };
        Some(Self {
            line,
            policy_number: (*policy_number).to_owned(),
            branch_number: (*branch_number).to_owned(),
            customer_number: (*customer_number).to_owned(),
            initial_user_id: (*initial_user_id).to_owned(),
            code: (*code).to_owned(),
        })
    }
}

impl FileRow for AccidentRow {
    fn columns() -> Vec<&'static str> {
        ACCIDENT_COLUMNS.to_vec()
    }

    fn to_record(&self) -> Vec<String> {
        vec![
            self.claim_number.clone(),
            self.policy_number.clone(),
            self.branch_number.clone(),
            self.customer_number.clone(),
            self.occurred_at.clone(),
            self.place.clone(),
            self.kind.clone(),
            self.adjuster_id.clone(),
            self.office.clone(),
            self.state.clone(),
        ]
    }

    fn from_record(line: u32, cells: &[&str]) -> Option<Self> {
        let [
            claim,
            policy,
            branch,
            customer,
            occurred_at,
            place,
            kind,
            adjuster,
            office,
            state,
        ] = cells
        else {
            return None;
        };
        Some(Self {
            line,
            claim_number: (*claim).to_owned(),
            policy_number: (*policy).to_owned(),
            branch_number: (*branch).to_owned(),
            customer_number: (*customer).to_owned(),
            occurred_at: (*occurred_at).to_owned(),
            place: (*place).to_owned(),
            kind: (*kind).to_owned(),
            adjuster_id: (*adjuster).to_owned(),
            office: (*office).to_owned(),
            state: (*state).to_owned(),
        })
    }
}
