//! Stock clients against real brokers: kcat and confluent-kafka, which are librdkafka in two versions, and kafka-python.
//!
//! Nothing of a client is imitated here: each is a program of its own that others wrote, and each broker is a process. What
//! one client sends, every other has to read; and what was acknowledged has to be there, once and in order, whatever is
//! killed, stopped and cut off meanwhile.
//!
//! `.ci/clients` installs the clients and runs this. Without them the tests say so and do nothing; with
//! `STAGE06_CLIENTS=require` a client that is missing is an error. See [`faults`] for how to let the faults go on for
//! longer.

mod answers;
mod client;
mod cluster;
mod codecs;
mod compatibility;
mod faults;
mod groups;
mod installed;
mod kcat;
mod loads;
mod logs;
mod nemesis;
mod proxy;
mod python;
mod verdict;
