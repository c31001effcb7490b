//! The accident: who owns it, its pictures and submissions. Guards what may be registered, sent and seen.

use std::collections::{BTreeMap, BTreeSet};

use decider::{AsOf, Decider};
use kernel::ids::{AccidentId, ImageId, SubjectId, SubmissionId};
use kernel::{Personal, Timestamp};

use super::command::{Command, NewImage, Received};
use super::derivative::Derivatives;
use super::event::Event;
use super::image::{
    ContentType, Image, ImageState, MAX_ACCIDENT_BYTES, MAX_ACCIDENT_FILES, MAX_ACCIDENT_IMAGES,
    RefusalReason,
};
use super::import::{AccidentState, ImportedAccident};
use super::rejection::Rejection;

/// The state of one accident.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Accident {
    #[default]
    Unknown,
    Known(Box<CurrentAccident>),
}

/// An imported accident as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentAccident {
    pub subject: SubjectId,
    /// Whether the insurer still works on it.
    pub state: AccidentState,
    /// Every picture, refused ones too.
    pub images: BTreeMap<ImageId, Image>,
    pub submissions: BTreeMap<SubmissionId, Submission>,
    row_digest: String,
    row_as_of: Timestamp,
    /// Registration order: what "all" means when sending.
    order: Vec<ImageId>,
}

/// What was sent together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    pub image_ids: Vec<ImageId>,
    /// Whether the adjuster has looked.
    pub seen: bool,
}

impl Accident {
    /// The accident, if it is one of this owner's; somebody else's does not exist for them (CI-9).
    pub fn of(&self, owner: &BTreeSet<SubjectId>) -> Result<&CurrentAccident, Rejection> {
        self.known()
            .ok()
            .filter(|current| owner.contains(&current.subject))
            .ok_or(Rejection::AccidentNotFound)
    }

    /// The accident, for staff.
    pub fn known(&self) -> Result<&CurrentAccident, Rejection> {
        match self {
            Self::Unknown => Err(Rejection::AccidentNotFound),
            Self::Known(current) => Ok(current),
        }
    }
}

impl CurrentAccident {
    /// A picture that was registered, not refused.
    pub fn registered(&self, image: ImageId) -> Result<&Image, Rejection> {
        self.images
            .get(&image)
            .filter(|image| !matches!(image.state, ImageState::Refused(_)))
            .ok_or(Rejection::ImageNotFound)
    }

    /// Every picture that was registered, in that order.
    pub fn all_registered(&self) -> impl Iterator<Item = &Image> {
        self.order.iter().filter_map(|id| self.registered(*id).ok())
    }

    /// Refuses one more picture of this size where there is no room for it.
    pub fn check_room(&self, size_bytes: u64) -> Result<(), Rejection> {
        let kept: Vec<_> = self
            .images
            .values()
            .filter(|image| !matches!(image.state, ImageState::Refused(_)))
            .collect();
        let bytes: u64 = kept.iter().map(|image| image.size_bytes).sum();
        let full = kept.len() >= MAX_ACCIDENT_IMAGES || self.images.len() >= MAX_ACCIDENT_FILES;
        if full || bytes.saturating_add(size_bytes) > MAX_ACCIDENT_BYTES {
            return Err(Rejection::AccidentFull);
        }
        Ok(())
    }

    fn receive(&self, image: NewImage, received: Received) -> Result<Vec<Event>, Rejection> {
        if self.images.contains_key(&image.image_id) {
            return Ok(Vec::new());
        }
        self.check_room(image.size_bytes)?;
        Ok(vec![Event::ImageReceived {
            image_id: image.image_id,
            subject: self.subject,
            category: image.category,
            duplicate_of: self.same_bytes(&image),
            file_name: Personal::new(self.subject, image.file_name),
            content_type: received.content_type,
            size_bytes: image.size_bytes,
            sha256: image.sha256,
            dimensions: received.dimensions,
            derivatives: received.derivatives,
            hints: received.hints,
            capture: received.capture.map(|facts| Personal::new(self.subject, facts)),
            received_at: image.at,
        }])
    }

