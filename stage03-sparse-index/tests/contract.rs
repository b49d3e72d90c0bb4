//! The contract that every stage keeps.

lab::contract!(stage03::Stage03);
