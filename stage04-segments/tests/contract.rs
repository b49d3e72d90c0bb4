//! The contract that every stage keeps.

use stage04::Stage04;

lab::contract!(Stage04);
