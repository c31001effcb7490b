//! Match keys of names (domain.md section 4): what was entered is kept byte for byte, comparison is exact on these
//! keys, never fuzzy. A name matches if its kanji key or its kana key does. Keys are stored: **Format**.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization as _;

use crate::marks;

/// Version of both keys, stored beside them; a change of the tables below raises it.
pub const MATCH_KEY_VERSION: u32 = 1;

/// Old and variant forms: each line a current form and what stands for it.
const OLD_FORMS: &str = include_str!("../data/old_forms.txt");

static CURRENT_FORM: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let rows = OLD_FORMS.lines().filter(|line| !line.starts_with('#'));
    rows.flat_map(|row| {
        let mut forms = row.chars().filter(|c| !c.is_whitespace());
        let current = forms.next();
        forms.filter_map(move |old| current.map(|current| (old, current)))
    })
    .collect()
});

/// A company's form in kana keys: the one spelling, what stands for it anywhere, and the banks' abbreviation, which
/// counts as `(カ)` anywhere, as `カ)` in front and as `(カ` at the end.
const KANA_COMPANY_FORMS: [(&str, &[&str], &str); 5] = [
    (
        "カブシキガイシヤ",
        &["株式会社", "株式會社", "(株)", "カブシキカイシヤ"],
        "カ",
    ),
    (
        "ユウゲンガイシヤ",
        &["有限会社", "有限會社", "(有)", "ユウゲンカイシヤ"],
        "ユ",
    ),
    (
        "ゴウドウガイシヤ",
        &["合同会社", "合同會社", "(同)", "ゴウドウカイシヤ"],
        "ド",
    ),
    (
        "ゴウシガイシヤ",
        &["合資会社", "合資會社", "(資)", "ゴウシカイシヤ"],
        "シ",
    ),
    (
        "ゴウメイガイシヤ",
        &["合名会社", "合名會社", "(名)", "ゴウメイカイシヤ"],
        "メ",
    ),
];

/// The same in kanji keys, after old forms are mapped.
const KANJI_COMPANY_FORMS: [(&str, &[&str]); 5] = [
    ("株式会社", &["㈱", "㍿", "(株)", "（株）"]),
    ("有限会社", &["㈲", "(有)", "（有）"]),
    ("合同会社", &["(同)", "（同）"]),
    ("合資会社", &["㈾", "(資)", "（資）"]),
    ("合名会社", &["㈴", "(名)", "（名）"]),
];

/// The kana key: NFKC, katakana, large kana, ヂ→ジ, ヅ→ズ, ヲ→オ, without spaces, middle dots, dashes and ー, company
/// forms to one.
pub fn kana_key(name: &str) -> String {
    settled(name, |name| {
        // Stand-alone voicing marks would decompose to a space and a mark, and never join their kana.
        let joined = name
            .replace(['\u{309B}', '\u{FF9E}'], "\u{3099}")
            .replace(['\u{309C}', '\u{FF9F}'], "\u{309A}");
        let folded: String = joined
            .nfkc()
            .filter(|c| !is_dropped(*c))
            .map(plain_kana)
            .collect();
        let composed: String = folded.nfkc().map(plain_kana).collect();
        one_kana_company_form(composed)
    })
}

/// The kanji key: without variation selectors and spaces, old forms mapped by table, company forms to one.
pub fn kanji_key(name: &str) -> String {
    settled(name, |name| {
        let kept = name
            .chars()
            .filter(|c| !marks::is_variation_selector(*c) && !marks::is_blank(*c));
        let mut key: String = kept.map(current_form).collect();
        for (canonical, variants) in KANJI_COMPANY_FORMS {
            for variant in variants {
                key = key.replace(variant, canonical);
            }
        }
        key
    })
}

/// Applies `pass` until nothing changes, so that a key of a key is the key; dropping a mark can bring together what
/// composes. A handful of passes is more than any input needs.
fn settled(name: &str, pass: impl Fn(&str) -> String) -> String {
    let mut key = pass(name);
    for _ in 0..8 {
        let next = pass(&key);
        if next == key {
            break;
        }
        key = next;
    }
    key
}

fn is_dropped(c: char) -> bool {
    marks::is_blank(c) || marks::is_middle_dot(c) || marks::is_dash_like(c)
}

/// Hiragana to katakana, small to large, and the pairs that sound alike to one.
fn plain_kana(c: char) -> char {
    let katakana = match c {
        '\u{3041}'..='\u{3096}' | '\u{309D}' | '\u{309E}' => char::from_u32(u32::from(c) + 0x60).unwrap_or(c),
        _ => c,
    };
    match katakana {
        'ァ' => 'ア',
        'ィ' => 'イ',
        'ゥ' => 'ウ',
        'ェ' => 'エ',
        'ォ' | 'ヲ' => 'オ',
        'ッ' => 'ツ',
        'ャ' => 'ヤ',
        'ュ' => 'ユ',
        'ョ' => 'ヨ',
        'ヮ' => 'ワ',
        'ヵ' => 'カ',
        'ヶ' => 'ケ',
        'ヂ' => 'ジ',
        'ヅ' => 'ズ',
        other => other,
    }
}

/// Compatibility ideographs (the glyph variants of old code pages) decompose to their character by Unicode's own
/// table; ours knows the rest.
fn current_form(c: char) -> char {
    let unified = match c {
        '\u{F900}'..='\u{FAFF}' | '\u{2F800}'..='\u{2FA1F}' => std::iter::once(c).nfkc().next().unwrap_or(c),
        _ => c,
    };
    CURRENT_FORM.get(&unified).copied().unwrap_or(unified)
}

