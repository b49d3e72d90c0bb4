//! What this stage says of itself is true: the promises that it keeps, and the losses that it has left.

lab::promises!(stage04::Stage04);
