//! A group, a clock, and those who wait for its answers.

use std::collections::BTreeMap;

use bytes::Bytes;
use stage06::groups::group::Group;
use stage06::groups::message::{Answer, Caller, GroupError, Input, Join, Joined, Protocol};
use stage06::groups::options::GroupOptions;
use stage06::replica::RequestId;

pub(crate) const SESSION_MS: u64 = 10_000;
pub(crate) const REBALANCE_MS: u64 = 30_000;
pub(crate) const DELAY_MS: u64 = 3_000;

pub(crate) fn options() -> GroupOptions {
    GroupOptions { initial_delay_ms: DELAY_MS, members_max: 4, ..GroupOptions::default() }
}

pub(crate) fn protocol(name: &str, metadata: &'static str) -> Protocol {
    Protocol { name: name.into(), metadata: Bytes::from_static(metadata.as_bytes()) }
}

/// What a client that is no member yet says; its id is going to be `fresh_id`.
pub(crate) fn join(fresh_id: &str) -> Join {
    Join {
        member: String::new(),
        fresh_id: fresh_id.into(),
        asks_for_id_first: false,
        client: "client".into(),
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: REBALANCE_MS,
        protocol_type: "consumer".into(),
        protocols: vec![protocol("range", "wants t")],
    }
}

/// What a member says that joins again.
pub(crate) fn join_again(member: &str) -> Join {
    Join { member: member.into(), ..join("nobody") }
}

pub(crate) fn caller(member: &str, generation: i32) -> Caller {
    Caller { member: member.into(), generation }
}

pub(crate) struct World {
    pub(crate) group: Group,
    pub(crate) now: u64,
    requests: u64,
    answers: BTreeMap<RequestId, Result<Answer, GroupError>>,
}

impl World {
    pub(crate) fn new() -> World {
        World::with(options())
    }

    pub(crate) fn with(options: GroupOptions) -> World {
        World { group: Group::new(options), now: 1_000, requests: 0, answers: BTreeMap::new() }
    }

    /// A group in which these are members of generation 1, which the first of them leads, and know their work.
    pub(crate) fn stable(members: &[&str]) -> World {
        let mut world = World::new();
        for member in members {
            world.join(join(member));
        }
        world.pass(DELAY_MS);
        world.share_out(members[0], 1, members);
        world
    }

    pub(crate) fn tell(&mut self, input: Input) {
        for output in self.group.handle(self.now, input) {
            let before = self.answers.insert(output.request, output.answer);
            assert_eq!(before, None, "{:?} is answered twice", output.request);
        }
    }

    fn ask(&mut self, input: impl FnOnce(RequestId) -> Input) -> RequestId {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.tell(input(request));
        request
    }

    pub(crate) fn join(&mut self, join: Join) -> RequestId {
        self.ask(|request| Input::Join { request, join })
    }

    pub(crate) fn sync(&mut self, member: &str, generation: i32, work: &[(&str, &'static str)]) -> RequestId {
        let work = work.iter().map(|(id, work)| ((*id).into(), Bytes::from_static(work.as_bytes()))).collect();
        self.ask(|request| Input::Sync { request, caller: caller(member, generation), assignments: work })
    }

    /// The leader shares out the same work to everybody, and everybody asks for it.
    pub(crate) fn share_out(&mut self, leader: &str, generation: i32, members: &[&str]) {
        let work: Vec<_> = members.iter().map(|member| (*member, "work")).collect();
        let requests = members.iter().map(|member| {
            let work = if *member == leader { work.as_slice() } else { &[] };
            self.sync(member, generation, work)
        });
        let requests: Vec<_> = requests.collect();
        for request in requests {
            assert_eq!(self.answer(request), Some(Ok(Answer::Assignment(Bytes::from_static(b"work")))));
        }
    }

    #[track_caller]
    fn at_once(&mut self, request: RequestId) -> Result<Answer, GroupError> {
        self.answer(request).expect("an answer at once")
    }

    pub(crate) fn heartbeat(&mut self, member: &str, generation: i32) -> Result<Answer, GroupError> {
        let request = self.ask(|request| Input::Heartbeat { request, caller: caller(member, generation) });
        self.at_once(request)
    }

    pub(crate) fn commit(&mut self, member: &str, generation: i32) -> Result<Answer, GroupError> {
        let request = self.ask(|request| Input::Commit { request, caller: caller(member, generation) });
        self.at_once(request)
    }

    pub(crate) fn leave(&mut self, member: &str) -> Result<Answer, GroupError> {
        let request = self.ask(|request| Input::Leave { request, member: member.into() });
        self.at_once(request)
    }

    /// Time passes, a second at a time.
    pub(crate) fn pass(&mut self, millis: u64) {
        let until = self.now + millis;
        while self.now < until {
            self.now = until.min(self.now + 1_000);
            self.tell(Input::Tick);
        }
    }

    /// Time passes, and these are heard of in it.
    pub(crate) fn pass_with(&mut self, millis: u64, members: &[&str], generation: i32) {
        let until = self.now + millis;
        while self.now < until {
            members.iter().for_each(|member| drop(self.heartbeat(member, generation)));
            self.pass(1_000);
        }
    }

    pub(crate) fn answer(&self, request: RequestId) -> Option<Result<Answer, GroupError>> {
        self.answers.get(&request).cloned()
    }

    #[track_caller]
    pub(crate) fn joined(&self, request: RequestId) -> Joined {
        match self.answer(request) {
            Some(Ok(Answer::Joined(joined))) => joined,
            other => panic!("no generation, but {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn refused(&self, request: RequestId) -> GroupError {
        match self.answer(request) {
            Some(Err(error)) => error,
            other => panic!("no refusal, but {other:?}"),
        }
    }
}
