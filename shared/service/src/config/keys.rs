//! Reading the configuration: a TOML file and the environment, merged. Every key is read for itself, so that every
//! error is found in one run and named by its key. This is the one place that looks at the environment.

use std::{collections::BTreeSet, fmt, path::Path};

use figment::{
    Figment,
    providers::{Env, Format, Toml},
    value::Value,
};
use serde::de::DeserializeOwned;

use crate::config::secret::Secret;

/// All that is wrong with a configuration, one line each, each with the key's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<String>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} error(s)", self.0.len())?;
        self.0.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}

impl std::error::Error for ConfigErrors {}

/// What a look at one key gives. Whatever is wrong has been recorded in [`Keys`] already.
pub enum Found<T> {
    /// The key is there and reads well.
    Value(T),
    /// The key is not there.
    Absent,
    /// The key is there and wrong.
    Wrong,
}

/// The merged sources, read key by key; collects what is wrong and which keys were asked for.
pub struct Keys {
    figment: Figment,
    asked: BTreeSet<String>,
    /// What was set under names that whole machines share: no mistake where a program has no such setting.
    offered: BTreeSet<String>,
    errors: Vec<String>,
}

/// Why an address that needs TLS is wrong; else it would fail at the first call, long after the start.
pub(crate) const NO_TLS: &str = "https:// cannot be spoken yet: say http://, and encrypt between hosts by a mesh or tunnel \
                                 (docs/operations.md, What travels in clear)";

