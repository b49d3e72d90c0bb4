//! What this stage says of itself is true: it keeps every promise.

lab::promises!(stage06::Stage06);