fn one_kana_company_form(mut key: String) -> String {
    for (canonical, variants, short) in KANA_COMPANY_FORMS {
        for variant in variants {
            key = key.replace(variant, canonical);
        }
        key = key.replace(&format!("({short})"), canonical);
        if let Some(rest) = key.strip_prefix(&format!("{short})")) {
            key = format!("{canonical}{rest}");
        }
        if let Some(rest) = key.strip_suffix(&format!("({short}")) {
            key = format!("{rest}{canonical}");
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn same_kana(names: &[&str], key: &str) {
        for name in names {
            assert_eq!(kana_key(name), key, "{name}");
        }
    }

    #[test]
    fn half_width_hiragana_and_stray_voicing_marks_are_one() {
        same_kana(&["ガ", "ｶﾞ", "が", "か\u{3099}", "か゛", "カ \u{3099}"], "ガ");
        same_kana(&["パ", "ﾊﾟ", "ぱ", "は゜"], "パ");
    }

    #[test]
    fn small_kana_are_large() {
        same_kana(&["キョウコ", "きょうこ", "ｷｮｳｺ", "キヨウコ"], "キヨウコ");
        same_kana(&["ハットリ", "はっとり"], "ハツトリ");
        same_kana(&["イチガヤ ヶ", "イチガヤケ"], "イチガヤケ");
    }

    #[test]
    fn the_long_vowel_mark_is_dropped_like_any_dash() {
        same_kana(
            &["オーノ", "オ-ノ", "ｵｰﾉ", "オ－ノ", "オ―ノ", "オ〜ノ", "オノ"],
            "オノ",
        );
    }

    #[test]
    fn kana_that_sound_alike_are_one() {
        same_kana(&["ヂ", "ジ", "ぢ", "ﾁﾞ"], "ジ");
        same_kana(&["ヅ", "ズ", "づ", "っ\u{3099}"], "ズ");
        same_kana(&["ヲ", "オ", "を"], "オ");
    }

    #[test]
    fn spaces_and_middle_dots_are_dropped() {
        same_kana(
            &[
                "ジョン・スミス",
                "ｼﾞｮﾝ･ｽﾐｽ",
                "ジョン　スミス",
                "ジョン=スミス".replace('=', "゠").as_str(),
            ],
            "ジヨンスミス",
        );
    }

    #[test]
    fn every_spelling_of_a_company_form_is_one() {
        same_kana(
            &[
                "株式会社ヤマダ",
                "㈱ヤマダ",
                "(株)ヤマダ",
                "（株）ヤマダ",
                "㍿ヤマダ",
                "カブシキガイシャ ヤマダ",
                "かぶしきかいしゃ　やまだ",
                "カ）ヤマダ",
                "ｶ)ﾔﾏﾀﾞ",
                "（カ）ヤマダ",
            ],
            "カブシキガイシヤヤマダ",
        );
        same_kana(
            &["ヤマダ（カ", "ﾔﾏﾀﾞ(ｶ)", "ヤマダ株式会社"],
            "ヤマダカブシキガイシヤ",
        );
        for name in [
            "株式会社山田",
            "㈱山田",
            "(株)山田",
            "（株）山田",
            "株式會社 山田",
        ] {
            assert_eq!(kanji_key(name), "株式会社山田", "{name}");
        }
    }

    #[test]
    fn old_forms_are_current_forms_and_different_characters_stay_apart() {
        let pairs = [
            ("髙橋", "高橋"),
            ("山﨑", "山崎"),
            ("渡邊", "渡辺"),
            ("渡邉", "渡辺"),
            ("齋藤", "斎藤"),
            ("齊藤", "斉藤"),
            ("澤田　廣", "沢田広"),
            ("𠮷田", "吉田"),
            ("濵口", "浜口"),
            ("渡辺\u{E0101}", "渡辺"),
            ("神\u{FA19}", "神神"),
        ];
        for (old, current) in pairs {
            assert_eq!(kanji_key(old), current, "{old}");
        }
        assert_ne!(kanji_key("斎藤"), kanji_key("斉藤"));
    }

    #[test]
    fn the_table_of_old_forms_has_no_chains_and_no_repeats() {
        let old_forms: usize = OLD_FORMS
            .lines()
            .filter(|l| !l.starts_with('#'))
            .map(|l| l.split_whitespace().count().saturating_sub(1))
            .sum();
        assert!(old_forms >= 40, "{old_forms}");
        assert_eq!(CURRENT_FORM.len(), old_forms, "an old form stands twice");
        for (old, current) in CURRENT_FORM.iter() {
            assert!(
                !CURRENT_FORM.contains_key(current),
                "{old} leads to {current}, which is old itself"
            );
        }
    }

    proptest! {
        #[test]
        fn a_key_of_a_key_is_the_key(name in "[ぁ-ゖァ-ヺｦ-ﾟ゛゜\u{3099}\u{309A}ー株式会社㈱(カユシ)（ ・-]{0,12}") {
            prop_assert_eq!(kana_key(&kana_key(&name)), kana_key(&name));
        }

        #[test]
        fn keys_of_any_text_settle(name in "\\PC{0,16}") {
            prop_assert_eq!(kana_key(&kana_key(&name)), kana_key(&name));
            prop_assert_eq!(kanji_key(&kanji_key(&name)), kanji_key(&name));
        }
    }
}
