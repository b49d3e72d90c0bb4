//! What every log of the course has to do.

lab::contract!(stage01::Stage01);
