//! A real process, killed while it appends.

lab::kill!(stage02::Stage02);
