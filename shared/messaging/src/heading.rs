//! What every integration event says first, whatever its kind: which entity it is about.

use contracts::common::v1::EventHeading;
use prost::Message as _;
use uuid::Uuid;

use crate::delivery::Delivery;

/// The entity a message is about, known or unknown kind alike; none where the payload does not tell.
pub(crate) fn entity_of(delivery: &Delivery) -> Option<Uuid> {
    if let Some(withheld) = &delivery.withheld {
        return withheld.entity;
    }
    let heading = EventHeading::decode(delivery.payload.clone()).ok()?;
    heading.entity_id.parse().ok()
}
