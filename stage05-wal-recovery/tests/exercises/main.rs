//! What the parts of the stage's exercises have to do. Part K is judged by the tests whose names begin `s05pK_`.

mod part1;
mod part2;
mod part3;
mod part4;
mod part5;
#[path = "../recovery_common/mod.rs"]
mod recovery_common;
