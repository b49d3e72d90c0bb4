//! What this stage says of itself is true: it keeps what it promises, and loses what it does not.

lab::promises!(stage01::Stage01);
