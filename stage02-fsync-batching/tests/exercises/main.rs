//! The tests that judge the exercises. A test belongs to the part that its name begins with.

mod harness;

mod part1_queue;
mod part2_turns;
mod part3_groups;
mod part4_background;
mod part5_left_behind;
