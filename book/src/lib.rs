//! The book, and the tool that builds it.

pub mod results;
