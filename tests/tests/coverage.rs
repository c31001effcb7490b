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
        let staff = [
            "Import",
            "MarkSubmissionSeen",
            "DownloadOriginal",
            "AdjusterView",
            "KeyringService",
            "SigningKeyService",
            "RequestErasure",
            "ApproveErasure",
            "LegalHold",
        ]
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
const WITHOUT_REQUEST_ID: [&str; 13] = [
    "Read",
    "Describe",
    "Get",
    "List",
    "Search",
    "Query",
    "Check",
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

/// Lists of what their own service knows: rows it writes before it answers, and contracts, which say themselves what differs.
const OF_OWN_ROWS: [&str; 4] = [
    "ListDifferences",
    "ListParked",
    "ListPendingErasures",
    "ListSetAside",
];

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
                fields.contains("consistency_tokens") || OF_OWN_ROWS.contains(&name.as_str()),
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

/// What parks a message by its entity reads nothing but the heading, of known and unknown kinds alike.
#[test]
fn every_integration_event_begins_with_the_heading() {
    let heading = message("madoguchi.common.v1.EventHeading");
    let mut envelopes = 0;
    for file in descriptors().file {
        let envelope = |message: &&DescriptorProto| {
            message.name().ends_with("Event") && message.field.iter().any(|field| field.oneof_index.is_some())
        };
        for envelope in file.message_type.iter().filter(envelope) {
            envelopes += 1;
            for (own, wanted) in envelope.field.iter().zip(&heading.field) {
                let said = |field: &prost_types::FieldDescriptorProto| {
                    (field.name().to_owned(), field.number(), field.r#type())
                };
                assert_eq!(said(own), said(wanted), "{}.{}", file.package(), envelope.name());
            }
        }
    }
    assert_eq!(envelopes, 4, "one envelope for each service that publishes");
}

fn read_all(path: &Path) -> String {
    if path.is_file() {
        // Pictures that tests keep are no text, and name no reason.
        return String::from_utf8(fs::read(path).unwrap()).unwrap_or_default();
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

/// Where reasons stand that a service answers with although another crate names them.
const NAMED_ELSEWHERE: [(&str, &str); 10] = [
    ("services/endorsement", "shared/kernel/src/address.rs"),
    ("services/views", "services/claim-images/src/domain/import.rs"),
    ("shared/service", "shared/rulebook/src/number_rules.rs"),
    ("shared/service", "shared/rulebook/src/login_number.rs"),
    ("services/endorsement", "shared/kernel/src/phone.rs"),
    ("services/phone-verification", "shared/kernel/src/caller.rs"),
    ("shared/service", "shared/decider/src"),
    ("shared/service", "shared/eventsourcing/src"),
    ("shared/service", "shared/messaging/src"),
    ("shared/service", "shared/privacy/src"),
];

/// What is written like a reason and is none: a state, a kind, a variable of the environment.
const VALUES: [(&str, &[&str]); 4] = [
    (
        "services/identity",
        &[
            "AUTHORITY",
            "LITIGATION",
            "OPEN_CLAIM",
            "REPLAYED_REFRESH_TOKEN",
            "RETENTION_DUTY",
            "RETENTION_OVER",
            "SUBJECT_REQUEST",
        ],
    ),
    (
        "services/claim-images",
        &["ACCIDENT_PLACE", "DAMAGED_PROPERTY", "WATER_LEAK"],
    ),
    (
        "services/views",
        &[
            "ACCOUNT_CLOSED",
            "CALL_VERIFIED",
            "CARGO_PKG_VERSION",
            "PASSWORD_ONLY",
        ],
    ),
    (
        "shared/service",
        &[
            "CARGO_PKG_VERSION",
            "EVENT_STORE_URL",
            "IGNORE_ALWAYS",
            "MADOGUCHI_CONFIG",
            "NATS_URL",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            // Why an event is set aside at its source: for operators, whose tool has the words.
            "TOO_LARGE",
            "UNHANDLED",
            "UNPUBLISHABLE",
        ],
    ),
];

/// Found in the sources themselves, so that none can be forgotten: words joined by underscores wherever they stand, single
/// words where a type of reasons spells itself.
#[test]
fn every_reason_in_the_sources_has_a_text() {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
    let named = |place: &str| -> BTreeSet<String> {
        let texts = texts(&root.join(place));
        texts.into_iter().map(|texts| texts.reason).collect()
    };
    let shared = named("shared/service");
    for place in CATALOGUES {
        let own = named(place);
        let found = reasons_in(&product_of(&root, place));
        let values = VALUES.iter().find(|(of, _)| *of == place);
        let values: BTreeSet<String> = values
            .into_iter()
            .flat_map(|(_, values)| values.iter().map(|&value| value.to_owned()))
            .collect();
        let without: BTreeSet<String> = found
            .into_iter()
            .filter(|reason| !own.contains(reason) && !shared.contains(reason))
            .collect();
        assert_eq!(
            without, values,
            "{place}: left without a text, against what needs none"
        );
    }
}

#[test]
fn every_text_has_a_reason_in_the_sources() {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
    let products: Vec<String> = CATALOGUES.iter().map(|place| product_of(&root, place)).collect();
    for (place, product) in CATALOGUES.iter().zip(&products) {
        for Texts { reason, .. } in texts(&root.join(place)) {
            let literal = format!("\"{reason}\"");
            let given = if *place == "shared/service" {
                products.iter().any(|product| product.contains(&literal))
            } else {
                product.contains(&literal)
            };
            assert!(given, "{place}: nothing answers with {reason}");
        }
    }
}

/// String literals of the form `UPPER_SNAKE`.
fn reasons_in(product: &str) -> BTreeSet<String> {
    let literals = |text: &str, least_words: usize| -> Vec<String> {
        let words = |literal: &&str| {
            let mut words = literal.split('_');
            literal.split('_').count() >= least_words
                && words.all(|word| {
                    word.len() > 2 && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
                })
        };
        text.split('"').filter(words).map(str::to_owned).collect()
    };
    let attributes = |line: &&str| !line.trim_start().starts_with("#[");
    let plain: Vec<&str> = product.lines().filter(attributes).collect();
    let mut found = BTreeSet::from_iter(literals(&plain.join("\n"), 2));
    for block in product.split("\nimpl ").skip(1) {
        let block = block.split("\n}").next().unwrap();
        if block.lines().next().unwrap().ends_with("Reason {") {
            found.extend(literals(block, 1));
        }
    }
    found
}

/// What a place's product says: its sources and those that name its reasons elsewhere, without their tests.
fn product_of(root: &Path, place: &str) -> String {
    let elsewhere = NAMED_ELSEWHERE.iter().filter(|(of, _)| *of == place);
    let mut text = sources(&root.join(place).join("src")).0;
    for (_, path) in elsewhere {
        text.push_str(&sources(&root.join(path)).0);
    }
    text
}

/// The text of a crate's tests: its `tests/`, and those in its sources.
fn tests_of(folder: &Path) -> String {
    read_all(&folder.join("tests")) + &sources(&folder.join("src")).1
}

/// The sources at this path: the product's, and the tests', which are files of specifications and of tests, and what stands
/// in modules behind `#[cfg(test)]`.
fn sources(path: &Path) -> (String, String) {
    let (mut product, mut tests) = (String::new(), String::new());
    let mut paths = vec![path.to_owned()];
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let name = path.to_string_lossy();
        let source = fs::read_to_string(&path).unwrap();
        let from = if name.contains("specification") || name.ends_with("tests.rs") {
            0
        } else {
            let marks = source.match_indices("#[cfg(test)]").map(|(at, _)| at);
            let mut inline = marks.filter(|at| source[*at..].find('{') < source[*at..].find(';'));
            inline.next().unwrap_or(source.len())
        };
        product.push_str(&source[..from]);
        tests.push_str(&source[from..]);
    }
    (product, tests)
}
