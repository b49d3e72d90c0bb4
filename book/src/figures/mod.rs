//! Figures that are made from measured numbers and from the stages themselves.
//!
//! `numbers` (which results a figure shows), `table`, `chart`; [`inspect`](mod@inspect) and `hexdump` (the bytes of
//! a log, explained); `crash_map` and `crash_drawing`; `promises`; `spectrum`.

pub(crate) mod chart;
pub(crate) mod crash_drawing;
pub(crate) mod crash_map;
pub(crate) mod hexdump;
pub mod inspect;
pub(crate) mod numbers;
pub(crate) mod promises;
pub(crate) mod spectrum;
pub(crate) mod table;
