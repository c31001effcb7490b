//! Finds the personal fields in the JSON of a domain event and seals or opens each at its place.
//! Relies on the markers of `kernel::personal`; knows nothing of event types.

use std::collections::BTreeSet;

use kernel::ids::{EventId, KeyId, SubjectId};
use kernel::personal::{ERASED_MARKER, PERSONAL_MARKER, SEALED_MARKER, SealedField};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::field::{SealError, erased_field, is_erased, open_field, seal_field};
use crate::key::KeySet;

/// The content of a node under the plaintext marker.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    subject: SubjectId,
    value: Value,
}

/// The content of a node under the marker of an erased value.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Erased {
    subject: SubjectId,
}

/// A personal field, or a part of the tree that is none.
enum Node {
    Known(Known),
    Sealed(SealedField),
    Erased(Erased),
    Object(Map<String, Value>),
    List(Vec<Value>),
    Leaf(Value),
}

/// The subjects whose keys sealing this value needs. A malformed field is left for [`seal_tree`] to report.
pub fn subjects_in(value: &Value) -> BTreeSet<SubjectId> {
    let mut subjects = BTreeSet::new();
    visit(value, &mut |marker, content| {
        if marker == PERSONAL_MARKER
            && let Ok(known) = Known::deserialize(content)
        {
            subjects.insert(known.subject);
        }
    });
    subjects
}

/// The keys that opening this value needs. A malformed field is left for [`open_tree`] to report.
pub fn keys_in(value: &Value) -> BTreeSet<KeyId> {
    let mut keys = BTreeSet::new();
    visit(value, &mut |marker, content| {
        if marker == SEALED_MARKER
            && let Ok(field) = SealedField::deserialize(content)
            && !is_erased(&field)
        {
            keys.insert(field.key_id);
        }
    });
    keys
}

/// Replaces every plaintext field by its sealed form, bound to this event and to its place (a JSON pointer, list index
/// included); a value erased before is written with empty ciphertext. A field sealed for another event is refused.
pub fn seal_tree(value: Value, event: EventId, keys: &KeySet) -> Result<Value, SealError> {
    rewrite(value, &mut String::new(), &mut |node, path| match node {
        Node::Known(known) => {
            let plaintext = Zeroizing::new(known.value.to_string());
            let field = seal_field(keys, event, path, known.subject, plaintext.as_bytes())?;
            marked(SEALED_MARKER, &field, path)
        }
        Node::Erased(Erased { subject }) => marked(SEALED_MARKER, &erased_field(subject, path), path),
        Node::Sealed(field) if is_erased(&field) => {
            marked(SEALED_MARKER, &erased_field(field.subject, path), path)
        }
        Node::Sealed(_) => Err(SealError::AlreadySealed { path: path.into() }),
        Node::Object(_) | Node::List(_) | Node::Leaf(_) => Err(SealError::Malformed { path: path.into() }),
    })
}

/// Replaces every sealed field by its plaintext, or by the mark of an erased value where its key is destroyed.
/// Stored plaintext is refused: nobody vouches for it, and it should not be there.
pub fn open_tree(value: Value, event: EventId, keys: &KeySet) -> Result<Value, SealError> {
    rewrite(value, &mut String::new(), &mut |node, path| match node {
        Node::Sealed(field) => {
            let subject = field.subject;
            match open_field(keys, event, &field)? {
                None => marked(ERASED_MARKER, &Erased { subject }, path),
                Some(plaintext) => {
                    let value = serde_json::from_slice(&plaintext)
                        .map_err(|_| SealError::Malformed { path: path.into() })?;
                    marked(PERSONAL_MARKER, &Known { subject, value }, path)
                }
            }
        }
        Node::Erased(erased) => marked(ERASED_MARKER, &erased, path),
        Node::Known(_) => Err(SealError::NotSealed { path: path.into() }),
        Node::Object(_) | Node::List(_) | Node::Leaf(_) => Err(SealError::Malformed { path: path.into() }),
    })
}

type Change<'a> = dyn FnMut(Node, &str) -> Result<Value, SealError> + 'a;

/// Rebuilds the tree, handing each personal field to `change`; `path` is the JSON pointer of `value`.
fn rewrite(value: Value, path: &mut String, change: &mut Change<'_>) -> Result<Value, SealError> {
    match classify(value, path)? {
        Node::Leaf(leaf) => Ok(leaf),
        Node::List(items) => {
            let rewritten = items
                .into_iter()
                .enumerate()
                .map(|(index, item)| descend(path, &index.to_string(), |path| rewrite(item, path, change)));
            rewritten.collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        Node::Object(members) => {
            let rewritten = members.into_iter().map(|(name, member)| {
                let member = descend(path, &name, |path| rewrite(member, path, change))?;
                Ok((name, member))
            });
            rewritten.collect::<Result<Map<_, _>, _>>().map(Value::Object)
        }
        field @ (Node::Known(_) | Node::Sealed(_) | Node::Erased(_)) => change(field, path),
    }
}

fn classify(value: Value, path: &str) -> Result<Node, SealError> {
    let mut members = match value {
        Value::Object(members) => members,
        Value::Array(items) => return Ok(Node::List(items)),
        leaf => return Ok(Node::Leaf(leaf)),
    };
    let Some(marker) = marker_of(&members) else {
        return Ok(Node::Object(members));
    };
    let malformed = || SealError::Malformed { path: path.into() };
    if members.len() != 1 {
        return Err(malformed());
    }
    let content = members.remove(marker).ok_or_else(malformed)?;
    match marker {
        PERSONAL_MARKER => {
            let known: Known = serde_json::from_value(content).map_err(|_| malformed())?;
            if holds_personal_field(&known.value) {
                return Err(SealError::Nested { path: path.into() });
            }
            Ok(Node::Known(known))
        }
        SEALED_MARKER => serde_json::from_value(content).map(Node::Sealed),
        _ => serde_json::from_value(content).map(Node::Erased),
    }
    .map_err(|_| malformed())
}

fn marker_of(members: &Map<String, Value>) -> Option<&'static str> {
    [PERSONAL_MARKER, SEALED_MARKER, ERASED_MARKER]
        .into_iter()
        .find(|marker| members.contains_key(*marker))
}

fn holds_personal_field(value: &Value) -> bool {
    let mut found = false;
    visit(value, &mut |_, _| found = true);
    found
}

/// Calls `seen` with marker and content of each personal field, not descending into it.
fn visit(value: &Value, seen: &mut dyn FnMut(&'static str, &Value)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| visit(item, seen)),
        Value::Object(members) => match marker_of(members) {
            Some(marker) => seen(marker, &members[marker]),
            None => members.values().for_each(|member| visit(member, seen)),
        },
        _ => {}
    }
}

/// Runs `work` with one more reference token on the pointer, escaped by RFC 6901 section 3.
fn descend<T>(path: &mut String, token: &str, work: impl FnOnce(&mut String) -> T) -> T {
    let length = path.len();
    path.push('/');
    path.push_str(&token.replace('~', "~0").replace('/', "~1"));
    let result = work(path);
    path.truncate(length);
    result
}

fn marked(marker: &str, content: &impl Serialize, path: &str) -> Result<Value, SealError> {
    let content = serde_json::to_value(content).map_err(|_| SealError::Malformed { path: path.into() })?;
    Ok(Value::Object(Map::from_iter([(marker.to_owned(), content)])))
}
