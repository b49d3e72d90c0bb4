//! For teachers: a class repository for one stage, and marks for what comes back.
//!
//! [`assign`] makes the repository, [`chapters`] its book, [`grade`] judges what a student has written, [`report`] is
//! the document that comes of it.

pub mod assign;
pub mod chapters;
pub mod grade;
pub mod report;
