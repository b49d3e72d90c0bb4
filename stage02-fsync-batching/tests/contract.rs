//! What every log of the course has to do.

lab::contract!(stage02::Stage02);
