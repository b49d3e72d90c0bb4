//! A client wants a batch appended.

use super::{Acks, Millis, Outcome, Output, Produce, Replica, Role, Why};
use crate::batch::Batch;
use crate::producers::Check;

impl Replica {
    pub(super) fn produce(&mut self, now: Millis, produce: Produce) {
        let request = produce.request;
        let Role::Leader(leader) = &mut self.role else {
            return self.out.push(Output::Answer { request, outcome: Outcome::Refused(Why::NotLeader) });
        };
        let state = self.state.as_ref().expect("a leader knows its tablet");
        if produce.acks == Acks::All && state.isr.len() < state.min_insync_replicas {
            return self.out.push(Output::Answer { request, outcome: Outcome::Refused(Why::NotEnoughReplicas) });
        }
        let deadline = now + self.options.ack_timeout_ms;
        if let Some(sequence) = &produce.sequence {
            let Some(producers) = &self.log.producers else {
                return self.out.push(Output::Answer { request, outcome: Outcome::Refused(Why::NotLeader) });
            };
            let why = match producers.check(sequence, produce.count) {
                Check::New => None,
                // It is as safe as it was asked for when its records are: they may be the ones that nobody else has yet.
                Check::Duplicate { base, end } => return leader.wait(request, produce.acks, base, end, deadline),
                Check::OutOfSequence => Some(Why::OutOfSequence),
                Check::Fenced => Some(Why::ProducerFenced),
            };
            if let Some(why) = why {
                return self.out.push(Output::Answer { request, outcome: Outcome::Refused(why) });
            }
        }
        let batch = Batch {
            base_offset: self.log.written,
            epoch: state.leader_epoch,
            count: produce.count,
            base_timestamp_ms: produce.base_timestamp_ms,
            max_timestamp_ms: produce.max_timestamp_ms,
            sequence: produce.sequence,
            body: produce.body,
        };
        self.log.append(&batch);
        leader.wait(request, produce.acks, batch.base_offset, batch.end_offset(), deadline);
        self.out.push(Output::Append(vec![batch]));
    }
}
