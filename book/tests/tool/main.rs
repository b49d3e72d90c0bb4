//! The tool, from outside: its command line, its web server, its reading of criterion's files, its measurement, its
//! shell, its view of a log's bytes, and its zoo.

mod cli;
mod compare;
mod inspect;
mod measure;
mod play;
mod runner;
mod serve;
mod zoo;
