//! Files of a form, one after the other into the service: one is held in memory at a time, and few at once in the program. What
//! cannot be taken is told by file, and the others go on (CI-4, CI-6).

use axum::extract::Multipart;
use axum::extract::multipart::Field;
use client::{CHUNK_BYTES, Refusal, answered};
use contracts::claim_images::v1::{
    FinishUploadRequest, FinishUploadResponse, ImageCategory, ImageState, StartUploadRequest,
    WriteUploadRequest,
};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::customer::guard::Customer;
use crate::customer::place::Id;
use crate::problem::Problem;
use crate::session::HandedIn;
use crate::texts::Texts;

/// Bytes of one file, as the service takes them.
const MAX_FILE_BYTES: usize = 32 * 1024 * 1024;
/// Files of one form.
const MAX_FILES: usize = 20;
/// Bytes of a file's name.
const MAX_NAME_BYTES: usize = 255;
/// Bytes of any other field.
const MAX_FIELD_BYTES: usize = 256;

/// What a picture can show, by the form's value.
pub(super) const CATEGORIES: [(&str, ImageCategory); 4] = [
    ("DAMAGED_PROPERTY", ImageCategory::DamagedProperty),
    ("ACCIDENT_PLACE", ImageCategory::AccidentPlace),
    ("DOCUMENT", ImageCategory::Document),
    ("OTHER", ImageCategory::Other),
];

/// What a form came to.
pub(super) struct Intake {
    pub(super) files: Vec<HandedIn>,
    pub(super) category: ImageCategory,
    /// Input and words, where nothing was handed in.
    pub(super) error: Option<(&'static str, String)>,
    pub(super) consistency_token: String,
}

/// Takes the files of a form in. The form's request id and a file's place in it make each upload's own, so that a form that is
/// sent twice hands in once.
pub(super) async fn take_in(
    customer: &Customer,
    accident: Id,
    mut multipart: Multipart,
) -> Result<Intake, Problem> {
    let t = customer.texts();
    let mut intake = Intake {
        files: Vec::new(),
        category: ImageCategory::DamagedProperty,
        error: None,
        consistency_token: String::new(),
    };
    let mut request = Uuid::nil();
    while let Some(field) = multipart.next_field().await.map_err(unreadable)? {
        match field.name() {
            Some("request_id") => {
                request = Uuid::try_parse(&text(field).await?).map_err(|_| Problem::BadRequest)?;
            }
            Some("category") => {
                let value = text(field).await?;
                let found = CATEGORIES.into_iter().find(|(name, _)| *name == value);
                intake.category = found.ok_or(Problem::BadRequest)?.1;
            }
            Some("files") if field.file_name().is_some_and(|name| !name.is_empty()) => {
                // Whatever comes after the last one is not read at all.
                if intake.files.len() >= MAX_FILES {
                    intake.files.push(refused(t, t.add_too_many(MAX_FILES)));
                    break;
                }
                if request.is_nil() {
                    return Err(Problem::BadRequest);
                }
                let own = Uuid::new_v5(&request, &intake.files.len().to_be_bytes());
                let (file, token) = file(customer, accident, intake.category, own, field).await?;
                intake.files.push(file);
                if !token.is_empty() {
                    intake.consistency_token = token;
                }
            }
            // An input that was left empty, or one that is not ours.
            _ => {}
        }
    }
    if intake.files.is_empty() {
        intake.error = Some(("files", t.add_choose()));
    }
    Ok(intake)
}

fn refused(t: Texts, words: String) -> HandedIn {
    HandedIn {
        name: t.add_further(),
        received: false,
        words: vec![words],
    }
}

#[allow(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn unreadable(error: axum::extract::multipart::MultipartError) -> Problem {
    Problem::of_status(error.status())
}

async fn text(mut field: Field<'_>) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(unreadable)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_FIELD_BYTES {
            return Err(Problem::BadRequest);
        }
    }
    String::from_utf8(bytes).map_err(|_| Problem::BadRequest)
}

/// One file: read whole, then handed over. What becomes of it, and the consistency token where that was recorded.
async fn file(
    customer: &Customer,
    accident: Id,
    category: ImageCategory,
    request: Uuid,
    mut field: Field<'_>,
) -> Result<(HandedIn, String), Problem> {
    let t = customer.texts();
    let name = shortened(field.file_name().unwrap_or_default());
    // Never closed.
    let _turn = customer.app.files.acquire().await.map_err(Problem::internal)?;
    let Some(bytes) = whole(&mut field).await? else {
        let words = vec![t.add_too_large()];
        return Ok((told(name, false, words), String::new()));
    };
    let upload = Upload {
        customer,
        accident,
        category,
        request,
        name: &name,
    };
    match upload.hand_over(bytes).await {
        Ok(finished) => {
            let image = finished.image.unwrap_or_default();
            let received = image.state() != ImageState::Refused;
            let mut words: Vec<String> = image.hints.into_iter().map(|hint| hint.message).collect();
            if !received {
                words = vec![image.refusal_message];
            } else if !image.duplicate_of_image_id.is_empty() {
                words.push(t.add_duplicate());
            }
            Ok((told(name, received, words), finished.consistency_token))
        }
        // Of the whole form, not of this file.
        Err(refusal)
            if matches!(
                Problem::from(refusal.clone()),
                Problem::NotFound | Problem::LoggedOut | Problem::Maintenance { .. }
            ) =>
        {
            Err(refusal.into())
        }
        Err(refusal) => {
            let said = !refusal.reason.is_empty();
            let fields = refusal
                .violations
                .iter()
                .map(|violation| violation.message.clone());
            let mut words: Vec<String> = fields.collect();
            if words.is_empty() {
                words.push(if said {
                    refusal.message
                } else {
                    t.form_unavailable()
                });
            }
            Ok((told(name, false, words), String::new()))
        }
    }
}

