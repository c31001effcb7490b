//! Deadlines of calls: `grpc-timeout` as the caller sent it, and never more than the rule's.

use std::time::Duration;

use http::HeaderMap;

/// Until when a call must be answered: as its caller asked, and within what its room allows in any case.
pub(crate) fn of_call(headers: &HeaderMap, most: Option<Duration>) -> Option<Duration> {
    match (requested(headers), most) {
        (Some(requested), Some(most)) => Some(requested.min(most)),
        (requested, most) => requested.or(most),
    }
}

/// The caller's deadline. A malformed one is ignored, as the gRPC specification leaves it open.
fn requested(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_caller_shortens_the_rules_deadline_and_never_lengthens_it() {
        let asked = |text: &str, most| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            of_call(&headers, most)
        };
        let most = Some(Duration::from_secs(30));
        assert_eq!(asked("10H", most), most);
        assert_eq!(asked("5S", most), Some(Duration::from_secs(5)));
        assert_eq!(asked("5S", None), Some(Duration::from_secs(5)));
        assert_eq!(of_call(&HeaderMap::new(), most), most);
    }

    #[test]
    fn every_unit_of_the_grpc_specification_is_read_and_nonsense_ignored() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            requested(&headers)
        };
        assert_eq!(read("2H"), Some(Duration::from_hours(2)));
        assert_eq!(read("3M"), Some(Duration::from_mins(3)));
        assert_eq!(read("4S"), Some(Duration::from_secs(4)));
        assert_eq!(read("5m"), Some(Duration::from_millis(5)));
        assert_eq!(read("6u"), Some(Duration::from_micros(6)));
        assert_eq!(read("7n"), Some(Duration::from_nanos(7)));
        for nonsense in ["", "S", "12", "-1S", "123456789S", "1h"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }
}
