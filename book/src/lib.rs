//! The book, and the tool that builds it.

pub mod figures;
pub mod press;
pub mod results;
pub mod tool;
