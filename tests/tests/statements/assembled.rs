//! What is put together at run time, and so cannot be prepared where it stands.

use std::collections::BTreeMap;

use crate::sources::Statement;

/// Calls whose statement is no constant.
pub(crate) struct Assembled {
    /// The end of its path: tools move between crates.
    file: &'static str,
    calls: usize,
}

/// Part of a statement, or more than PostgreSQL can prepare.
pub(crate) struct Fragment {
    file: &'static str,
    pub(crate) begins: &'static str,
}

impl Fragment {
    pub(crate) fn is(&self, statement: &Statement) -> bool {
        statement.file.ends_with(self.file) && statement.text.starts_with(self.begins)
    }
}

/// Whether these files have just these calls; else what differs.
pub(crate) fn compare(found: &BTreeMap<String, usize>) -> Result<(), Vec<String>> {
    let known = |file: &str| ASSEMBLED.iter().find(|known| file.ends_with(known.file));
    let mut differ: Vec<_> = found
        .iter()
        .filter(|(file, calls)| known(file).is_none_or(|known| known.calls != **calls))
        .map(|(file, calls)| format!("{file} has {calls}"))
        .collect();
    let gone = ASSEMBLED
        .iter()
        .filter(|known| !found.keys().any(|file| file.ends_with(known.file)));
    differ.extend(gone.map(|known| format!("{} has none any more", known.file)));
    if differ.is_empty() { Ok(()) } else { Err(differ) }
}

const fn calls(file: &'static str, calls: usize) -> Assembled {
    Assembled { file, calls }
}

/// Each is run by tests of its crate.
const ASSEMBLED: [Assembled; 16] = [
    // Names of schemas, tables and columns from the catalogue: services/views/tests/service/{rebuild,audit}.rs.
    calls("views/src/generations/compare.rs", 2),
    calls("views/src/generations/generation.rs", 1),
    // One of two constants, and a table's name: services/views/tests/service/rebuild.rs.
    calls("views/src/generations/registry.rs", 2),
    // The statements of `model::ERASE`.
    calls("views/src/sources/erasure.rs", 1),
    // Orders and filters that are asked for: services/views/tests/service/{staff,pictures,contracts_view}.rs.
    calls("views/src/adjuster/accidents.rs", 1),
    calls("views/src/customer/accidents.rs", 1),
    calls("views/src/customer/contracts.rs", 1),
    // Tables of every service: tests of backup and housekeeping beside them, tests/tests/system.
    calls("load/measure.rs", 1),
    calls("operate/src/backup/snapshot.rs", 1),
    calls("operate/src/housekeeping/rewrite.rs", 2),
    calls("operate/src/housekeeping/statistics.rs", 2),
    calls("operate/src/housekeeping/wal.rs", 1),
    // Databases with names of their own: shared/testkit/tests/{isolation,servers}.rs.
    // Roles and databases, and what they may do: tests/tests/system/roles.rs.
    calls("stack/roles.rs", 1),
    calls("privacy/src/grants.rs", 1),
    calls("testkit/src/postgres.rs", 2),
    calls("testkit/src/search.rs", 1),
];

/// What accidents are listed with, before the order and the filters that are asked for.
pub(crate) const FRAGMENTS: [Fragment; 2] = [
    Fragment {
        file: "views/src/adjuster/accidents.rs",
        begins: "SELECT a.*, c.product",
    },
    Fragment {
        file: "views/src/customer/accidents.rs",
        begins: "SELECT a.*, (SELECT count(*)",
    },
];
