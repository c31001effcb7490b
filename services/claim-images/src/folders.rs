//! Where pictures are kept, sealed but with their sizes and times: for the service's own user alone.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

/// Makes a folder that nobody else may look into; one that others may look into is closed to them.
pub(crate) fn private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mode = fs::metadata(folder)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(folder, Permissions::from_mode(mode & 0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_folder_that_others_could_look_into_is_closed_to_them() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("originals");
        private_folder(&folder).unwrap();
        for mode in [0o755, 0o750, 0o700] {
            fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
            private_folder(&folder).unwrap();
            assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }
}
