//! Styles and scripts, built into the program. Each is served under a name that holds its hash, so that a browser may keep
//! it for good and a new release is seen at once.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use sha2::{Digest as _, Sha256};

use crate::problem::Problem;

struct Asset {
    name: &'static str,
    /// The name it is served under.
    hashed: String,
    content_type: &'static str,
    bytes: &'static [u8],
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    vec![
        css("pages.css", include_bytes!("../assets/css/pages.css")),
        js("page.js", include_bytes!("../assets/js/page.js")),
        js("call.js", include_bytes!("../assets/js/call.js")),
        asset(
            "icon.svg",
            "image/svg+xml",
            include_bytes!("../assets/img/icon.svg"),
        ),
    ]
});

fn css(name: &'static str, bytes: &'static [u8]) -> Asset {
    asset(name, "text/css; charset=utf-8", bytes)
}

fn js(name: &'static str, bytes: &'static [u8]) -> Asset {
    asset(name, "text/javascript; charset=utf-8", bytes)
}

fn asset(name: &'static str, content_type: &'static str, bytes: &'static [u8]) -> Asset {
    let hash = hex::encode(&Sha256::digest(bytes)[..8]);
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    Asset {
        name,
        hashed: format!("{stem}.{hash}.{ending}"),
        content_type,
        bytes,
    }
}

/// The URL of an asset; that of nothing where there is none, which a test rules out.
pub(crate) fn url(name: &str) -> String {
    let found = ASSETS.iter().find(|asset| asset.name == name);
    format!("/assets/{}", found.map_or("", |asset| asset.hashed.as_str()))
}

/// Serves an asset by its hashed name.
pub(crate) async fn serve(Path(hashed): Path<String>) -> Result<Response, Problem> {
    let found = ASSETS.iter().find(|asset| asset.hashed == hashed);
    let asset = found.ok_or(Problem::NotFound)?;
    let mut response = asset.bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_has_a_name_of_its_own_that_holds_its_hash() {
        for asset in ASSETS.iter() {
            let hash = hex::encode(&Sha256::digest(asset.bytes)[..8]);
            assert!(url(asset.name).contains(&hash), "{}", asset.hashed);
        }
        assert_eq!(url("none"), "/assets/");
    }
}
