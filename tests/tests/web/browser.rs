//! A browser without script: keeps cookies as they are set, follows where it is sent, fills forms in.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// One browser.
pub(crate) struct Browser {
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
    pub(crate) cookies: BTreeMap<String, String>,
    /// Whether it says of no request which site it comes from.
    pub(crate) unnamed: bool,
    /// Sent with every request.
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
    pub(crate) body: String,
    /// Where it was asked for.
    pub(crate) path: String,
}

impl Browser {
    pub(crate) fn new(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            cookies: BTreeMap::new(),
            unnamed: false,
            headers: vec![("accept-language", "ja".to_owned())],
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    /// A form of our own page.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = encoded(fields);
        let kind = "application/x-www-form-urlencoded".to_owned();
        self.ask(Method::POST, path, Some((kind, body.into()))).await
    }

    /// A form of our own page with files.
    pub(crate) async fn post_files(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        files: &[(&str, &[u8])],
    ) -> Answer {
        const BOUNDARY: &str = "----madoguchi-test";
        let mut body = Vec::new();
        for (name, value) in fields {
            let part =
                format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        for (name, bytes) in files {
            let head = format!(
                "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\
                 content-type: application/octet-stream\r\n\r\n"
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        self.ask(Method::POST, path, Some((kind, body.into()))).await
    }

    /// Asks, keeps the cookies; does not follow.
    pub(crate) async fn ask(&mut self, method: Method, path: &str, body: Option<(String, Bytes)>) -> Answer {
        let mut request = Request::builder()
            .method(&method)
            .uri(format!("{}{path}", self.base))
            .header(HOST, self.base.trim_start_matches("http://"));
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header(COOKIE, pairs.join("; "));
        }
        let named = self.headers.iter().any(|(name, _)| *name == "sec-fetch-site");
        if method == Method::POST && !named && !self.unnamed {
            request = request.header("sec-fetch-site", "same-origin");
        }
        for (name, value) in self.headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, value);
        }
        let (kind, bytes) = body.unwrap_or_default();
        if !kind.is_empty() {
            request = request.header(CONTENT_TYPE, kind);
        }
        let response = self
            .client
            .request(request.body(Full::new(bytes)).unwrap())
            .await
            .unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        for cookie in head.headers.get_all(SET_COOKIE) {
            let (pair, _) = cookie.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Answer {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
            bytes,
            path: path.to_owned(),
        }
    }

    /// Goes where an answer sends, until a page comes.
    pub(crate) async fn follow(&mut self, answer: Answer) -> Answer {
        let mut answer = answer;
        for _ in 0..5 {
            if !answer.status.is_redirection() {
                return answer;
            }
            let to = answer.location();
            answer = self.get(&to).await;
        }
        panic!("sent around in a circle, last to {}", answer.path);
    }

    /// The page a path leads to.
    pub(crate) async fn open(&mut self, path: &str) -> Answer {
        let answer = self.get(path).await;
        self.follow(answer).await
    }
}

impl Answer {
    pub(crate) fn location(&self) -> String {
        let location = self.headers.get(LOCATION);
        let told = || format!("{} {} leads nowhere:\n{}", self.path, self.status, self.text());
        location
            .unwrap_or_else(|| panic!("{}", told()))
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// The page's words, without its markup.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut inside = false;
        for character in self.body.chars() {
            match character {
                '<' => inside = true,
                '>' => {
                    inside = false;
                    text.push(' ');
                }
                character if !inside => text.push(character),
                _ => {}
            }
        }
        let text: Vec<&str> = text.split_whitespace().collect();
        text.join(" ")
            .replace("&#38;", "&")
            .replace("&#34;", "\"")
            .replace("&#39;", "'")
    }

    /// The value of the input of this name.
    pub(crate) fn input(&self, name: &str) -> String {
        let marker = format!("name=\"{name}\"");
        let tag = self
            .body
            .split('<')
            .find(|tag| tag.contains(&marker))
            .unwrap_or_else(|| panic!("{} has no {name}:\n{}", self.path, self.text()));
        attribute(tag, "value")
    }

    /// Where the login of this page leads, beside the change of language, which leads back.
    pub(crate) fn next(&self) -> String {
        self.inputs("next").pop().unwrap()
    }

    /// The values of all inputs of this name.
    pub(crate) fn inputs(&self, name: &str) -> Vec<String> {
        let marker = format!("name=\"{name}\"");
        let tags = self.body.split('<').filter(|tag| tag.contains(&marker));
        tags.map(|tag| attribute(tag, "value")).collect()
    }

    /// Where the links of the page lead.
    pub(crate) fn links(&self) -> Vec<String> {
        let tags = self.body.split('<').filter(|tag| tag.starts_with("a "));
        tags.map(|tag| attribute(tag, "href")).collect()
    }

    pub(crate) fn title(&self) -> String {
        let start = self.body.split("<title>").nth(1).unwrap_or_default();
        start.split("</title>").next().unwrap_or_default().to_owned()
    }

    /// Fails with the page's words where it is not what was expected.
    pub(crate) fn expect(self, status: u16, words: &str) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}:\n{}", self.path, self.text());
        assert!(
            self.text().contains(words),
            "{} does not say {words}:\n{}",
            self.path,
            self.text()
        );
        self
    }
}

fn attribute(tag: &str, name: &str) -> String {
    let marker = format!(" {name}=\"");
    let value = tag.split(&marker).nth(1).unwrap_or_default();
    value.split('"').next().unwrap_or_default().replace("&#38;", "&")
}

pub(crate) fn encoded(fields: &[(&str, &str)]) -> String {
    let mut encoder = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        encoder.append_pair(name, value);
    }
    encoder.finish()
}
