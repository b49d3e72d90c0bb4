//! The press, tried on books of one page.

mod checks;
mod mini_book;
mod quotes;
