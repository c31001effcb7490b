//! The address of a party: contact data, accepted without review (EN-2).

use kernel::Address;
use serde::Serialize;

use super::context::ReviewContext;
use crate::domain::party_field::PartyField;

/// The address before and after, as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReviewedAddress {
    /// The one in force; absent where it was erased.
    pub before: Option<Address>,
    /// The one that would replace it.
    pub after: Address,
}

/// What this address would change; nothing if the same place already stands, however it is written (EN-6).
pub(super) fn review(
    field: &PartyField<Address>,
    address: &Address,
    context: &ReviewContext<'_>,
) -> Option<ReviewedAddress> {
    let before = field.in_force_at(context.now).into_iter().next();
    let stands = before
        .as_ref()
        .is_some_and(|before| before.is_same_place(address));
    (!stands).then(|| ReviewedAddress {
        before,
        after: address.clone(),
    })
}
