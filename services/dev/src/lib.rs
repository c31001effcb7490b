//! What developers and `make run` need and nobody deploys: private servers, all services as processes, the sample book,
//! its import, the journey through the main job, and a small client.

pub mod client;
pub mod import;
pub mod output;
pub mod sample;
