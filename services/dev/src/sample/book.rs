//! The book itself: contracts, printed credentials and accidents, computed from a seed. A contract depends on the seed,
//! its place and the day only, so a smaller book is the beginning of a larger one.

use contracts::claim_images::v1::AccidentRow;
use contracts::endorsement::v1::{ContractRow, InsurerShare, PartyRow};
use contracts::identity::v1::InitialCredential;
use jiff::ToSpan as _;
use jiff::civil::Date;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::kinds::Kind;
use super::people::{self, Name};
use super::phones::{self, Style};

/// What is printed instead of a masked code (ID-4).
pub const MASKED_CODE: &str = "*****";
/// Staff ids of the adjusters the sample's accidents are assigned to.
pub const ADJUSTERS: [&str; 5] = ["A001", "A002", "A003", "A004", "A005"];
pub const OFFICES: [&str; 3] = ["TOKYO", "OSAKA", "SENDAI"];

const CODE_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const INSURERS: [&str; 5] = [
    "窓口損害保険",
    "見本火災海上保険",
    "架空海上保険",
    "例示共済保険",
    "青空損害保険",
];
const OFFLINE_REASONS: [&str; 3] = ["PLEDGED", "PAPER_PROCEDURE", "UNDER_INVESTIGATION"];
const ACCIDENT_KINDS: [&str; 7] = [
    "WATER_LEAK",
    "FIRE",
    "THEFT",
    "BREAKAGE",
    "STORM",
    "LIABILITY",
    "OTHER",
];
const PLACES: [&str; 6] = [
    "台所の天井",
    "駐車場",
    "玄関の窓",
    "店舗入口",
    "浴室",
    "交差点の手前",
];

/// What the book is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Recipe {
    /// The same seed gives the same book.
    pub seed: u64,
    /// How many good contracts it has.
    pub contracts: u32,
    /// The day (in Japan) whose contracts in force it shows.
    pub as_of: Date,
}

/// A contract with what was printed on its policy document.
#[derive(Debug, Clone, PartialEq)]
pub struct BookContract {
    /// What is particular about it.
    pub kind: Kind,
    /// As the core system exports it.
    pub row: ContractRow,
    pub credential: InitialCredential,
}

/// An invented book of business.
#[derive(Debug, Clone, PartialEq)]
pub struct Book {
    /// What it was computed from.
    pub recipe: Recipe,
    /// The contracts, in the order of [`Kind::ALL`] over and over.
    pub contracts: Vec<BookContract>,
    pub accidents: Vec<AccidentRow>,
}

impl Book {
    pub fn compute(recipe: Recipe) -> Self {
        let contracts: Vec<_> = (0..recipe.contracts)
            .map(|index| contract(recipe, index))
            .collect();
        let accidents = contracts
            .iter()
            .zip(0..)
            .flat_map(|(contract, index)| accidents(recipe, contract, index))
            .collect();
        Self {
            recipe,
            contracts,
            accidents,
        }
    }
}

/// Streams of one generator, so that no part of the book shifts when another changes.
#[derive(Clone, Copy)]
enum Part {
    Contract,
    Policyholder,
    Insured,
    Accidents,
}

fn dice(recipe: Recipe, part: Part, index: u32) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(recipe.seed);
    rng.set_stream(u64::from(index) * 4 + part as u64);
    rng
}

fn contract(recipe: Recipe, index: u32) -> BookContract {
    let kind = Kind::at(index);
    let mut rng = dice(recipe, Part::Contract, index);
    let product = product(kind, index);
    let (start, end) = period(kind, product, recipe.as_of, &mut rng);
    let clock = if product == "TRAVEL" { "T00:00" } else { "T16:00" };
    let row = ContractRow {
        line: 0,
        policy_number: policy_number(product, index),
        branch_number: if index % 5 == 4 {
            "001".to_owned()
        } else {
            String::new()
        },
        product: product.to_owned(),
        kind: if kind == Kind::Group {
            "GROUP"
        } else {
            "INDIVIDUAL"
        }
        .to_owned(),
        period_start: format!("{start}{clock}"),
        period_end: format!("{end}{clock}"),
        policyholder: Some(policyholder(recipe, Kind::policyholder_of(index))),
        insured: kind.has_own_insured().then(|| insured(recipe, index)),
        object_address: people::place(&mut rng),
        insurers: insurers(kind, index),
        offline_reason: if kind == Kind::Offline {
            OFFLINE_REASONS[index as usize % 3].to_owned()
        } else {
            String::new()
        },
        last_endorsement_date: last_endorsement(kind, start, recipe.as_of),
        agency_name: if kind == Kind::Agency {
            "見本保険代理店".to_owned()
        } else {
            String::new()
        },
    };
    let credential = credential(kind, &row, &mut rng);
    BookContract {
        kind,
        row,
        credential,
    }
}