/// The bytes of a file; `None` where there are too many. Read to its end all the same, so that the files behind it are found.
async fn whole(field: &mut Field<'_>) -> Result<Option<Vec<u8>>, Problem> {
    let mut bytes = Vec::new();
    let mut too_large = false;
    while let Some(chunk) = field.chunk().await.map_err(unreadable)? {
        too_large |= bytes.len() + chunk.len() > MAX_FILE_BYTES;
        if too_large {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&chunk);
        }
    }
    Ok((!too_large).then_some(bytes))
}

fn told(name: String, received: bool, words: Vec<String>) -> HandedIn {
    HandedIn {
        name,
        received,
        words,
    }
}

/// A name as the service takes it: its end tells more than its middle.
fn shortened(name: &str) -> String {
    // Some browsers send a path.
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut start = name.len().saturating_sub(MAX_NAME_BYTES);
    while !name.is_char_boundary(start) {
        start += 1;
    }
    name[start..]
        .chars()
        .filter(|character| !character.is_control())
        .collect()
}

struct Upload<'a> {
    customer: &'a Customer,
    accident: Id,
    category: ImageCategory,
    request: Uuid,
    name: &'a str,
}

impl Upload<'_> {
    async fn hand_over(&self, bytes: Vec<u8>) -> Result<FinishUploadResponse, Refusal> {
        let client = self.customer.app.backend.client();
        let mut service = client.claim_images(&self.customer.bearer);
        let request = StartUploadRequest {
            request_id: self.request.to_string(),
            accident_id: self.accident.to_string(),
            category: self.category.into(),
            size_bytes: bytes.len() as u64,
            file_name: self.name.to_owned(),
        };
        let upload_id = answered(service.start_upload(request).await)?.upload_id;
        let sha256 = Sha256::digest(&bytes).to_vec();
        let written = service.write_upload(chunks(upload_id.clone(), bytes)).await;
        if let Err(refusal) = written.map_err(Refusal::from) {
            // Handed in before by the same form: finishing again answers the same.
            if refusal.reason != "UPLOAD_FINISHED" && refusal.reason != "OFFSET_MISMATCH" {
                return Err(refusal);
            }
        }
        let request = FinishUploadRequest {
            request_id: Uuid::new_v5(&self.request, b"finish").to_string(),
            upload_id,
            sha256,
        };
        answered(service.finish_upload(request).await)
    }
}

/// A chunk is made when the one before was taken.
fn chunks(
    upload_id: String,
    bytes: Vec<u8>,
) -> impl futures::Stream<Item = WriteUploadRequest> + Send + 'static {
    futures::stream::unfold(
        (upload_id, bytes, 0_usize),
        |(upload_id, bytes, offset)| async move {
            let end = bytes.len().min(offset + CHUNK_BYTES);
            let data = bytes.get(offset..end).filter(|data| !data.is_empty())?.to_vec();
            let chunk = WriteUploadRequest {
                upload_id: upload_id.clone(),
                offset: offset as u64,
                crc32c: crc32c::crc32c(&data),
                data,
            };
            Some((chunk, (upload_id, bytes, end)))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_between_characters_and_without_its_path() {
        assert_eq!(shortened("C:\\photos\\a.jpg"), "a.jpg");
        assert_eq!(shortened("a\r\nb.jpg"), "ab.jpg");
        let long = format!("{}.jpg", "写".repeat(200));
        let short = shortened(&long);
        assert!(
            short.len() <= MAX_NAME_BYTES && short.ends_with("写.jpg"),
            "{short}"
        );
    }

    #[tokio::test]
    async fn a_file_goes_in_chunks_that_join_to_it() {
        use futures::StreamExt as _;
        let bytes: Vec<u8> = (0..CHUNK_BYTES * 2 + 7)
            .map(|byte| byte.to_le_bytes()[0])
            .collect();
        let sent: Vec<_> = chunks("u".to_owned(), bytes.clone()).collect().await;
        assert_eq!(
            sent.iter().map(|chunk| chunk.offset).collect::<Vec<_>>(),
            [0, 65_536, 131_072]
        );
        let joined: Vec<u8> = sent.iter().flat_map(|chunk| chunk.data.clone()).collect();
        assert_eq!(joined, bytes);
        assert!(
            sent.iter()
                .all(|chunk| chunk.crc32c == crc32c::crc32c(&chunk.data))
        );
        assert_eq!(chunks("u".to_owned(), Vec::new()).count().await, 0);
    }
}
