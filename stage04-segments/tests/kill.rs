//! A real process, killed while it appends.

lab::kill!(stage04::Stage04);
