//! Every word of our own, in Japanese and English. The texts are in texts/, one function each (build.rs).

mod codes;
mod show;

pub(crate) use show::dialled;

use std::sync::LazyLock;

use client::Language;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::{LanguageIdentifier, langid};

type Bundle = FluentBundle<FluentResource>;

static JAPANESE: LazyLock<Bundle> = LazyLock::new(|| bundle(langid!("ja"), generated::JAPANESE));
static ENGLISH: LazyLock<Bundle> = LazyLock::new(|| bundle(langid!("en"), generated::ENGLISH));

/// The texts of one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Texts {
    language: Language,
}

/// What can stand in a text: words, and numbers that choose a plural.
pub(crate) trait Argument {
    fn value(&self) -> FluentValue<'_>;
}

impl Argument for str {
    fn value(&self) -> FluentValue<'_> {
        self.into()
    }
}

impl Argument for String {
    fn value(&self) -> FluentValue<'_> {
        self.as_str().into()
    }
}

impl<T: Argument + ?Sized> Argument for &T {
    fn value(&self) -> FluentValue<'_> {
        (**self).value()
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Argument for $number {
            fn value(&self) -> FluentValue<'_> {
                (*self).into()
            }
        }
    )*};
}
numbers!(i32, i64, u32, u64, usize);

impl Texts {
    pub(crate) const fn new(language: Language) -> Self {
        Self { language }
    }

    pub(crate) const fn language(self) -> Language {
        self.language
    }

    pub(crate) const fn is_japanese(self) -> bool {
        matches!(self.language, Language::Japanese)
    }

    /// As `lang` has it (BCP 47).
    pub(crate) const fn tag(self) -> &'static str {
        match self.language {
            Language::Japanese => "ja",
            Language::English => "en",
        }
    }

    fn bundle(self) -> &'static Bundle {
        match self.language {
            Language::Japanese => &JAPANESE,
            Language::English => &ENGLISH,
        }
    }

    /// The key itself where there is no such text, which build.rs rules out.
    fn message(self, key: &str, arguments: &[(&str, FluentValue<'_>)]) -> String {
        self.find(key, arguments).unwrap_or_else(|| key.to_owned())
    }

    fn find(self, key: &str, arguments: &[(&str, FluentValue<'_>)]) -> Option<String> {
        let bundle = self.bundle();
        let pattern = bundle.get_message(key)?.value()?;
        let given: FluentArgs<'_> = arguments
            .iter()
            .map(|(name, value)| (*name, value.clone()))
            .collect();
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, Some(&given), &mut errors);
        Some(text.into_owned())
    }
}

/// A text whose variables are given one by one.
struct Given {
    texts: Texts,
    key: &'static str,
    arguments: Vec<(&'static str, FluentValue<'static>)>,
}

impl Given {
    fn new(texts: Texts, key: &'static str) -> Self {
        Self {
            texts,
            key,
            arguments: Vec::new(),
        }
    }

    fn with(mut self, name: &'static str, value: &impl Argument) -> Self {
        self.arguments.push((name, value.value().into_owned()));
        self
    }

    fn text(self) -> String {
        self.texts.message(self.key, &self.arguments)
    }
}

fn bundle(language: LanguageIdentifier, files: &[&str]) -> Bundle {
    let mut bundle = Bundle::new_concurrent(vec![language]);
    // The marks that keep directions of writing apart would stand in every copied number.
    bundle.set_use_isolating(false);
    for file in files {
        // What build.rs could not read was not built.
        let (Ok(resource) | Err((resource, _))) = FluentResource::try_new((*file).to_owned());
        bundle.add_resource_overriding(resource);
    }
    bundle
}

mod generated {
    //! What build.rs made of texts/.
    #![allow(clippy::pedantic, non_camel_case_types, reason = "generated")]

    use super::{Argument, Given, Texts};

    pub(super) const JAPANESE: &[&str] = JA;
    pub(super) const ENGLISH: &[&str] = EN;

    include!(concat!(env!("OUT_DIR"), "/texts.rs"));
}
