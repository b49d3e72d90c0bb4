//! The contract that every stage keeps, and that of a log that knows how far it was synced.

lab::contract!(stage05::Stage05, quarantines);
