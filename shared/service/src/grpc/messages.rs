//! Texts for people by reason: a catalogue of the shared ones and the service's own, in Japanese and English.
//! Japanese is the default; `accept-language` metadata chooses.

use std::collections::BTreeMap;

use serde::Deserialize;

const SHARED: &str = include_str!("../../messages.toml");
/// Rendered where a reason has no text of its own.
const FALLBACK: &str = "UNKNOWN_REASON";

/// One reason's text in each language.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Texts {
    ja: String,
    en: String,
}

/// A language we have texts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Language {
    Ja,
    En,
}

impl Language {
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }
}

/// What a caller wants to read, best first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Languages(Vec<Language>);

impl Default for Languages {
    fn default() -> Self {
        Self(vec![Language::Ja])
    }
}

impl Languages {
    /// Reads `accept-language` (RFC 9110, with weights). What is not ours is skipped; nothing left means Japanese.
    pub fn parse(header: &str) -> Self {
        let mut wanted: Vec<(u16, Language)> = header.split(',').filter_map(weighted).collect();
        // Stable: equal weights stay in the caller's order.
        wanted.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        if wanted.is_empty() {
            return Self::default();
        }
        Self(wanted.into_iter().map(|(_, language)| language).collect())
    }

    pub(crate) fn best(&self) -> Language {
        self.0.first().copied().unwrap_or(Language::Ja)
    }
}

/// One entry of the header with its weight in thousandths; `q=0` means not wanted.
fn weighted(entry: &str) -> Option<(u16, Language)> {
    let mut parts = entry.split(';').map(str::trim);
    let language = match parts.next()?.split('-').next()?.to_ascii_lowercase().as_str() {
        "ja" | "*" => Language::Ja,
        "en" => Language::En,
        _ => return None,
    };
    let weight = parts
        .find_map(|part| part.strip_prefix("q="))
        .map_or(1000, thousandths);
    (weight > 0).then_some((weight, language))
}

fn thousandths(weight: &str) -> u16 {
    match weight.trim().split_once('.') {
        None if weight.trim() == "0" => 0,
        None => 1000,
        Some((whole, _)) if whole != "0" => 1000,
        Some((_, fraction)) => format!("{fraction:0<3}")
            .get(..3)
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(1000),
    }
}

/// All texts a service can answer with.
#[derive(Debug, Clone, Default)]
pub struct Catalogue(BTreeMap<String, Texts>);

/// A catalogue that cannot be used; found at the start.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Not the form `[REASON]` with `ja` and `en`.
    #[error("messages.toml: {0}")]
    Form(#[from] toml::de::Error),
    /// The name of a table is not a reason.
    #[error("messages.toml: {0} is not UPPER_SNAKE_CASE")]
    Reason(String),
    /// A language's text is empty.
    #[error("messages.toml: {0} has an empty text")]
    Empty(String),
}

impl Catalogue {
    /// The shared texts and the service's own over them.
    pub fn with_own(own: &str) -> Result<Self, CatalogueError> {
        let mut texts = parse(SHARED)?;
        texts.append(&mut parse(own)?);
        Ok(Self(texts))
    }

    /// The text of a reason with `{key}` filled from the metadata; `None` if even the fallback is missing.
    pub(crate) fn render(
        &self,
        reason: &str,
        language: Language,
        metadata: &BTreeMap<&'static str, String>,
    ) -> Option<String> {
        let texts = self.0.get(reason).or_else(|| self.0.get(FALLBACK))?;
        let text = match language {
            Language::Ja => &texts.ja,
            Language::En => &texts.en,
        };
        Some(metadata.iter().fold(text.clone(), |text, (key, value)| {
            text.replace(&format!("{{{key}}}"), value)
        }))
    }
}

fn parse(text: &str) -> Result<BTreeMap<String, Texts>, CatalogueError> {
    let texts: BTreeMap<String, Texts> = toml::from_str(text)?;
    for (reason, text) in &texts {
        if !reason
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        {
            return Err(CatalogueError::Reason(reason.clone()));
        }
        if text.ja.trim().is_empty() || text.en.trim().is_empty() {
            return Err(CatalogueError::Empty(reason.clone()));
        }
    }
    Ok(texts)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn japanese_is_the_default_and_weights_decide() {
        assert_eq!(Languages::parse("").best(), Language::Ja);
        assert_eq!(Languages::parse("fr, de").best(), Language::Ja);
        assert_eq!(Languages::parse("en-US,en;q=0.9").best(), Language::En);
        assert_eq!(Languages::parse("en;q=0.5, ja;q=0.8").best(), Language::Ja);
        assert_eq!(Languages::parse("ja;q=0, en;q=0.1").best(), Language::En);
        assert_eq!(Languages::parse("EN").best(), Language::En);
    }

    #[test]
    fn a_text_is_filled_from_the_metadata() {
        let catalogue =
            Catalogue::with_own("[LATE]\nja = \"{by}分遅刻\"\nen = \"{by} minutes late\"").unwrap();
        let metadata = BTreeMap::from([("by", "5".to_owned())]);
        assert_eq!(
            catalogue.render("LATE", Language::Ja, &metadata).unwrap(),
            "5分遅刻"
        );
        assert_eq!(
            catalogue.render("LATE", Language::En, &metadata).unwrap(),
            "5 minutes late"
        );
        assert!(
            catalogue
                .render("NEVER_HEARD_OF", Language::En, &metadata)
                .is_some()
        );
    }

    #[test]
    fn a_catalogue_with_a_missing_language_or_an_odd_name_is_refused() {
        assert!(matches!(
            Catalogue::with_own("[LATE]\nen = \"late\""),
            Err(CatalogueError::Form(_))
        ));
        assert!(matches!(
            Catalogue::with_own("[late]\nen = \"late\"\nja = \"遅刻\""),
            Err(CatalogueError::Reason(_))
        ));
        assert!(matches!(
            Catalogue::with_own("[LATE]\nen = \" \"\nja = \"遅刻\""),
            Err(CatalogueError::Empty(_))
        ));
    }
}
