//! What lies on the disk of `make run` while it runs is for one user alone.

use std::fs::{self, Metadata, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use dev::stack::{DataFolder, Stack, StackError};

use crate::setup::{data_folder, programs};

/// Folders are 700, files 600, but root's data folder itself, which the user `postgres` passes through.
fn open_to_others(data: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = 0;
    let mut ahead: Vec<PathBuf> = vec![data.to_owned()];
    while let Some(path) = ahead.pop() {
        // Servers are at work.
        let Ok(is) = fs::symlink_metadata(&path) else {
            continue;
        };
        seen += 1;
        if is.is_dir() {
            ahead.extend(
                fs::read_dir(&path)
                    .into_iter()
                    .flatten()
                    .flatten()
                    .map(|entry| entry.path()),
            );
        }
        let allowed = if path == data && is.uid() == 0 {
            0o711
        } else {
            0o700
        };
        if !is.is_symlink() && mode(&is) & !allowed != 0 {
            found.push(format!("{} {:o}", path.display(), mode(&is)));
        }
    }
    assert!(seen > 1_000, "{seen} files of PostgreSQL, NATS and the services");
    found
}

fn mode(is: &Metadata) -> u32 {
    is.permissions().mode() & 0o777
}

#[tokio::test]
async fn nothing_that_a_stack_keeps_is_open_to_group_or_others_and_what_was_is_closed() {
    let folder = data_folder();
    let data = folder.path().join("data");
    let stack = Stack::start(&data, &programs()).await.unwrap();
    assert_eq!(open_to_others(&data), Vec::<String>::new());
    // Files that services make by themselves too, and their logs.
    assert!(data.join("services/claim-images/originals").is_dir());
    assert!(data.join("logs/views.log").is_file() && data.join("nats/nats.log").is_file());
    stack.stop().await;

    for (path, mode) in [
        ("nats", 0o755),
        ("logs/views.log", 0o644),
        ("config/views.toml", 0o664),
    ] {
        fs::set_permissions(data.join(path), Permissions::from_mode(mode)).unwrap();
    }
    assert_eq!(open_to_others(&data).len(), 3);
    DataFolder::open(&data).unwrap();
    assert_eq!(open_to_others(&data), Vec::<String>::new());

    // As it was before roles: its databases belong to the superuser.
    fs::remove_file(data.join("layout")).unwrap();
    for _ in 0..2 {
        let refused = DataFolder::open(&data).unwrap_err();
        assert!(matches!(refused, StackError::Older { .. }), "{refused}");
    }
}
