//! The tool, from outside: its command line, its web server, its reading of criterion's files, its shell.

mod cli;
mod compare;
mod play;
mod serve;
