//! The connection to NATS, and the one thing that is asked of its server before anything is sent: whether it takes the
//! largest message. NATS may be down at a start; then the relay asks as soon as it is there, and waits where it does not.

use std::time::Duration;

use async_nats::Client;
use messaging::{JetStreamConfig, chain};

use crate::config::start_error::StartError;

/// How long a start waits for the server's word. A server that is there answers at once.
const WORD_WITHIN: Duration = Duration::from_secs(1);

/// None for a service that neither publishes nor listens.
///
/// # Errors
/// When the address cannot be used, or the server takes less than the largest message.
pub(crate) async fn connect(
    service: &str,
    config: Option<&JetStreamConfig>,
) -> Result<Option<Client>, StartError> {
    let Some(config) = config else {
        return Ok(None);
    };
    let client = messaging::connect(config, &format!("madoguchi-{service}"))
        .await
        .map_err(|error| StartError::setting("nats.url", chain(&error)))?;
    // Answered once the connection stands; one that does not come up is made in the background.
    let _ = tokio::time::timeout(WORD_WITHIN, client.flush()).await;
    config
        .max_message
        .check(&client)
        .map_err(|error| StartError::setting("nats.max_message_bytes", chain(&error)))?;
    Ok(Some(client))
}