    /// Records derivatives, unless there are as many by this recipe or a newer one.
    fn derive(
        &self,
        image_id: ImageId,
        derivatives: Derivatives,
        at: Timestamp,
    ) -> Result<Vec<Event>, Rejection> {
        let known = &self.registered(image_id)?.derivatives;
        let is_news = known.recipe < derivatives.recipe
            || (known.recipe == derivatives.recipe && !known.sizes.is_superset(&derivatives.sizes));
        Ok(Vec::from_iter(is_news.then_some(Event::ImageDerived {
            image_id,
            subject: self.subject,
            derivatives,
            derived_at: at,
        })))
    }

    fn refuse(
        &self,
        image: NewImage,
        content_type: Option<ContentType>,
        reason: RefusalReason,
    ) -> Vec<Event> {
        if self.images.contains_key(&image.image_id) {
            return Vec::new();
        }
        vec![Event::ImageRefused {
            image_id: image.image_id,
            subject: self.subject,
            category: image.category,
            file_name: Personal::new(self.subject, image.file_name),
            content_type,
            size_bytes: image.size_bytes,
            sha256: image.sha256,
            reason,
            refused_at: image.at,
        }]
    }

    fn see(&self, submission_id: SubmissionId, by: String, at: Timestamp) -> Result<Vec<Event>, Rejection> {
        let submission = self
            .submissions
            .get(&submission_id)
            .ok_or(Rejection::SubmissionNotFound)?;
        if submission.seen {
            return Ok(Vec::new());
        }
        Ok(vec![Event::SubmissionSeen {
            submission_id,
            subject: self.subject,
            image_ids: submission.image_ids.clone(),
            seen_by: by,
            seen_at: at,
        }])
    }

    /// The first registered picture with the same bytes.
    fn same_bytes(&self, image: &NewImage) -> Option<ImageId> {
        self.order.iter().copied().find(|id| {
            self.registered(*id)
                .is_ok_and(|known| known.sha256 == image.sha256 && known.size_bytes == image.size_bytes)
        })
    }

    fn sendable(&self, wanted: Vec<ImageId>) -> Result<Vec<ImageId>, Rejection> {
        let unsent = |id: &ImageId| {
            self.images
                .get(id)
                .is_some_and(|image| image.state == ImageState::Received)
        };
        if wanted.is_empty() {
            let all: Vec<_> = self.order.iter().copied().filter(unsent).collect();
            return if all.is_empty() {
                Err(Rejection::NothingToSend)
            } else {
                Ok(all)
            };
        }
        let mut chosen: Vec<ImageId> = Vec::new();
        for id in wanted {
            if !self.images.contains_key(&id) {
                return Err(Rejection::ImageNotFound);
            }
            if !unsent(&id) {
                return Err(Rejection::ImageNotSendable(id));
            }
            if !chosen.contains(&id) {
                chosen.push(id);
            }
        }
        Ok(chosen)
    }

    fn record(&mut self, image: Option<Image>) {
        if let Some(image) = image {
            self.order.push(image.image_id);
            self.images.insert(image.image_id, image);
        }
    }

    fn move_on(&mut self, images: &[ImageId], state: ImageState) {
        for id in images {
            if let Some(image) = self.images.get_mut(id) {
                image.state = state;
            }
        }
    }
}

