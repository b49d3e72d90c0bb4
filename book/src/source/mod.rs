//! The sources of the workspace: its packages, their files, and the items in these, found by their paths.

pub(crate) mod item_name;
pub(crate) mod items;
pub(crate) mod library;
pub(crate) mod nearest;
pub(crate) mod packages;