fn policy_number(product: &str, index: u32) -> String {
    format!("{}{:08}", &product[..2], 20_000_000 + index)
}

fn product(kind: Kind, index: u32) -> &'static str {
    match kind {
        Kind::Corporate | Kind::CorporateWithInsured => "TENANT",
        Kind::SecondContract => "AUTO",
        Kind::OwnUserId => "TRAVEL",
        _ => ["HOUSEHOLD", "FIRE", "AUTO"][index as usize % 3],
    }
}

fn period(kind: Kind, product: &str, as_of: Date, rng: &mut ChaCha8Rng) -> (Date, Date) {
    let start = as_of.saturating_sub(rng.random_range(20..300).days());
    match kind {
        Kind::Future => (
            as_of.saturating_add(20.days()),
            as_of.saturating_add(20.days()).saturating_add(1.year()),
        ),
        Kind::EndedInTail => (
            as_of.saturating_sub(30.days()).saturating_sub(1.year()),
            as_of.saturating_sub(30.days()),
        ),
        Kind::EndedLongAgo => (as_of.saturating_sub(3.years()), as_of.saturating_sub(2.years())),
        Kind::Terminated => (start, as_of.saturating_sub(7.days())),
        _ if product == "TRAVEL" => (as_of.saturating_sub(2.days()), as_of.saturating_add(25.days())),
        _ => (start, start.saturating_add(1.year())),
    }
}

fn last_endorsement(kind: Kind, start: Date, as_of: Date) -> String {
    match kind {
        Kind::Agency | Kind::HalfShares => start.saturating_add(10.days()).min(as_of).to_string(),
        _ => String::new(),
    }
}

fn insurers(kind: Kind, index: u32) -> Vec<InsurerShare> {
    let share = |place: usize, role: &str, share_basis_points| InsurerShare {
        name: INSURERS[(index as usize + place) % INSURERS.len()].to_owned(),
        role: role.to_owned(),
        share_basis_points,
    };
    match kind {
        Kind::HalfShares => vec![share(0, "LEAD", 5_000), share(1, "FOLLOWER", 5_000)],
        Kind::ThirdShares => vec![
            share(0, "LEAD", 3_330),
            share(1, "FOLLOWER", 3_330),
            share(2, "FOLLOWER", 3_340),
        ],
        _ => vec![share(0, "LEAD", 10_000)],
    }
}

/// The policyholder of the contract at `index`; other contracts of the same customer name the same index.
fn policyholder(recipe: Recipe, index: u32) -> PartyRow {
    let mut rng = dice(recipe, Part::Policyholder, index);
    let kind = Kind::at(index);
    let name = if kind.is_corporate() {
        people::company(&mut rng)
    } else {
        people::person(&mut rng)
    };
    let email = email(kind, index);
    party(
        index * 2,
        kind.is_corporate(),
        name,
        policyholder_phones(kind, index * 2),
        email,
        &mut rng,
    )
}

fn insured(recipe: Recipe, index: u32) -> PartyRow {
    let mut rng = dice(recipe, Part::Insured, index);
    let serial = index * 2 + 1;
    let name = people::person(&mut rng);
    let phones = vec![phones::written(&phones::mobile(serial), phones::style_of(serial))];
    party(serial, false, name, phones, String::new(), &mut rng)
}

fn party(
    serial: u32,
    corporate: bool,
    name: Name,
    phones: Vec<String>,
    email: String,
    rng: &mut ChaCha8Rng,
) -> PartyRow {
    let (postcode, address) = people::address(rng);
    PartyRow {
        customer_number: format!("C{:07}", 1_000_000 + serial),
        kind: if corporate { "CORPORATE" } else { "INDIVIDUAL" }.to_owned(),
        name: name.kanji,
        name_kana: name.kana,
        birth_date: if corporate {
            String::new()
        } else {
            people::birth_date(rng).to_string()
        },
        phones,
        email,
        postcode,
        address,
    }
}

