//! What can happen to a cluster.

use fastrand::Rng;

use super::config::Swarm;

/// A stroke of fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stroke {
    /// A process is killed; what it had written is still written.
    Kill,
    /// A broker loses power.
    PowerCut,
    /// All brokers lose power at the same moment.
    PowerCutOfAll,
    /// A broker is shut down and started again.
    Restart,
    /// The leader is cut off from the other brokers, from the controller or from both.
    IsolateLeader,
    /// The brokers are parted in two.
    Partition,
    /// A link works in one direction only.
    OneWay,
    /// A link keeps what is sent over it, for later.
    Hold,
    /// A process stops, and goes on later as if nothing had been.
    Pause,
    /// An operator wants another leader.
    MoveLeader,
}

impl Stroke {
    pub(crate) const ALL: [Stroke; 10] = [
        Stroke::Kill,
        Stroke::PowerCut,
        Stroke::PowerCutOfAll,
        Stroke::Restart,
        Stroke::IsolateLeader,
        Stroke::Partition,
        Stroke::OneWay,
        Stroke::Hold,
        Stroke::Pause,
        Stroke::MoveLeader,
    ];

    /// The next stroke of a swarm. `None` if its days are quiet.
    pub(crate) fn draw(random: &mut Rng, swarm: &Swarm) -> Option<Stroke> {
        let sum: u32 = swarm.weights.iter().sum();
        if sum == 0 {
            return None;
        }
        let mut at = random.u32(0..sum);
        for (stroke, weight) in Stroke::ALL.into_iter().zip(swarm.weights) {
            if at < weight {
                return Some(stroke);
            }
            at -= weight;
        }
        None
    }
}
