//! The book, and the tool that builds it.

pub mod exercises;
pub mod figures;
mod html;
pub mod press;
pub mod results;
mod source;
pub mod tool;
pub mod zoo;
