//! Invented people and companies: common surnames and given names put together by code, towns that do not exist.
//! Whoever bears such a name bears it by chance.

use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

const SURNAMES: [(&str, &str); 40] = [
    ("佐藤", "サトウ"),
    ("鈴木", "スズキ"),
    ("高橋", "タカハシ"),
    ("髙橋", "タカハシ"),
    ("田中", "タナカ"),
    ("伊藤", "イトウ"),
    ("渡辺", "ワタナベ"),
    ("渡邊", "ワタナベ"),
    ("山本", "ヤマモト"),
    ("中村", "ナカムラ"),
    ("小林", "コバヤシ"),
    ("加藤", "カトウ"),
    ("吉田", "ヨシダ"),
    ("𠮷田", "ヨシダ"),
    ("山田", "ヤマダ"),
    ("山﨑", "ヤマザキ"),
    ("佐々木", "ササキ"),
    ("山口", "ヤマグチ"),
    ("松本", "マツモト"),
    ("井上", "イノウエ"),
    ("木村", "キムラ"),
    ("林", "ハヤシ"),
    ("清水", "シミズ"),
    ("斎藤", "サイトウ"),
    ("齋藤", "サイトウ"),
    ("阿部", "アベ"),
    ("森", "モリ"),
    ("池田", "イケダ"),
    ("橋本", "ハシモト"),
    ("石川", "イシカワ"),
    ("前田", "マエダ"),
    ("藤田", "フジタ"),
    ("小川", "オガワ"),
    ("後藤", "ゴトウ"),
    ("長谷川", "ハセガワ"),
    ("濵田", "ハマダ"),
    ("近藤", "コンドウ"),
    ("坂本", "サカモト"),
    ("三宅", "ミヤケ"),
    ("大塚", "オオツカ"),
];

const GIVEN_NAMES: [(&str, &str); 32] = [
    ("翔太", "ショウタ"),
    ("大輔", "ダイスケ"),
    ("健一", "ケンイチ"),
    ("拓也", "タクヤ"),
    ("直樹", "ナオキ"),
    ("誠", "マコト"),
    ("隆", "タカシ"),
    ("茂", "シゲル"),
    ("蓮", "レン"),
    ("悠真", "ユウマ"),
    ("陽介", "ヨウスケ"),
    ("修", "オサム"),
    ("清", "キヨシ"),
    ("和也", "カズヤ"),
    ("亮", "リョウ"),
    ("優", "ユウ"),
    ("美咲", "ミサキ"),
    ("陽子", "ヨウコ"),
    ("由美", "ユミ"),
    ("恵", "メグミ"),
    ("裕子", "ユウコ"),
    ("真由美", "マユミ"),
    ("さくら", "サクラ"),
    ("結衣", "ユイ"),
    ("葵", "アオイ"),
    ("千代子", "チヨコ"),
    ("和子", "カズコ"),
    ("ひろみ", "ヒロミ"),
    ("マリア", "マリア"),
    ("京香", "キョウカ"),
    ("志津江", "シヅエ"),
    ("香織", "カヲリ"),
];

const COMPANIES: [(&str, &str); 16] = [
    ("見本商事", "ミホンショウジ"),
    ("架空工業", "カクウコウギョウ"),
    ("例示不動産", "レイジフドウサン"),
    ("窓辺食堂", "マドベショクドウ"),
    ("青空運輸", "アオゾラウンユ"),
    ("七色デザイン", "ナナイロデザイン"),
    ("小春日和", "コハルビヨリ"),
    ("坂の上書店", "サカノウエショテン"),
    ("港町水産", "ミナトマチスイサン"),
    ("北風電機", "キタカゼデンキ"),
    ("みどり歯科", "ミドリシカ"),
    ("月見堂", "ツキミドウ"),
    ("白雲クリーニング", "シラクモクリーニング"),
    ("三日月ホテル", "ミカヅキホテル"),
    ("大樹建設", "タイジュケンセツ"),
    ("すずらん薬局", "スズランヤッキョク"),
];

