//! Random members, clocks and lost answers against a group, and what must hold whatever they do.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;
use stage06::groups::group::{Group, Phase};
use stage06::groups::message::{Answer, Caller, GroupError, Input, Join, Joined, Protocol};
use stage06::replica::RequestId;

use super::world::{join, options};

const MEMBERS: usize = 5;

/// What a member does next.
#[derive(Clone, Debug)]
enum Step {
    /// It joins, with what it knows of its id. A change of its metadata is news.
    Join {
        who: usize,
        asks_for_id_first: bool,
        is_changed: bool,
    },
    /// It asks for its work; the leader shares out something.
    Sync {
        who: usize,
        work: u8,
    },
    Heartbeat {
        who: usize,
    },
    /// It commits in the generation that it was told last, or in one so many before.
    Commit {
        who: usize,
        before: i32,
    },
    Leave {
        who: usize,
    },
    /// It is started anew, and knows nothing.
    Forget {
        who: usize,
    },
    Pass {
        millis: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..MEMBERS;
    prop_oneof![
        8 => (who.clone(), any::<bool>(), prop::bool::weighted(0.2))
            .prop_map(|(who, asks_for_id_first, is_changed)| Step::Join { who, asks_for_id_first, is_changed }),
        8 => (who.clone(), any::<u8>()).prop_map(|(who, work)| Step::Sync { who, work }),
        4 => who.clone().prop_map(|who| Step::Heartbeat { who }),
        6 => (who.clone(), 0..2).prop_map(|(who, before)| Step::Commit { who, before }),
        1 => who.clone().prop_map(|who| Step::Leave { who }),
        1 => who.prop_map(|who| Step::Forget { who }),
        6 => prop_oneof![Just(100), Just(3_000), Just(9_000), Just(31_000)].prop_map(|millis| Step::Pass { millis }),
    ]
}

/// What a member knows.
#[derive(Clone, Default)]
struct Client {
    id: String,
    told: Option<Joined>,
    changes: u8,
    life: u64,
}

impl Client {
    fn start_again(&mut self) {
        *self = Client { life: self.life + 1, ..Client::default() };
    }
}

/// What the world knows of a generation.
#[derive(Default)]
struct Generation {
    protocol: String,
    leader: String,
    members: BTreeSet<String>,
    work: Option<BTreeMap<String, Bytes>>,
}

struct Model {
    group: Group,
    now: u64,
    requests: u64,
    fresh: u64,
    clients: Vec<Client>,
    /// Who waits for which answer, in which of its lives, and what it knew when it asked.
    waiting: BTreeMap<RequestId, (usize, u64, Option<Joined>)>,
    generations: BTreeMap<i32, Generation>,
}

impl Model {
    fn new() -> Model {
        Model {
            group: Group::new(options()),
            now: 0,
            requests: 0,
            fresh: 0,
            clients: vec![Client::default(); MEMBERS],
            waiting: BTreeMap::new(),
            generations: BTreeMap::new(),
        }
    }

    fn ask(&mut self, who: usize, input: impl FnOnce(RequestId) -> Input) -> Option<Result<Answer, GroupError>> {
        self.requests += 1;
        let request = RequestId(self.requests);
        let client = &self.clients[who];
        self.waiting.insert(request, (who, client.life, client.told.clone()));
        self.tell(input(request), request)
    }

    /// Tells the group something. Returns the answer to `own`, if it is among those that come of it.
    fn tell(&mut self, input: Input, own: RequestId) -> Option<Result<Answer, GroupError>> {
        let before = self.group.generation();
        let outputs = self.group.handle(self.now, input);
        assert!(self.group.generation() >= before, "a generation goes back");
        let mut mine = None;
        for output in outputs {
            let (who, life, told) = self.waiting.remove(&output.request).expect("a request that is answered once");
            self.note(who, life, told, &output.answer);
            if output.request == own {
                mine = Some(output.answer);
            }
        }
        mine
    }

    fn note(&mut self, who: usize, life: u64, told: Option<Joined>, answer: &Result<Answer, GroupError>) {
        let is_there = self.clients[who].life == life;
        match answer {
            Ok(Answer::NewId(id)) if is_there => self.clients[who].id.clone_from(id),
            Ok(Answer::Joined(joined)) => {
                self.note_joined(joined);
                let client = &mut self.clients[who];
                if is_there {
                    client.id.clone_from(&joined.member);
                    client.told = Some(joined.clone());
                }
            }
            Ok(Answer::Assignment(work)) => {
                let told = told.expect("a generation in front of its work");
                let shared = self.generations[&told.generation].work.as_ref().expect("work that was shared out");
                let expected = shared.get(&told.member).cloned().unwrap_or_default();
                assert_eq!(work, &expected, "the work of {}", told.member);
            }
            Err(GroupError::UnknownMember) if is_there => self.clients[who].start_again(),
            _ => {}
        }
    }

