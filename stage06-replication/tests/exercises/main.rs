//! What the parts of the stage's exercises have to do. Part K is judged by the tests whose names begin `s06pK_`.

mod cluster;
mod common;
mod part1;
mod part2;
mod part3;
mod part4;
mod part5;
