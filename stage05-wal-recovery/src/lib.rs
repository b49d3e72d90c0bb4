//! # Stage 5: recovery of a write-ahead log
//!
//! The segments of stage 4 with another storage: records lie in *frames*, with a checksum for the place and one for the
//! contents, and each frame says how far the log was synced when it was written. That settles what no earlier stage
//! could: whether damage is the rest of an append that a crash has torn, or the loss of something that was promised.
//!
//! ## What it promises
//!
//! All of stage 4, and two things more ([`Stage05::KEEPS`](Stage::KEEPS)):
//!
//! - a torn write loses nothing that was acknowledged, and does not keep the log from opening, in whatever order the disk
//!   has written the rest ([`Promise::SurvivesTornWrite`]);
//! - a flipped bit is never served as a record: reading it is an error that says where ([`Promise::SurvivesFlippedBit`]).
//!
//! Opening reads the recovery point and what lies behind it, and no index, so it costs the same for any log that was
//! closed. After a kill it reads the newest segment.
//!
//! ## What it does not promise yet
//!
//! What is damaged is found and not healed: there is no second copy. If the last group that was synced before a kill is
//! damaged before the next open, nobody stands behind it as a witness, and it is taken for torn. And a log on one machine
//! is gone with the machine.
//!
//! ## Layout on disk
//!
//! ```text
//! DIR/00000000000000003000.log            a segment: a block of 4096 bytes, then frames at multiples of 8
//! DIR/00000000000000003000.index          its sparse index, as in stage 3: an entry names a frame
//! DIR/00000000000000003000.timeindex      its time index, as in stage 4
//! DIR/00000000000000000000-00000000000000003000.packed   a rewritten segment, packed as in stage 4; frames with gaps
//! DIR/00000000000000003000.torn-8192      what recovery has cut from that segment, from byte 8192 on
//! DIR/recovery-point                      how far the log was synced at the last roll or close
//! ```
//!
//! ## Invariants
//!
//! - **F1** Nothing that a header says is believed before its checksum fits its bytes, the file's salt and its position.
//! - **F2** No record is given out before the checksum of its frame's body fits.
//! - **F3** A frame says "synced through n" only if a sync has covered every record in front of n.
//! - **R1** Torn or corrupt is settled by the watermark: the highest that any frame or the recovery point gives.
//! - **R2** Corruption changes no byte of the log.
//! - **R3** What is cut is kept, durably, before it is cut.
//! - **R4** A cut is durable before anything is served, or written behind it: a tail that was cut never comes back.
//! - **R5** What recovery serves is durable.
//! - **R6** The recovery point moves forward by a sync of the log and not by recovery, it never lies behind the end of the
//!   log, and it is the old one or the new one at any crash.
//!
//! The key-value store has **K1** to **K6** ([`kv`]).
//!
//! ## Reading order
//!
//! Frames: [`header`], [`salt`], [`frame`], [`varint`], [`body`], [`encoder`], [`frame_scan`] with `spare_window`,
//! [`frame_file`], [`mapped_file`], `lazy_index`, `segment`, [`writer`], [`reader`], [`rewriter`].
//!
//! Recovery: [`recovery_point`], [`decision`] (if you read one file, read this one), `window`, [`walk`], [`behind`],
//! [`survey`](mod@survey), [`torn_file`], [`recovery`], [`framed`], [`stage`].
//!
//! On top: [`parts`], [`verify`](mod@verify), [`dump`](mod@dump), [`salvage`](mod@salvage), [`kv`], [`spectrum`].
//! For stage 6: [`batch_frame`], `cut`.

pub mod batch_frame;
pub mod behind;
pub mod body;
pub mod decision;
pub mod dump;
pub mod encoder;
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

mod cut;
mod lazy_index;
mod segment;
mod spare_window;
mod window;

pub use framed::Framed;
pub use stage::Stage05;
pub use stage04::*;