    fn note_joined(&mut self, joined: &Joined) {
        assert_eq!(joined.generation, self.group.generation(), "an answer of the generation that there is");
        let generation = self.generations.entry(joined.generation).or_insert_with(|| Generation {
            protocol: joined.protocol.clone(),
            leader: joined.leader.clone(),
            ..Generation::default()
        });
        assert_eq!((&generation.protocol, &generation.leader), (&joined.protocol, &joined.leader));
        assert_eq!(joined.leader != joined.member, joined.members.is_empty(), "only the leader knows all");
        if joined.leader == joined.member {
            generation.members = joined.members.iter().map(|(id, _)| id.clone()).collect();
            assert!(generation.members.contains(&joined.leader));
        }
    }

    fn join(&mut self, who: usize, asks_for_id_first: bool, is_changed: bool) {
        self.fresh += 1;
        let client = &mut self.clients[who];
        client.changes = client.changes.wrapping_add(u8::from(is_changed));
        let metadata = Bytes::from(vec![client.changes]);
        let protocols = ["range", "sticky"].map(|name| Protocol { name: name.into(), metadata: metadata.clone() });
        let join = Join {
            member: client.id.clone(),
            asks_for_id_first,
            protocols: protocols.to_vec(),
            ..join(&format!("member {}", self.fresh))
        };
        self.ask(who, |request| Input::Join { request, join });
    }

    fn sync(&mut self, who: usize, work: u8) {
        let Some(told) = self.clients[who].told.clone() else { return };
        let generation = self.generations.get_mut(&told.generation).expect("a generation that was told");
        let is_current = told.generation == self.group.generation();
        let is_collected = matches!(self.group.phase(), Phase::Completing { .. });
        let mut assignments = Vec::new();
        if told.leader == told.member {
            let of = |(nth, id): (usize, &String)| (id.clone(), Bytes::from(vec![work, nth as u8]));
            assignments = generation.members.iter().enumerate().map(of).collect();
            // The first word of the leader counts, and only as long as it is a member of this generation.
            if is_current && is_collected && generation.work.is_none() {
                generation.work = Some(assignments.iter().cloned().collect());
            }
        }
        let caller = Caller { member: told.member, generation: told.generation };
        let answer = self.ask(who, |request| Input::Sync { request, caller, assignments });
        if !is_current {
            let refusals = [GroupError::IllegalGeneration, GroupError::UnknownMember];
            assert!(matches!(answer, Some(Err(error)) if refusals.contains(&error)), "{answer:?}");
        }
    }

    fn commit(&mut self, who: usize, before: i32) {
        let Some(told) = self.clients[who].told.clone() else { return };
        let generation = told.generation - before;
        let caller = Caller { member: told.member.clone(), generation };
        let answer = self.ask(who, |request| Input::Commit { request, caller }).expect("an answer at once");
        if generation != self.group.generation() {
            assert!(answer.is_err(), "a commit of generation {generation} in {}", self.group.generation());
        }
        if answer.is_ok() && generation >= 0 {
            let is_collected = matches!(self.group.phase(), Phase::Completing { .. });
            assert!(!is_collected, "a commit before the work is shared out");
            assert!(self.group.members().any(|(id, ..)| id == told.member), "a commit of no member");
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Join { who, asks_for_id_first, is_changed } => self.join(who, asks_for_id_first, is_changed),
            Step::Sync { who, work } => self.sync(who, work),
            Step::Heartbeat { who } => {
                let Some(told) = self.clients[who].told.clone() else { return };
                let caller = Caller { member: told.member, generation: told.generation };
                let answer = self.ask(who, |request| Input::Heartbeat { request, caller }).expect("an answer at once");
                if told.generation != self.group.generation() {
                    assert!(answer.is_err(), "a heartbeat of another generation");
                }
            }
            Step::Commit { who, before } => self.commit(who, before),
            Step::Leave { who } => {
                let member = self.clients[who].id.clone();
                self.ask(who, |request| Input::Leave { request, member });
                self.clients[who].start_again();
            }
            Step::Forget { who } => self.clients[who].start_again(),
            Step::Pass { millis } => {
                self.now += millis;
                self.tell(Input::Tick, RequestId(0));
            }
        }
        assert!(self.group.members().count() <= options().members_max);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_500) })]

    /// A generation's number grows, its members are told the same of it, each gets the work that its leader has said, a
    /// commit of another generation never lands, and every question is answered, once.
    #[test]
    fn whatever_members_do_a_generation_is_what_its_members_were_told(steps in prop::collection::vec(step(), 0..120)) {
        let mut model = Model::new();
        steps.into_iter().for_each(|step| model.take(step));
        // Whoever still waits is told that the coordinator goes.
        model.tell(Input::Close, RequestId(0));
        prop_assert!(model.waiting.is_empty(), "{} are never answered", model.waiting.len());
    }

    /// When all are gone, the group is as if it had never been.
    #[test]
    fn a_group_that_nobody_is_heard_of_is_forgotten(steps in prop::collection::vec(step(), 0..60)) {
        let mut model = Model::new();
        steps.into_iter().for_each(|step| model.take(step));
        for _ in 0..10 {
            model.take(Step::Pass { millis: 31_000 });
        }
        prop_assert!(model.group.is_forgettable(), "{:?}", model.group);
        prop_assert_eq!((model.group.bytes(), model.waiting.len()), (0, 0));
    }
}
