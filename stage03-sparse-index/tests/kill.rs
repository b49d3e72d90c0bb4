//! A real process, killed while it appends.

lab::kill!(stage03::Stage03);
