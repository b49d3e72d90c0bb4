//! The press, tried on books of one page.

mod checks;
mod exercises;
mod exhibits;
mod mini_book;
mod quotes;
mod the_book;
