//! The book, and the tool that builds it.

pub mod figures;
mod html;
pub mod press;
pub mod results;
pub mod tool;
