//! Figures that are made from the stages themselves and from measured numbers.
