//! What this stage promises it keeps, and what it does not promise is seen to be lost.

lab::promises!(stage02::Stage02);