impl Decider for Accident {
    const CATEGORY: &'static str = "accident";
    type Id = AccidentId;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Import {
                accident,
                row_digest,
                as_of,
            } => self.import(*accident, row_digest, as_of),
            Command::ReceiveImage { image, received } => self.of(&image.owner)?.receive(image, *received),
            Command::RecordDerivatives {
                image_id,
                derivatives,
                at,
            } => self.known()?.derive(image_id, derivatives, at),
            Command::RefuseImage {
                image,
                content_type,
                reason,
            } => Ok(self.of(&image.owner)?.refuse(image, content_type, reason)),
            Command::ConfirmImage { owner, image_id } => {
                self.of(&owner)?
                    .images
                    .get(&image_id)
                    .ok_or(Rejection::ImageNotFound)?;
                Ok(Vec::new())
            }
            Command::Send {
                owner,
                submission_id,
                image_ids,
                note,
                at,
            } => {
                let current = self.of(&owner)?;
                Ok(vec![Event::SubmissionSent {
                    submission_id,
                    subject: current.subject,
                    image_ids: current.sendable(image_ids)?,
                    note: (!note.is_empty()).then(|| Personal::new(current.subject, note)),
                    sent_at: at,
                }])
            }
            Command::MarkSeen {
                submission_id,
                by,
                at,
            } => self.known()?.see(submission_id, by, at),
            Command::ViewOriginal { image_id, by, at } => {
                self.known()?.registered(image_id)?;
                Ok(vec![Event::OriginalViewed {
                    image_id,
                    viewed_by: by,
                    viewed_at: at,
                }])
            }
        }
    }

    fn evolve(self, event: &Event) -> Self {
        let mut current = match (self, event) {
            (
                state,
                Event::Imported {
                    accident,
                    row_digest,
                    as_of,
                },
            ) => return state.imported(accident, row_digest, *as_of),
            (Self::Unknown, _) => return Self::Unknown,
            (Self::Known(current), _) => current,
        };
        match event {
            Event::Imported { .. } | Event::OriginalViewed { .. } => {}
            Event::ImageReceived { .. } | Event::ImageRefused { .. } => current.record(event.image()),
            Event::ImageDerived {
                image_id,
                derivatives,
                ..
            } => {
                if let Some(image) = current.images.get_mut(image_id) {
                    image.derivatives = derivatives.clone();
                }
            }
            Event::SubmissionSent {
                submission_id,
                image_ids,
                ..
            } => {
                current.move_on(image_ids, ImageState::Sent(*submission_id));
                let submission = Submission {
                    image_ids: image_ids.clone(),
                    seen: false,
                };
                current.submissions.insert(*submission_id, submission);
            }
            Event::SubmissionSeen {
                submission_id,
                image_ids,
                ..
            } => {
                current.move_on(image_ids, ImageState::Seen(*submission_id));
                if let Some(submission) = current.submissions.get_mut(submission_id) {
                    submission.seen = true;
                }
            }
        }
        Self::Known(current)
    }
}

impl Accident {
    fn import(
        &self,
        accident: ImportedAccident,
        row_digest: String,
        as_of: AsOf<Timestamp>,
    ) -> Result<Vec<Event>, Rejection> {
        if let Self::Known(current) = self {
            if !as_of.is_news(&row_digest, &current.row_digest, current.row_as_of)? {
                return Ok(Vec::new());
            }
            // A corrected customer number would show the first customer's pictures to the second.
            if current.subject != accident.subject && !current.images.is_empty() {
                return Err(Rejection::CustomerChanged);
            }
        }
        Ok(vec![Event::Imported {
            accident,
            row_digest,
            as_of: as_of.row,
        }])
    }

    fn imported(self, accident: &ImportedAccident, row_digest: &str, as_of: Timestamp) -> Self {
        let (images, submissions, order) = match self {
            Self::Unknown => Default::default(),
            Self::Known(current) => (current.images, current.submissions, current.order),
        };
        Self::Known(Box::new(CurrentAccident {
            subject: accident.subject,
            state: accident.state,
            images,
            submissions,
            row_digest: row_digest.to_owned(),
            row_as_of: as_of,
            order,
        }))
    }
}

#[cfg(test)]
#[path = "accident_tests.rs"]
mod tests;
