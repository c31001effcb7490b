//! Which commands the document has, and whether they are those that were typed and those that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Commands that have commands of their own.
const GROUPS: [&str; 6] = [
    "parked",
    "set-aside",
    "erasure",
    "keyring",
    "signing-keys",
    "import",
];
/// Options of every command.
const EVERYWHERE: [&str; 4] = ["--settings", "--token-file", "--output", "--help"];

/// A command and its options.
pub(crate) type Typed = (String, BTreeSet<String>);

/// Reads a command from its words; none where it names no command.
pub(crate) fn command(words: &[&str]) -> Option<Typed> {
    let named =
        |word: &&str| !word.starts_with('-') && word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let first = words.first().filter(|word| named(word))?;
    let second = words.get(1).filter(|word| GROUPS.contains(first) && named(word));
    let path = second.map_or_else(|| (*first).to_owned(), |second| format!("{first} {second}"));
    let options = words
        .iter()
        .filter(|word| word.starts_with("--") && !EVERYWHERE.contains(*word))
        .map(|word| (*word).to_owned());
    Some((path, options.collect()))
}

/// Every command of docs/operations.md, wherever it is set in code.
pub(crate) fn documented() -> Vec<Typed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
    let document = std::fs::read_to_string(path).unwrap();
    let ends = |rest: &str| rest.split(['`', '\n', '…']).next().unwrap_or_default().to_owned();
    let found: Vec<_> = document
        .split("madoguchi-operate ")
        .skip(1)
        .map(ends)
        .filter_map(|line| command(&line.split_whitespace().collect::<Vec<_>>()))
        .collect();
    assert!(found.len() > 20, "only {found:?} were found: the search is blind");
    found
}

/// Every command that the program has.
fn existing() -> BTreeSet<String> {
    let program = operate::cli::program();
    let mut paths = BTreeSet::new();
    for command in program.get_subcommands() {
        let below: Vec<_> = command.get_subcommands().collect();
        if below.is_empty() || !command.is_subcommand_required_set() {
            paths.insert(command.get_name().to_owned());
        }
        paths.extend(
            below
                .iter()
                .map(|below| format!("{} {}", command.get_name(), below.get_name())),
        );
    }
    paths
}

/// Each command of the document was typed with its options, each typed one is in the document, and there is no other.
pub(crate) fn assert_all_typed(documented: &[Typed], typed: &[Typed]) {
    for (path, options) in documented {
        let done = typed
            .iter()
            .any(|(other, with)| other == path && options.is_subset(with));
        assert!(
            done,
            "docs/operations.md has `madoguchi-operate {path}` with {options:?}, which nobody has typed"
        );
    }
    let mut named: BTreeMap<&str, &BTreeSet<String>> = BTreeMap::new();
    named.extend(documented.iter().map(|(path, options)| (path.as_str(), options)));
    for (path, _) in typed {
        assert!(
            named.contains_key(path.as_str()),
            "docs/operations.md has no `madoguchi-operate {path}`"
        );
    }
    let typed: BTreeSet<_> = typed.iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(
        typed,
        existing(),
        "the commands that were typed against those that there are"
    );
}

#[test]
fn a_command_is_read_with_its_options() {
    let read = |line: &str| command(&line.split_whitespace().collect::<Vec<_>>());
    let (path, options) = read("erasure request --customer NUMBER --settings identity.toml").unwrap();
    assert_eq!(
        (path.as_str(), options),
        ("erasure request", BTreeSet::from(["--customer".to_owned()]))
    );
    assert_eq!(read("backup DIR --with-views").unwrap().0, "backup");
    assert_eq!(read("--help"), None);
}

#[test]
#[should_panic(expected = "which nobody has typed")]
fn a_command_of_the_document_that_is_not_typed_is_found() {
    assert_all_typed(&documented(), &[]);
}

#[test]
#[should_panic(expected = "docs/operations.md has no `madoguchi-operate views`")]
fn a_typed_command_that_is_not_in_the_document_is_found() {
    assert_all_typed(&[], &[("views".to_owned(), BTreeSet::new())]);
}
