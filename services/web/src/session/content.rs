//! What a session holds: how far the login is, the tokens, what was typed and not yet asked for, what is said once.

use std::collections::BTreeMap;

use contracts::identity::v1::Tokens;
use serde::{Deserialize, Serialize};

use crate::http::form::Form;

/// Forms kept at the same time; the oldest goes.
const DRAFTS: usize = 6;
/// Bytes of one form that is kept.
const DRAFT_BYTES: usize = 16 * 1024;

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) stage: Stage,
    /// Where to go after the login.
    #[serde(default)]
    pub(crate) next: String,
    #[serde(default)]
    pub(crate) drafts: Vec<Draft>,
    #[serde(default)]
    pub(crate) flash: Vec<Flash>,
    /// By service: the newest change a list should show, with the second until which that is asked for.
    #[serde(default)]
    pub(crate) changes: BTreeMap<String, (String, i64)>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// The password was right; the call is awaited.
    Call(Box<Call>),
    /// Logged in.
    Open(Box<Open>),
    /// The service ended it; whose it was is kept, for what they typed.
    Ended { account_id: String },
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) login_token: String,
    pub(crate) login_expires_at_us: i64,
    /// Of the challenge that is open, or is to be opened.
    pub(crate) request_id: String,
    pub(crate) challenge: Option<Challenge>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Challenge {
    pub(crate) id: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Open {
    pub(crate) account_id: String,
    pub(crate) access_token: String,
    pub(crate) access_expires_at_us: i64,
    pub(crate) refresh_token: String,
}

/// A form as it was typed, without its secrets, and whose it is: whoever logs in next on the same device sees nothing of it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Draft {
    pub(crate) path: String,
    pub(crate) account_id: String,
    pub(crate) form: Form,
}

/// Said once, on the next page that is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Flash {
    /// A form was kept over a login.
    DraftKept,
    /// Files were chosen, and the session was over: they are to be chosen again.
    FilesLost,
    Withdrawn,
    /// What became of the files handed in for an accident.
    HandedIn {
        accident_id: String,
        files: Vec<HandedIn>,
    },
}

/// What became of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HandedIn {
    pub(crate) name: String,
    pub(crate) received: bool,
    /// Why not, or what to think of it; in the language it was handed in in.
    pub(crate) words: Vec<String>,
}

impl Open {
    pub(crate) fn new(account_id: String, tokens: Tokens) -> Self {
        let mut open = Self {
            account_id,
            access_token: String::new(),
            access_expires_at_us: 0,
            refresh_token: String::new(),
        };
        open.take(tokens);
        open
    }

    pub(crate) fn take(&mut self, tokens: Tokens) {
        self.access_token = tokens.access_token;
        self.access_expires_at_us = tokens.access_expires_at_us;
        self.refresh_token = tokens.refresh_token;
    }
}

impl Content {
    pub(crate) fn new(stage: Stage) -> Self {
        Self {
            stage,
            next: String::new(),
            drafts: Vec::new(),
            flash: Vec::new(),
            changes: BTreeMap::new(),
        }
    }

    /// Of whom it is; empty before the login has ended.
    pub(crate) fn account_id(&self) -> &str {
        match &self.stage {
            Stage::Open(open) => &open.account_id,
            Stage::Ended { account_id } => account_id,
            Stage::Call(_) => "",
        }
    }

    /// Takes over what was typed before this login, by this account alone.
    pub(crate) fn inherit(&mut self, before: &Self) {
        let account_id = self.account_id().to_owned();
        let drafts = before
            .drafts
            .iter()
            .filter(|draft| draft.account_id == account_id);
        self.drafts = drafts.cloned().collect();
        if !self.drafts.is_empty() && before.flash.contains(&Flash::DraftKept) {
            self.flash.push(Flash::DraftKept);
        }
        if before.flash.contains(&Flash::FilesLost) {
            self.flash.push(Flash::FilesLost);
        }
    }

    /// Keeps what was typed on a page.
    pub(crate) fn keep(&mut self, path: &str, form: Form) {
        let form = form.without_secrets();
        self.drafts.retain(|draft| draft.path != path);
        if form.size() <= DRAFT_BYTES {
            self.drafts.push(Draft {
                path: path.to_owned(),
                account_id: self.account_id().to_owned(),
                form,
            });
        }
        let over = self.drafts.len().saturating_sub(DRAFTS);
        self.drafts.drain(..over);
    }

    pub(crate) fn draft(&self, path: &str) -> Option<&Form> {
        self.drafts
            .iter()
            .find(|draft| draft.path == path)
            .map(|draft| &draft.form)
    }

    pub(crate) fn drop_draft(&mut self, path: &str) {
        self.drafts.retain(|draft| draft.path != path);
    }

    /// A command's answer names the place in its service's order that lists must have reached (docs/adr/0014). Asked for
    /// during a minute: longer a view that is behind is no reason to wait.
    pub(crate) fn changed(&mut self, service: &str, token: &str, now_s: i64) {
        if !token.is_empty() {
            self.changes
                .insert(service.to_owned(), (token.to_owned(), now_s + 60));
        }
    }

    pub(crate) fn consistency(&self, now_s: i64) -> Vec<String> {
        self.changes
            .values()
            .filter(|(_, until_s)| *until_s > now_s)
            .map(|(token, _)| token.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(account: &str) -> Content {
        Content::new(Stage::Open(Box::new(Open::new(
            account.to_owned(),
            Tokens::default(),
        ))))
    }

    fn form(pairs: &[(&str, &str)]) -> Form {
        Form::of(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn what_was_typed_is_kept_by_page_and_secrets_are_not() {
        let mut content = open("a");
        content.keep("/one", form(&[("phone", "090"), ("password", "secret")]));
        content.keep("/one", form(&[("phone", "080"), ("password", "secret")]));
        assert_eq!(content.draft("/one"), Some(&form(&[("phone", "080")])));
        for page in 0..10 {
            content.keep(&format!("/{page}"), form(&[("a", "b")]));
        }
        assert_eq!(content.drafts.len(), DRAFTS);
        content.keep("/large", form(&[("a", &"b".repeat(DRAFT_BYTES))]));
        assert!(content.draft("/large").is_none());
    }

    #[test]
    fn what_was_typed_passes_on_to_the_same_account_and_to_no_other() {
        let mut before = open("a");
        before.keep("/one", form(&[("phone", "090")]));
        before.flash.push(Flash::DraftKept);
        let (mut same, mut other) = (open("a"), open("b"));
        same.inherit(&before);
        other.inherit(&before);
        assert!(same.draft("/one").is_some() && same.flash == [Flash::DraftKept]);
        assert!(other.draft("/one").is_none() && other.flash.is_empty());
    }

    #[test]
    fn a_change_is_waited_for_during_a_minute() {
        let mut content = open("a");
        content.changed("endorsement", "t1", 100);
        content.changed("endorsement", "", 100);
        content.changed("endorsement", "t2", 100);
        assert_eq!(content.consistency(159), ["t2"]);
        assert!(content.consistency(160).is_empty());
    }
}
