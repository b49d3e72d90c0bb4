//! A real process, killed while it appends.

lab::kill!(stage05::Stage05);
