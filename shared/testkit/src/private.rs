//! Folders for one user alone.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use crate::error::ServerError;

/// Makes a folder that its owner alone may look into, or makes it so where it exists.
pub(crate) fn private_folder(folder: &Path) -> Result<(), ServerError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.and_then(|()| fs::set_permissions(folder, Permissions::from_mode(0o700)))
        .map_err(ServerError::io("create", folder))
}
