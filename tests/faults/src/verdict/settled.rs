//! Rest: every relay has sent its store, every consumer has applied what was sent, own reactions and deadlines are done.

use std::collections::BTreeMap;

use contracts::names::{PHONE_VERIFICATION, SERVICES as PUBLISHERS};
use sqlx::PgPool;

use super::AT_REST_WITHIN;

/// What has not come to rest in time; nothing if everything has.
pub(super) async fn wait(pools: &BTreeMap<&'static str, PgPool>) -> Vec<String> {
    let look = async || match unsettled(pools).await {
        Ok(unsettled) if unsettled.is_empty() => Ok(()),
        Ok(unsettled) => Err(unsettled),
        Err(error) => Err(vec![format!("a database does not answer: {error}")]),
    };
    match testkit::poll(AT_REST_WITHIN, look).await {
        Ok(()) => Vec::new(),
        Err(seen) => seen.unwrap_or_else(|| vec!["no look at the databases came to an end".to_owned()]),
    }
}

/// Consumer, source, cursor, why it has stopped, messages set aside.
type Consumer = (String, String, Option<Vec<u8>>, Option<String>, i64);

/// What a relay has published and scanned last. A consumer at rest stands at the former, or behind it at what only a newer
/// release of the source has told.
type Relayed = (Option<Vec<u8>>, Option<Vec<u8>>);

async fn unsettled(pools: &BTreeMap<&'static str, PgPool>) -> Result<Vec<String>, sqlx::Error> {
    let mut unsettled = Vec::new();
    let mut relays: BTreeMap<&str, Relayed> = BTreeMap::new();
    for service in PUBLISHERS {
        let Some(pool) = pools.get(service) else { continue };
        let behind: bool = sqlx::query_scalar(
            "SELECT (SELECT event_id FROM store.event ORDER BY epoch DESC, xid DESC, position DESC LIMIT 1)
                    IS DISTINCT FROM (SELECT scanned_event_id FROM messaging.relay_checkpoint)",
        )
        .fetch_one(pool)
        .await?;
        if behind {
            unsettled.push(format!("the relay of {service} is behind its store"));
        }
        let relayed =
            sqlx::query_as("SELECT published_cursor, scanned_cursor FROM messaging.relay_checkpoint")
                .fetch_optional(pool)
                .await?;
        relays.insert(service, relayed.unwrap_or_default());
    }
    for (service, pool) in pools {
        let consumers: Vec<Consumer> =
            sqlx::query_as("SELECT consumer, source, cursor, stopped, parked FROM messaging.subscription")
                .fetch_all(pool)
                .await?;
        for (consumer, source, cursor, stopped, parked) in consumers {
            if parked > 0 {
                unsettled.push(format!(
                    "{parked} messages of {source} are parked by {consumer} of {service}"
                ));
            }
            if let Some(why) = stopped {
                unsettled.push(format!("{consumer} of {service} has stopped: {why}"));
            }
            let between = |(published, scanned): &Relayed| *published <= cursor && cursor <= *scanned;
            if relays
                .get(source.as_str())
                .is_some_and(|relayed| !between(relayed))
            {
                unsettled.push(format!("{consumer} of {service} is not where {source} is"));
            }
        }
        unsettled.extend(reactions(service, pool).await?);
        unsettled.extend(deadlines(service, pool).await?);
    }
    Ok(unsettled)
}

/// Reactions of a service to its own events that stand before the store's end.
async fn reactions(service: &str, pool: &PgPool) -> Result<Vec<String>, sqlx::Error> {
    if service == contracts::names::VIEWS {
        return Ok(Vec::new());
    }
    let behind: Vec<(String,)> = sqlx::query_as(
        "SELECT reaction FROM service.reaction_checkpoint
          WHERE event_id <> (SELECT event_id FROM store.event ORDER BY epoch DESC, xid DESC, position DESC LIMIT 1)",
    )
    .fetch_all(pool)
    .await?;
    Ok(behind
        .into_iter()
        .map(|(name,)| format!("the reaction {name} of {service} is behind its store"))
        .collect())
}

/// Challenges that end while the verdict is reached: views before and after a rebuild would differ by that.
async fn deadlines(service: &str, pool: &PgPool) -> Result<Option<String>, sqlx::Error> {
    if service != PHONE_VERIFICATION {
        return Ok(None);
    }
    let soon: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM phone_verification.challenge_expiry WHERE due_at < clock_timestamp() + interval '30 seconds'",
    )
    .fetch_one(pool)
    .await?;
    Ok((soon > 0).then(|| format!("{soon} challenges end soon")))
}
