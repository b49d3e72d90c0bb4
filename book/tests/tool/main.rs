//! The tool, from outside: its command line, its web server, its reading of criterion's files, its measurement, its
//! shell, and its view of a log's bytes.

mod cli;
mod compare;
mod inspect;
mod measure;
mod play;
mod serve;