impl Keys {
    /// The file (if one is named) overridden by `MADOGUCHI__SECTION__KEY`; `NATS_URL`, `EVENT_STORE_URL` and
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` are honoured below those, as the names operators know.
    pub fn from_file_and_environment(file: Option<&Path>) -> Self {
        let mut keys = Self {
            figment: Figment::new(),
            asked: BTreeSet::new(),
            offered: BTreeSet::new(),
            errors: Vec::new(),
        };
        let known = Env::raw()
            .only(&["NATS_URL", "EVENT_STORE_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"])
            .map(|name| match name.as_str().to_ascii_uppercase().as_str() {
                "NATS_URL" => "nats.url".into(),
                "EVENT_STORE_URL" => "event_store.url".into(),
                _ => "telemetry.otlp_endpoint".into(),
            });
        keys.figment = keys.figment.merge(known);
        keys.offered = keys.present().into_iter().collect();
        if let Some(file) = file {
            match std::fs::read_to_string(file) {
                Ok(text) => keys.merge_toml(&text),
                Err(error) => keys.errors.push(format!("--config: {}: {error}", file.display())),
            }
        }
        // `MADOGUCHI_CONFIG` itself has one underscore and is no key.
        keys.figment = keys.figment.merge(Env::prefixed("MADOGUCHI__").split("__"));
        keys
    }

    /// From TOML text alone: tests and services started in process.
    pub fn from_toml(text: &str) -> Self {
        let mut keys = Self {
            figment: Figment::new(),
            asked: BTreeSet::new(),
            offered: BTreeSet::new(),
            errors: Vec::new(),
        };
        keys.merge_toml(text);
        keys
    }

    fn merge_toml(&mut self, text: &str) {
        match toml::from_str::<toml::Table>(text) {
            Ok(_) => self.figment = std::mem::take(&mut self.figment).merge(Toml::string(text)),
            Err(error) => self
                .errors
                .push(format!("not TOML: {}", error.to_string().trim_end())),
        }
    }

    /// A key that must be there.
    pub fn required<T: Setting>(&mut self, key: &str) -> Option<T> {
        match T::find(self, key) {
            Found::Value(value) => Some(value),
            Found::Wrong => None,
            Found::Absent => {
                let hint = T::HINT;
                self.wrong(key, format!("is missing{hint}"));
                None
            }
        }
    }

    /// A key with a default. `None` only if it is there and wrong.
    pub fn or<T: Setting>(&mut self, key: &str, default: impl FnOnce() -> T) -> Option<T> {
        match T::find(self, key) {
            Found::Value(value) => Some(value),
            Found::Absent => Some(default()),
            Found::Wrong => None,
        }
    }

    /// A key that may be absent. The outer `None` only if it is there and wrong.
    pub fn optional<T: Setting>(&mut self, key: &str) -> Option<Option<T>> {
        match T::find(self, key) {
            Found::Value(value) => Some(Some(value)),
            Found::Absent => Some(None),
            Found::Wrong => None,
        }
    }

    /// Whether the key is there, whatever it holds.
    pub fn has(&self, key: &str) -> bool {
        self.figment.find_value(key).is_ok()
    }

    /// Records what is wrong with a key, in words that need no other line.
    pub fn wrong(&mut self, key: &str, why: impl fmt::Display) {
        self.errors.push(format!("{key}: {why}"));
    }

    /// Reads a required key and turns it into something stricter; what that says is recorded under the key.
    pub fn parsed<T: Setting, U, E: fmt::Display>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&T) -> Result<U, E>,
    ) -> Option<U> {
        let value = self.required::<T>(key)?;
        self.checked(key, parse(&value))
    }

    /// Keeps a value or records why there is none.
    pub fn checked<U, E: fmt::Display>(&mut self, key: &str, result: Result<U, E>) -> Option<U> {
        result.map_err(|error| self.wrong(key, error)).ok()
    }

    /// The result, if nothing was wrong; keys nobody asked for are wrong too (a misspelt one would pass unseen).
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, ConfigErrors> {
        for key in self.present() {
            let asked = |asked: &String| key == *asked || key.starts_with(&format!("{asked}."));
            if !self.offered.contains(&key) && !self.asked.iter().any(asked) {
                self.errors.push(format!("{key}: no such setting"));
            }
        }
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(ConfigErrors(self.errors)),
        }
    }

    /// The keys that were looked for so far.
    #[cfg(test)]
    pub(crate) fn asked(&self) -> BTreeSet<String> {
        self.asked.clone()
    }

    fn raw(&mut self, key: &str) -> Option<Value> {
        self.asked.insert(key.to_owned());
        self.figment.find_value(key).ok()
    }

    fn present(&self) -> Vec<String> {
        fn leaves(prefix: &str, value: &Value, into: &mut Vec<String>) {
            match value {
                Value::Dict(_, dict) => {
                    for (name, value) in dict {
                        let key = if prefix.is_empty() {
                            name.clone()
                        } else {
                            format!("{prefix}.{name}")
                        };
                        leaves(&key, value, into);
                    }
                }
                _ => into.push(prefix.to_owned()),
            }
        }
        let mut keys = Vec::new();
        if let Ok(dict) = self.figment.extract::<figment::value::Dict>() {
            leaves("", &Value::from(dict), &mut keys);
        }
        keys
    }
}

/// Something one key can hold: anything serde reads, or a [`Secret`].
pub trait Setting: Sized {
    /// Said after "is missing".
    const HINT: &'static str = "";

    /// Looks the key up and records what is wrong.
    fn find(keys: &mut Keys, key: &str) -> Found<Self>;
}

impl<T: DeserializeOwned> Setting for T {
    fn find(keys: &mut Keys, key: &str) -> Found<Self> {
        let Some(value) = keys.raw(key) else {
            return Found::Absent;
        };
        match value.deserialize() {
            Ok(value) => Found::Value(value),
            Err(error) => {
                keys.wrong(key, why_unreadable(error.kind));
                Found::Wrong
            }
        }
    }
}

/// figment's own text names the value, which may be a secret put under the wrong key.
fn why_unreadable(kind: figment::error::Kind) -> String {
    use figment::error::Kind;
    match kind {
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => format!("expected {expected}"),
        Kind::UnknownVariant(_, expected) => format!("expected one of {}", expected.join(", ")),
        other => other.to_string(),
    }
}

impl Setting for Secret {
    const HINT: &'static str = " (or the same key with _file: a path to read it from)";

    fn find(keys: &mut Keys, key: &str) -> Found<Self> {
        let file_key = format!("{key}_file");
        let (inline, file) = (keys.raw(key), keys.raw(&file_key));
        let file = match (inline, file) {
            (Some(_), Some(_)) => {
                keys.wrong(key, format!("is given twice, here and in {file_key}"));
                return Found::Wrong;
            }
            (Some(value), None) => return secret_text(keys, key, &value),
            (None, None) => return Found::Absent,
            (None, Some(file)) => file,
        };
        let Some(path) = file.as_str().map(str::to_owned) else {
            keys.wrong(&file_key, "is not a path");
            return Found::Wrong;
        };
        match std::fs::read_to_string(&path) {
            Ok(text) if text.trim_end().is_empty() => {
                keys.wrong(&file_key, format!("{path} is empty"));
                Found::Wrong
            }
            Ok(text) => Found::Value(Self::new(text.trim_end().to_owned())),
            Err(error) => {
                keys.wrong(&file_key, format!("{path}: {error}"));
                Found::Wrong
            }
        }
    }
}

/// The environment's reader turns digits into numbers; a secret of digits alone is still text.
fn secret_text(keys: &mut Keys, key: &str, value: &Value) -> Found<Secret> {
    let text = match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Num(_, number) => number.to_u128().map(|number| number.to_string()),
        _ => None,
    };
    match text {
        Some(text) if !text.is_empty() => Found::Value(Secret::new(text)),
        _ => {
            keys.wrong(key, "must be text that is not empty");
            Found::Wrong
        }
    }
}

/// A group of settings that reads itself key by key. Written by [`configuration!`](crate::configuration).
pub trait Configuration: Sized {
    /// Reads every key under `section`, so that all errors are found; `None` if one was.
    fn read(keys: &mut Keys, section: &str) -> Option<Self>;

    /// The keys and what they mean, for `--help`.
    fn settings() -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

impl Configuration for () {
    fn read(_: &mut Keys, _: &str) -> Option<Self> {
        Some(())
    }
}

/// Declares a service's settings: a field without a default is required.
///
/// ```
/// service::configuration! {
///     /// What this service alone needs.
///     pub struct Config {
///         /// Threads that hash passwords.
///         pub hash_workers: usize = 2,
///         /// Signs access tokens; `signing_key` or `signing_key_file`.
///         pub signing_key: service::Secret,
///     }
/// }
/// ```
#[macro_export]
macro_rules! configuration {
    (@default) => { "; required" };
    (@default $default:expr) => { ::std::concat!("; ", ::std::stringify!($default)) };
    (@read $keys:ident, $section:ident, $field:ident) => {
        $keys.required(&::std::format!("{}.{}", $section, ::std::stringify!($field)))
    };
    (@read $keys:ident, $section:ident, $field:ident, $default:expr) => {
        $keys.or(&::std::format!("{}.{}", $section, ::std::stringify!($field)), || $default)
    };
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[doc = $doc:literal])* $field_vis:vis $field:ident : $type:ty $(= $default:expr)?),* $(,)?
    }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[doc = $doc])* $field_vis $field: $type,)* }

        impl $crate::config::keys::Configuration for $name {
            fn read(keys: &mut $crate::config::keys::Keys, section: &str) -> ::core::option::Option<Self> {
                $(let $field: ::core::option::Option<$type> =
                    $crate::configuration!(@read keys, section, $field $(, $default)?);)*
                ::core::option::Option::Some(Self { $($field: $field?,)* })
            }

            fn settings() -> ::std::vec::Vec<(&'static str, ::std::string::String)> {
                ::std::vec![$((
                    ::std::stringify!($field),
                    ::std::format!(
                        "{}{}",
                        ::core::concat!("" $(, $doc)*).trim().trim_end_matches('.'),
                        $crate::configuration!(@default $($default)?)
                    ),
                )),*]
            }
        }
    };
}