const COMPANY_FORMS: [(&str, &str); 4] = [
    ("株式会社", "カブシキガイシャ"),
    ("㈱", "カ）"),
    ("有限会社", "ユウゲンガイシャ"),
    ("合同会社", "ゴウドウガイシャ"),
];

/// Postcode's first three digits, prefecture and city are real, the town is not.
const CITIES: [(&str, &str); 10] = [
    ("100", "東京都千代田区"),
    ("160", "東京都新宿区"),
    ("220", "神奈川県横浜市西区"),
    ("260", "千葉県千葉市中央区"),
    ("460", "愛知県名古屋市中区"),
    ("530", "大阪府大阪市北区"),
    ("600", "京都府京都市下京区"),
    ("810", "福岡県福岡市中央区"),
    ("060", "北海道札幌市中央区"),
    ("980", "宮城県仙台市青葉区"),
];

const TOWNS: [&str; 8] = [
    "見本町",
    "架空台",
    "例示一丁目",
    "窓口二丁目",
    "仮町",
    "夢見ヶ丘三丁目",
    "無名通",
    "空想町",
];
const BUILDINGS: [&str; 6] = [
    "メゾン見本",
    "コーポ架空",
    "ハイツ夢見",
    "サンプルマンション",
    "例示荘",
    "レジデンス窓口",
];

/// A name with its kana.
pub(super) struct Name {
    pub(super) kanji: String,
    pub(super) kana: String,
}

fn picked(
    rng: &mut ChaCha8Rng,
    list: &'static [(&'static str, &'static str)],
) -> (&'static str, &'static str) {
    list.choose(rng).copied().unwrap_or_default()
}

/// A person's name, with the space people put into it.
pub(super) fn person(rng: &mut ChaCha8Rng) -> Name {
    let (surname, surname_kana) = picked(rng, &SURNAMES);
    let (given, given_kana) = picked(rng, &GIVEN_NAMES);
    Name {
        kanji: format!("{surname}　{given}"),
        kana: format!("{surname_kana} {given_kana}"),
    }
}

/// A company's name; its form stands in front or behind, as companies have it.
pub(super) fn company(rng: &mut ChaCha8Rng) -> Name {
    let (name, kana) = picked(rng, &COMPANIES);
    let (form, form_kana) = picked(rng, &COMPANY_FORMS);
    if rng.random_bool(0.5) {
        Name {
            kanji: format!("{form}{name}"),
            kana: format!("{form_kana}{kana}"),
        }
    } else {
        Name {
            kanji: format!("{name}{form}"),
            kana: format!("{kana}{}", form_kana.replace("カ）", "（カ")),
        }
    }
}

/// Somebody between 21 and 85 in 2026.
pub(super) fn birth_date(rng: &mut ChaCha8Rng) -> Date {
    date(1941, 1, 1).saturating_add(rng.random_range(0..23_000).days())
}

/// Postcode (with or without hyphen) and address in one line.
pub(super) fn address(rng: &mut ChaCha8Rng) -> (String, String) {
    let (area, city) = picked(rng, &CITIES);
    let hyphen = if rng.random_bool(0.7) { "-" } else { "" };
    let postcode = format!("{area}{hyphen}{:04}", rng.random_range(1..90));
    (postcode, format!("{city}{}", street(rng)))
}

/// A rented room or a shop.
pub(super) fn place(rng: &mut ChaCha8Rng) -> String {
    let (_, city) = picked(rng, &CITIES);
    format!("{city}{}", street(rng))
}

fn street(rng: &mut ChaCha8Rng) -> String {
    let town = TOWNS.choose(rng).copied().unwrap_or_default();
    let (block, house) = (rng.random_range(1..30), rng.random_range(1..20));
    if rng.random_bool(0.6) {
        let building = BUILDINGS.choose(rng).copied().unwrap_or_default();
        format!(
            "{town}{block}-{house} {building}{}号室",
            rng.random_range(101..909)
        )
    } else {
        format!("{town}{block}番{house}号")
    }
}
