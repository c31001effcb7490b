//! Contracts as services tell of them, into what pages show: the one place that knows those messages' fields.

use contracts::endorsement::v1::{Address, Contract, InsurerShare, Party, Phone};

use crate::app::App;
use crate::texts::Texts;

/// The name of a product, as the rulebook has it.
pub(crate) fn product(app: &App, t: Texts, code: &str) -> String {
    match app.rulebook.product(code) {
        Some(product) if t.is_japanese() => product.name_ja.clone(),
        Some(product) => product.name_en.clone(),
        None => t.other_product(),
    }
}

/// A policy number with its branch.
pub(crate) fn policy(policy_number: &str, branch_number: &str) -> String {
    if branch_number.is_empty() || branch_number == "000" {
        policy_number.to_owned()
    } else {
        format!("{policy_number}-{branch_number}")
    }
}

/// From when to when, in words.
pub(crate) fn period(t: Texts, start_us: i64, end_us: Option<i64>) -> String {
    let until = end_us.map_or_else(|| t.open_end(), |end| t.time(end));
    t.contract_period().start(t.time(start_us)).until(until)
}

/// A number with whether it can be used for login.
pub(crate) struct Number {
    pub(crate) digits: String,
    pub(crate) usable: bool,
    /// Why not.
    pub(crate) message: String,
    /// From when on or until when, where that is ahead.
    pub(crate) when: String,
}

pub(crate) fn number(t: Texts, phone: &Phone, now_us: i64) -> Number {
    Number {
        digits: phone.number.clone(),
        usable: phone.usable_for_login,
        message: phone.message.clone(),
        when: when(t, phone.counts_from_us, phone.counts_until_us, now_us),
    }
}

/// Ends far ahead are the contract's tail and tell nothing of the number.
fn when(t: Texts, from_us: i64, until_us: Option<i64>, now_us: i64) -> String {
    const SOON_US: i64 = 90 * 24 * 60 * 60 * 1_000_000;
    if from_us > now_us {
        return t.number_from(t.day(from_us));
    }
    match until_us {
        Some(until) if until > now_us && until - now_us < SOON_US => t.number_until(t.time(until)),
        _ => String::new(),
    }
}

/// The numbers that stand now, as a form begins with them.
pub(crate) fn standing(party: &Party, now_us: i64) -> Vec<String> {
    party
        .phones
        .iter()
        .filter(|phone| {
            phone.counts_from_us <= now_us && phone.counts_until_us.is_none_or(|until| now_us < until)
        })
        .map(|phone| phone.number.clone())
        .collect()
}

/// A party's section.
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) kana: String,
    pub(crate) birth_date: String,
    pub(crate) numbers: Vec<Number>,
    pub(crate) email: String,
    pub(crate) address: Vec<String>,
    /// The address a scheduled change brings, and from when on.
    pub(crate) next_address: Vec<String>,
    pub(crate) next_address_from: String,
}

pub(crate) fn section(t: Texts, party: &Party, now_us: i64) -> Section {
    let next = party.next_address.as_ref();
    Section {
        name: party.name.clone(),
        kana: party.name_kana.clone(),
        birth_date: t.birth_date(&party.birth_date),
        numbers: party
            .phones
            .iter()
            .map(|phone| number(t, phone, now_us))
            .collect(),
        email: party.email.clone(),
        address: party
            .address
            .as_ref()
            .map_or_else(Vec::new, |address| lines(t, address)),
        next_address: next
            .and_then(|next| next.address.as_ref())
            .map_or_else(Vec::new, |address| lines(t, address)),
        next_address_from: next.map_or_else(String::new, |next| t.day(next.counts_from_us)),
    }
}

pub(crate) fn lines(t: Texts, address: &Address) -> Vec<String> {
    [t.postcode(&address.postcode), address.as_entered.clone()]
        .into_iter()
        .filter(|line| !line.is_empty())
        .collect()
}

/// An insurer with its share (EN-9).
pub(crate) struct Insurer {
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) share: String,
}

pub(crate) fn insurers(t: Texts, shares: &[InsurerShare]) -> Vec<Insurer> {
    let sole = shares.len() == 1;
    shares
        .iter()
        .map(|share| Insurer {
            name: share.name.clone(),
            role: if sole {
                String::new()
            } else {
                t.code("insurer-role", &share.role)
            },
            share: t.share(share.share_basis_points),
        })
        .collect()
}

/// Whose section an address of a page names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Whose {
    Policyholder,
    Insured,
}

impl Whose {
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Policyholder => "policyholder",
            Self::Insured => "insured",
        }
    }

    pub(crate) fn of(self, contract: &Contract) -> Option<&Party> {
        match self {
            Self::Policyholder => contract.policyholder.as_ref(),
            Self::Insured => contract.insured.as_ref(),
        }
    }

    pub(crate) fn words(self, t: Texts, contract: &Contract) -> String {
        match self {
            _ if contract.policyholder_is_insured => t.both_parties(),
            Self::Policyholder => t.policyholder(),
            Self::Insured => t.insured(),
        }
    }
}
