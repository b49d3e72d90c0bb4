//! A real process, killed while it appends.

lab::kill!(stage01::Stage01);
