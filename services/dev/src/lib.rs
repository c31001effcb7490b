//! What developers and `make run` need and nobody deploys: private servers, all services as processes, the sample book,
//! the journey through the main job, and a small client.

pub mod cli;
pub mod journey;
pub mod load;
pub mod output;
pub mod reference;
pub mod sample;
pub mod session;
pub mod stack;
