//! The kinds of contract the sample book goes through, one after the other, so that each stretch of
//! [`Kind::ALL`]`.len()` contracts has every kind the domain knows.

/// What is particular about a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An individual who is the insured, with one mobile number and open accident. The journey's customer.
    Plain,
    /// The same with a full-width number and a carrier's old e-mail address.
    CarrierMail,
    /// A further contract of the customer two places before.
    SecondContract,
    /// Policyholder and insured are two people.
    SeparateInsured,
    /// A company insures itself.
    Corporate,
    /// A company insures an employee.
    CorporateWithInsured,
    /// A group contract, of a person and for another: refused for its kind alone (ID-2).
    Group,
    /// The code is masked on paper (ID-4).
    MaskedCode,
    /// A short procedure code (ID-8).
    WeakCode,
    /// Two insurers, 50/50 (EN-9).
    HalfShares,
    /// Three insurers, 33.3/33.3/33.4 (EN-9).
    ThirdShares,
    /// Only an IP telephone number (PV-4).
    OnlyIpPhone,
    /// Only freephone and Navi Dial numbers (PV-4).
    OnlyFreephone,
    /// No number at all (PV-3).
    NoPhone,
    /// Cannot be handled online (EN-5).
    Offline,
    /// Not yet started, renews the next one (PV-16).
    Future,
    /// Ended a short while ago (PV-7).
    EndedInTail,
    EndedLongAgo,
    /// Changed before, and with an agency (OP-7).
    Agency,
    /// A mobile number of the range opened in 2026 (PV-4).
    Mobile060,
    /// Terminated in the middle of its term.
    Terminated,
    /// Usable and unusable numbers.
    MixedPhones,
    /// The printed user ID is not the policy number (ID-3).
    OwnUserId,
    /// Its accident has no adjuster yet (CI-3).
    Unassigned,
}

impl Kind {
    /// Every kind, in the book's order.
    pub const ALL: [Self; 24] = [
        Self::Plain,
        Self::CarrierMail,
        Self::SecondContract,
        Self::SeparateInsured,
        Self::Corporate,
        Self::CorporateWithInsured,
        Self::Group,
        Self::MaskedCode,
        Self::WeakCode,
        Self::HalfShares,
        Self::ThirdShares,
        Self::OnlyIpPhone,
        Self::OnlyFreephone,
        Self::NoPhone,
        Self::Offline,
        Self::Future,
        Self::EndedInTail,
        Self::EndedLongAgo,
        Self::Agency,
        Self::Mobile060,
        Self::Terminated,
        Self::MixedPhones,
        Self::OwnUserId,
        Self::Unassigned,
    ];

    /// The kind of the contract at this place of the book.
    pub fn at(index: u32) -> Self {
        Self::ALL[index as usize % Self::ALL.len()]
    }

    /// The place of the contract whose policyholder is this contract's too; its own for most.
    pub(super) fn policyholder_of(index: u32) -> u32 {
        match Self::at(index) {
            Self::SecondContract => index - 2,
            Self::Future => index + 1,
            _ => index,
        }
    }

    pub(super) fn is_corporate(self) -> bool {
        matches!(self, Self::Corporate | Self::CorporateWithInsured)
    }

    pub(super) fn has_own_insured(self) -> bool {
        matches!(
            self,
            Self::SeparateInsured | Self::CorporateWithInsured | Self::Group
        )
    }
}
