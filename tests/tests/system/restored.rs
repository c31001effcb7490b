//! New servers with a backup in them, by the commands that operators type.

use std::path::{Path, PathBuf};

use dev::stack::{DataFolder, Databases, SERVICES};
use sqlx::{Connection as _, PgConnection};

use crate::setup::programs;

/// New servers' data with the backup in it, before any service has seen it.
pub(crate) struct Restored {
    data: PathBuf,
    databases: Databases,
}

impl Restored {
    /// `old` is the data folder that was backed up to `saved`; the new one is made in `parent`.
    pub(crate) async fn from(old: &Path, saved: &Path, parent: &Path) -> Self {
        let data = parent.join("new");
        let folder = DataFolder::open(&data).unwrap();
        // Kept apart from the backup, as docs/operations.md asks for; the session is the test's own.
        for entry in std::fs::read_dir(old.join("secrets")).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, data.join("secrets").join(path.file_name().unwrap())).unwrap();
        }
        for name in ["session.json", "sample/recipe.json"] {
            if old.join(name).exists() {
                std::fs::copy(old.join(name), data.join(name)).unwrap();
            }
        }
        let databases = Databases::start(&folder).await.unwrap();
        let originals = data.join("services/claim-images");
        std::fs::create_dir_all(&originals).unwrap();
        let mut arguments = vec!["restore".to_owned(), text(saved).to_owned()];
        let keyring = parent.join("keyring.toml");
        let owner = format!("[database]\nurl = \"{}\"\n", databases.own_url("keyring"));
        std::fs::write(&keyring, owner).unwrap();
        arguments.extend(["--settings".to_owned(), text(&keyring).to_owned()]);
        for service in SERVICES {
            let mut settings = format!(
                "[database]\nurl = \"{}\"\n[keyring]\nurl = \"{}\"\n",
                databases.own_url(service),
                databases.keyring_url(service)
            );
            if service == "claim-images" {
                let files = format!(
                    "[service]\noriginals_folder = \"{}/originals\"\n",
                    originals.display()
                );
                settings.push_str(&files);
            }
            let file = parent.join(format!("{service}.toml"));
            std::fs::write(&file, settings).unwrap();
            arguments.extend(["--settings".to_owned(), text(&file).to_owned()]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        command(&arguments).await;
        let refused = run(&arguments).await.unwrap_err();
        assert!(
            refused.contains("is not empty"),
            "a restore writes over nothing: {refused}"
        );
        Self { data, databases }
    }

    pub(crate) async fn connect(&self, service: &str) -> PgConnection {
        PgConnection::connect(&self.databases.url(service)).await.unwrap()
    }

    /// The new data folder, for services to start on.
    pub(crate) async fn finish(mut self) -> PathBuf {
        self.databases.stop().await;
        self.data
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A command of operators.
pub(crate) async fn command(arguments: &[&str]) {
    let said = run(arguments).await;
    assert!(said.is_ok(), "{arguments:?}: {said:?}");
}

async fn run(arguments: &[&str]) -> Result<String, String> {
    let output = tokio::process::Command::new(programs().join("madoguchi-operate"))
        .args(arguments)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.success() {
        Ok(said)
    } else {
        Err(said)
    }
}
