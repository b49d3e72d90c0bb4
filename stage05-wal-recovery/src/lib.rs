//! # Stage 5: recovery of a write-ahead log
//!
//! Being written.

pub mod behind;
pub mod body;
pub mod decision;
pub mod encoder;
pub mod dump;
pub mod frame;
pub mod frame_file;
pub mod frame_scan;
pub mod framed;
pub mod header;
pub mod kv;
pub mod mapped_file;
pub mod parts;
pub mod reader;
pub mod recovery;
pub mod recovery_point;
pub mod rewriter;
pub mod salt;
pub mod salvage;
pub mod spectrum;
pub mod stage;
pub mod survey;
pub mod torn_file;
pub mod varint;
pub mod verify;
pub mod walk;
pub mod writer;

mod lazy_index;
mod segment;
mod spare_window;
mod window;

pub use framed::Framed;
pub use stage::Stage05;
pub use stage04::*;
