//! Accidents and pictures as services tell of them, into what pages show: the one place that knows those messages' fields.

use contracts::claim_images::v1::{DerivativeSize, ImageState};
use contracts::views::v1::{AccidentSummary, ImageSummary};

use crate::texts::Texts;

/// An accident.
pub(crate) struct Accident {
    pub(crate) href: String,
    pub(crate) kind: String,
    pub(crate) number: String,
    pub(crate) policy: String,
    pub(crate) occurred: String,
    pub(crate) place: String,
    pub(crate) state: String,
    pub(crate) unsent: u32,
    pub(crate) sent: u32,
}

pub(crate) fn accident(t: Texts, accident: &AccidentSummary) -> Accident {
    Accident {
        href: format!("/accidents/{}", accident.accident_id),
        kind: accident.kind_name.clone(),
        number: accident.claim_number.clone(),
        policy: accident.policy_number.clone(),
        occurred: t.time(accident.occurred_at_us),
        place: accident.place.clone(),
        state: t.value("accident-state", accident.state().as_str_name()),
        unsent: accident.unsent_images,
        sent: accident.sent_images,
    }
}

/// A picture in a list.
pub(crate) struct Picture {
    pub(crate) id: String,
    /// Its place in the list, from 1, by which people name it.
    pub(crate) number: usize,
    /// Small, to be seen; empty where there is nothing to show.
    pub(crate) src: String,
    pub(crate) href: String,
    pub(crate) name: String,
    pub(crate) category: String,
    pub(crate) state: String,
    pub(crate) refused: bool,
    pub(crate) unsent: bool,
    pub(crate) seen: bool,
    pub(crate) size: String,
    /// Why it was refused, or may want to be taken again.
    pub(crate) words: Vec<String>,
    /// The number of the same picture that was there before; 0 if none was.
    pub(crate) duplicate_of: usize,
    pub(crate) submission_id: String,
    pub(crate) received: String,
}

pub(crate) fn pictures(t: Texts, accident_id: &str, images: &[ImageSummary]) -> Vec<Picture> {
    let numbered = images.iter().zip(1..);
    numbered
        .map(|(image, number)| picture(t, accident_id, images, image, number))
        .collect()
}

fn picture(
    t: Texts,
    accident_id: &str,
    images: &[ImageSummary],
    image: &ImageSummary,
    number: usize,
) -> Picture {
    let refused = image.state() == ImageState::Refused;
    let visible = image.derivatives().any(|size| size == DerivativeSize::Small);
    let words = if refused {
        vec![image.refusal_message.clone()]
    } else {
        image.hints.iter().map(|hint| hint.message.clone()).collect()
    };
    let duplicate = images.iter().position(|other| {
        !image.duplicate_of_image_id.is_empty() && other.image_id == image.duplicate_of_image_id
    });
    Picture {
        id: image.image_id.clone(),
        number,
        src: if visible {
            format!("/img/{accident_id}/{}/small", image.image_id)
        } else {
            String::new()
        },
        href: format!("/accidents/{accident_id}/images/{}", image.image_id),
        name: image.file_name.clone(),
        category: t.value("image-category", image.category().as_str_name()),
        state: t.value("image-state", image.state().as_str_name()),
        refused,
        unsent: image.state() == ImageState::Received,
        seen: image.state() == ImageState::Seen,
        size: t.size(image.size_bytes),
        words,
        duplicate_of: duplicate.map_or(0, |index| index + 1),
        submission_id: image.submission_id.clone(),
        received: t.time(image.received_at_us),
    }
}

/// Pictures that were sent together. The view has no list of submissions yet: it is made of what the pictures say.
pub(crate) struct Submission<'a> {
    pub(crate) pictures: Vec<&'a Picture>,
    pub(crate) seen: bool,
}

/// In the order of their first pictures.
pub(crate) fn submissions(pictures: &[Picture]) -> Vec<Submission<'_>> {
    let mut found: Vec<Submission<'_>> = Vec::new();
    for picture in pictures
        .iter()
        .filter(|picture| !picture.submission_id.is_empty())
    {
        let same = found.iter_mut().find(|submission| {
            submission
                .pictures
                .first()
                .is_some_and(|first| first.submission_id == picture.submission_id)
        });
        match same {
            Some(submission) => submission.pictures.push(picture),
            None => found.push(Submission {
                pictures: vec![picture],
                seen: picture.seen,
            }),
        }
    }
    found
}
