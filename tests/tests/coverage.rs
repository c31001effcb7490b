//! The published language is covered: every RPC has its row in the caller table, every mutating RPC its request id, every
//! list its paging, every published event a consumer that names it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use contracts::access::{Allowed, TABLE};
use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorSet};

fn descriptors() -> FileDescriptorSet {
    FileDescriptorSet::decode(contracts::FILE_DESCRIPTOR_SET).unwrap()
}

/// Every RPC with its path and the name of its request message.
fn rpcs() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for file in descriptors().file {
        for service in &file.service {
            for method in &service.method {
                found.push((
                    format!("/{}.{}/{}", file.package(), service.name(), method.name()),
                    method.input_type().trim_start_matches('.').to_owned(),
                ));
            }
        }
    }
    found
}

fn message(full_name: &str) -> DescriptorProto {
    for file in descriptors().file {
        for candidate in &file.message_type {
            if format!("{}.{}", file.package(), candidate.name()) == full_name {
                return candidate.clone();
            }
        }
    }
    panic!("no message {full_name}")
}

fn fields(message: &DescriptorProto) -> BTreeSet<&str> {
    message
        .field
        .iter()
        .map(prost_types::FieldDescriptorProto::name)
        .collect()
}

#[test]
fn every_rpc_has_exactly_one_row_in_the_caller_table() {
    for (rpc, _) in rpcs() {
        let rows = TABLE.iter().filter(|rule| rule.rpc == rpc).count();
        assert_eq!(rows, 1, "{rpc} has {rows} rows in contracts::access::TABLE");
    }
}

#[test]
fn every_row_of_the_caller_table_is_an_rpc_and_admits_somebody() {
    let known: BTreeSet<String> = rpcs().into_iter().map(|(rpc, _)| rpc).collect();
    for rule in TABLE {
        assert!(
            known.contains(rule.rpc) || rule.rpc.starts_with("/grpc."),
            "{} is no RPC of ours",
            rule.rpc
        );
        assert!(!rule.allowed.is_empty(), "nobody may call {}", rule.rpc);
    }
}

#[test]
fn no_import_or_staff_rpc_is_open_to_anyone() {
    for rule in TABLE {
        let staff = ["Import", "MarkSubmissionSeen", "DownloadOriginal", "AdjusterView"]
            .iter()
            .any(|word| rule.rpc.contains(word));
        if staff {
            assert!(
                rule.allowed
                    .iter()
                    .all(|allowed| matches!(allowed, Allowed::Staff(_))),
                "{} must be for staff only",
                rule.rpc
            );
        }
    }
}

/// RPCs that change nothing, and those whose answers hold secrets and follow ID-16 instead of request ids.
const WITHOUT_REQUEST_ID: [&str; 12] = [
    "Read",
    "Describe",
    "Get",
    "List",
    "Search",
    "Query",
    "Download",
    "Prepare",
    "Login",
    "CompleteLogin",
    "Refresh",
    // the chunks of an upload are idempotent by their offset
    "WriteUpload",
];

#[test]
fn every_mutating_rpc_carries_a_request_id() {
    for (rpc, request) in rpcs() {
        let name = rpc.rsplit('/').next().unwrap().to_owned();
        let exempt = WITHOUT_REQUEST_ID.iter().any(|prefix| name.starts_with(prefix));
        assert!(
            exempt || fields(&message(&request)).contains("request_id"),
            "{rpc} has no request_id"
        );
    }
}

#[test]
fn every_list_is_paged() {
    for (rpc, request) in rpcs() {
        let name = rpc.rsplit('/').next().unwrap().to_owned();
        if name.starts_with("List") || name.starts_with("Search") {
            let message = message(&request);
            let fields = fields(&message);
            assert!(
                fields.contains("page_size") && fields.contains("page_token"),
                "{rpc} is not paged"
            );
            assert!(
                fields.contains("consistency_tokens"),
                "{rpc} takes no consistency tokens"
            );
        }
    }
}