fn policyholder_phones(kind: Kind, serial: u32) -> Vec<String> {
    let style = phones::style_of(serial / 2);
    let written = |digits: String| phones::written(&digits, style);
    match kind {
        Kind::Plain => vec![phones::written(&phones::mobile(serial), Style::Hyphens)],
        Kind::CarrierMail => vec![phones::written(&phones::mobile(serial), Style::FullWidth)],
        Kind::OnlyIpPhone => vec![written(phones::ip_phone(serial))],
        Kind::OnlyFreephone => vec![phones::freephone(serial), phones::navi_dial(serial)],
        Kind::NoPhone => Vec::new(),
        Kind::Mobile060 => vec![written(phones::mobile_060(serial))],
        Kind::MixedPhones => {
            vec![
                written(phones::ip_phone(serial)),
                written(phones::mobile(serial)),
                written(phones::fixed(serial)),
            ]
        }
        _ if kind.is_corporate() => vec![written(phones::fixed(serial))],
        Kind::SeparateInsured => vec![written(phones::fixed(serial)), written(phones::mobile(serial))],
        _ => vec![written(phones::mobile(serial))],
    }
}

fn email(kind: Kind, index: u32) -> String {
    match kind {
        // Addresses of this form were given out for years (ID-19).
        Kind::CarrierMail => format!("k..{index}.@carrier.example"),
        Kind::NoPhone => String::new(),
        _ => format!("customer{index}@mail.example"),
    }
}

fn credential(kind: Kind, row: &ContractRow, rng: &mut ChaCha8Rng) -> InitialCredential {
    let code = match kind {
        Kind::MaskedCode => MASKED_CODE.to_owned(),
        Kind::WeakCode => format!("{:08}", rng.random_range(0..100_000_000_u32)),
        _ => strong_code(rng),
    };
    InitialCredential {
        line: 0,
        policy_number: row.policy_number.clone(),
        branch_number: row.branch_number.clone(),
        customer_number: row
            .policyholder
            .as_ref()
            .map(|party| party.customer_number.clone())
            .unwrap_or_default(),
        initial_user_id: if kind == Kind::OwnUserId {
            format!("U-{}", row.policy_number)
        } else {
            String::new()
        },
        code,
    }
}

/// Sixteen characters of five random bits each, as they are printed: in groups of four.
fn strong_code(rng: &mut ChaCha8Rng) -> String {
    let characters: Vec<char> = (0..16)
        .map(|_| CODE_ALPHABET.choose(rng).copied().map_or('A', char::from))
        .collect();
    characters
        .chunks(4)
        .map(|group| group.iter().collect::<String>())
        .collect::<Vec<_>>()
        .join("-")
}

/// The accidents of one contract: of every stretch of kinds, six.
fn accidents(recipe: Recipe, contract: &BookContract, index: u32) -> Vec<AccidentRow> {
    let mut rng = dice(recipe, Part::Accidents, index);
    let adjuster = Some(ADJUSTERS[index as usize / Kind::ALL.len() % ADJUSTERS.len()]);
    let kinds: &[(Option<&str>, &str)] = match contract.kind {
        Kind::Plain => &[(adjuster, "OPEN"), (adjuster, "CLOSED")],
        Kind::CarrierMail => &[(adjuster, "OPEN")],
        Kind::SeparateInsured | Kind::Unassigned => &[(None, "OPEN")],
        Kind::HalfShares => &[(adjuster, "CLOSED")],
        _ => &[],
    };
    let days = |rng: &mut ChaCha8Rng| i64::from(rng.random_range(1..19_u32));
    (0_u32..)
        .zip(kinds)
        .map(|(place, (adjuster, state))| AccidentRow {
            line: 0,
            claim_number: format!("CL{:08}", 10_000_000 + index * 10 + place),
            policy_number: contract.row.policy_number.clone(),
            branch_number: contract.row.branch_number.clone(),
            customer_number: contract.credential.customer_number.clone(),
            occurred_at: format!(
                "{}T{:02}:30",
                recipe.as_of.saturating_sub(days(&mut rng).days()),
                rng.random_range(6..23)
            ),
            place: PLACES.choose(&mut rng).copied().unwrap_or_default().to_owned(),
            kind: ACCIDENT_KINDS[(index + place) as usize % ACCIDENT_KINDS.len()].to_owned(),
            adjuster_id: adjuster.unwrap_or_default().to_owned(),
            office: OFFICES[index as usize % OFFICES.len()].to_owned(),
            state: (*state).to_owned(),
        })
        .collect()
}
