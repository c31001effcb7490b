//! Paging (AIP-158): a size with a default and a cap, and an opaque token that only continues the query it came
//! from. The token carries the position of the last row and a keyed hash over it and the query.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use decider::Problem;
use privacy::Pepper;
use serde::{Serialize, de::DeserializeOwned};
use subtle::ConstantTimeEq;

/// Rows a page holds where the caller does not say.
const DEFAULT_SIZE: u16 = 50;
/// Rows a page holds at most; more is cut to this.
const MAX_SIZE: u16 = 500;
/// Bytes of the keyed hash kept in a token.
const MAC_BYTES: usize = 16;

/// One page asked for: how many rows, and after which position.
#[derive(Debug, Clone)]
pub struct Page<P> {
    /// Rows wanted, 1 to 500.
    pub size: u16,
    /// The last row of the page before; `None` for the first page.
    pub after: Option<P>,
    query: Vec<u8>,
    pepper: Pepper,
}

/// Reads `page_size` (0 = 50, more than 500 = 500; the door refuses what is negative) and `page_token`. `query` is everything that chooses and orders
/// the rows (RPC, caller, filters): a token used with another query is refused.
pub fn page<P: DeserializeOwned>(
    pepper: &Pepper,
    query: &[&str],
    page_size: i32,
    page_token: &str,
) -> Result<Page<P>, Problem> {
    let size = match u16::try_from(page_size.clamp(0, i32::from(MAX_SIZE))) {
        Ok(0) | Err(_) => DEFAULT_SIZE,
        Ok(size) => size,
    };
    // Lengths in front, so that no two queries read the same.
    let query = query
        .iter()
        .flat_map(|part| [part.len().to_string().as_str(), ":", part].concat().into_bytes());
    let mut page = Page {
        size,
        after: None,
        query: query.collect(),
        pepper: pepper.clone(),
    };
    if !page_token.is_empty() {
        let after = page
            .open(page_token)
            .ok_or_else(|| Problem::invalid("page_token", "PAGE_TOKEN_INVALID"))?;
        page.after = Some(after);
    }
    Ok(page)
}

impl<P> Page<P> {
    fn mac(&self, position: &[u8]) -> [u8; 32] {
        let mut data = (self.query.len() as u64).to_be_bytes().to_vec();
        data.extend_from_slice(&self.query);
        data.extend_from_slice(position);
        self.pepper.hash("page-token", &data)
    }

    fn open(&self, token: &str) -> Option<P>
    where
        P: DeserializeOwned,
    {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (mac, position) = bytes.split_at_checked(MAC_BYTES)?;
        let expected = self.mac(position);
        if !bool::from(expected[..MAC_BYTES].ct_eq(mac)) {
            return None;
        }
        serde_json::from_slice(position).ok()
    }

    /// The token for the page after this one, given its last row's position; call it only if there are more rows.
    pub fn next_token(&self, last: &P) -> String
    where
        P: Serialize,
    {
        // A position is a tuple of plain values; JSON has no way to fail on it.
        let position = serde_json::to_vec(last).unwrap_or_default();
        let mut bytes = self.mac(&position)[..MAC_BYTES].to_vec();
        bytes.extend_from_slice(&position);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    type Position = (i64, String);

    fn ask(query: &[&str], size: i32, token: &str) -> Result<Page<Position>, Problem> {
        page(&Pepper::from_hex(&"0f".repeat(32)).unwrap(), query, size, token)
    }

    fn violation(result: Result<Page<Position>, Problem>) -> &'static str {
        result.unwrap_err().violations[0].reason
    }

    #[test]
    fn a_page_has_fifty_rows_unless_told_and_five_hundred_at_most() {
        assert_eq!(ask(&[], 0, "").unwrap().size, 50);
        assert_eq!(ask(&[], 7, "").unwrap().size, 7);
        assert_eq!(ask(&[], i32::MAX, "").unwrap().size, 500);
    }

    #[test]
    fn a_token_goes_on_where_it_was_and_only_in_its_own_query() {
        let last = (17, "x".to_owned());
        let token = ask(&["ListContracts", "a", "bc"], 10, "")
            .unwrap()
            .next_token(&last);
        assert_eq!(
            ask(&["ListContracts", "a", "bc"], 20, &token).unwrap().after,
            Some(last)
        );
        for other in [
            &["ListContracts", "ab", "c"][..],
            &["ListAccidents", "a", "bc"],
            &["ListContracts", "a"],
        ] {
            assert_eq!(violation(ask(other, 10, &token)), "PAGE_TOKEN_INVALID");
        }
    }

    #[test]
    fn a_token_that_was_made_up_or_changed_is_refused() {
        let token = ask(&["q"], 10, "").unwrap().next_token(&(17, "x".to_owned()));
        let changed = format!("{}A", &token[..token.len() - 1]);
        for forged in ["x", "AAAA", "not base64!", &changed] {
            assert_eq!(
                violation(ask(&["q"], 10, forged)),
                "PAGE_TOKEN_INVALID",
                "{forged}"
            );
        }
    }
}
