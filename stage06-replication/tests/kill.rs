//! A real process, killed while it appends.

lab::kill!(stage06::Stage06);