#[test]
fn every_published_event_has_a_consumer_that_names_it() {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
    let mut readers = String::new();
    for (folder, owner) in [
        ("services/views/src", "views"),
        ("services/identity/src/react.rs", "identity"),
        ("services/phone-verification/src/react.rs", "phone-verification"),
    ] {
        let text = read_all(&root.join(folder));
        assert!(!text.is_empty(), "{owner} has no {folder}");
        readers.push_str(&text);
    }
    for file in descriptors().file {
        for envelope in file
            .message_type
            .iter()
            .filter(|message| message.name().ends_with("Event"))
        {
            for field in envelope.field.iter().filter(|field| field.oneof_index.is_some()) {
                let variant = field.type_name().rsplit('.').next().unwrap().to_owned();
                assert!(
                    readers.contains(&format!("::{variant}(")),
                    "nobody consumes {}.{variant}",
                    file.package()
                );
            }
        }
    }
}

fn read_all(path: &Path) -> String {
    if path.is_file() {
        return fs::read_to_string(path).unwrap();
    }
    let mut text = String::new();
    if let Ok(entries) = fs::read_dir(path) {
        for entry in entries {
            text.push_str(&read_all(&entry.unwrap().path()));
        }
    }
    text
}

/// Who has a catalogue of texts.
const CATALOGUES: [&str; 6] = [
    "services/identity",
    "services/endorsement",
    "services/claim-images",
    "services/phone-verification",
    "services/views",
    "shared/service",
];

/// A reason with its texts.
struct Texts {
    reason: String,
    ja: String,
    en: String,
}

/// A catalogue's texts: tables of two lines each.
fn texts(place: &Path) -> Vec<Texts> {
    let catalogue = fs::read_to_string(place.join("messages.toml")).unwrap();
    let tables = catalogue.split("\n[").skip(1);
    tables
        .map(|table| {
            let text = |key: &str| {
                let line = table.lines().find_map(|line| line.strip_prefix(key));
                line.unwrap_or_else(|| panic!("no `{key}` in [{table}"))
                    .to_owned()
            };
            Texts {
                reason: table.split(']').next().unwrap().to_owned(),
                ja: text("ja = "),
                en: text("en = "),
            }
        })
        .collect()
}

/// Met in a test of its own service, by name: most in a walk, which also compares what it met with the catalogue.
#[test]
fn every_reason_with_a_text_is_met_in_a_test() {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
    let mut untested = Vec::new();
    for place in CATALOGUES {
        let folder = root.join(place);
        let tests = tests_of(&folder) + &tests_of(&root.join("shared/kernel"));
        let missing = texts(&folder)
            .into_iter()
            .filter(|texts| !tests.contains(&format!("\"{}\"", texts.reason)));
        untested.extend(missing.map(|texts| format!("{place}: {}", texts.reason)));
    }
    assert!(untested.is_empty(), "no test meets\n  {}", untested.join("\n  "));
}

#[test]
fn every_text_is_translated_and_is_filled_from_the_same_values() {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
    let japanese = |c: char| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}');
    // Names of values end in the language where the value does too.
    let blanks = |text: &str| -> BTreeSet<String> {
        let blanks = text.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        blanks
            .map(|name| name.trim_end_matches("_ja").trim_end_matches("_en").to_owned())
            .collect()
    };
    for place in CATALOGUES {
        for Texts { reason, ja, en } in texts(&root.join(place)) {
            assert!(ja.contains(japanese), "{place}: {reason} in Japanese is {ja}");
            assert!(!en.contains(japanese), "{place}: {reason} in English is {en}");
            assert_eq!(blanks(&ja), blanks(&en), "{place}: {reason}");
        }
    }
}

/// The text of a crate's tests: its `tests/`, its specifications, and what stands behind `#[cfg(test)]` in its sources.
fn tests_of(folder: &Path) -> String {
    let mut text = read_all(&folder.join("tests"));
    let mut folders = vec![folder.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = fs::read_to_string(&path).unwrap_or_default();
            let name = path.to_string_lossy();
            let whole = name.contains("specification") || name.ends_with("tests.rs");
            let from = if whole {
                Some(0)
            } else {
                source.find("#[cfg(test)]")
            };
            text.push_str(from.map_or("", |from| &source[from..]));
        }
    }
    text
}
