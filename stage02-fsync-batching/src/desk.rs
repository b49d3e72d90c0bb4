//! The desk: where producers meet, wait, and take turns as the writer.
//!
//! Nobody is hired as the writer. A producer that has to wait looks at the desk first. If the log lies there, nobody is
//! writing, so it sits down and writes the whole group, its own record and all the others; if the desk is empty, somebody
//! is at work, and the producer sleeps. LevelDB's writers do the same. A thread of its own would cost a lone producer two
//! switches of threads for each append, on top of the sync.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use stage01::{Log, Offset, Record, Result};

use crate::options::Options;
use crate::queue::Queue;

/// What the handles of one group commit share.
pub(crate) struct Desk<L> {
    pub(crate) options: Options,
    queue: Mutex<Queue<L>>,
    /// Producers that wait for an even group sleep apart from those that wait for an odd one: at any time one group is
    /// written and one collects, so a finished group wakes its own and nobody else.
    groups: [Condvar; 2],
    /// Producers that wait for room in the queue.
    room: Condvar,
    /// The writer, while it lingers for its group to fill.
    full: Condvar,
    /// The background thread.
    pub(crate) background: Condvar,
}

/// The lock on the queue.
pub(crate) type Held<'a, L> = MutexGuard<'a, Queue<L>>;

impl<L: Log> Desk<L> {
    pub(crate) fn new(log: L, options: Options) -> Desk<L> {
        let next_offset = log.next_offset();
        Desk {
            options,
            queue: Mutex::new(Queue::new(log, next_offset)),
            groups: [Condvar::new(), Condvar::new()],
            room: Condvar::new(),
            full: Condvar::new(),
            background: Condvar::new(),
        }
    }

    pub(crate) fn hold(&self) -> Held<'_, L> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a record into the queue, and waits for room first if there is none.
    pub(crate) fn enqueue(&self, record: Record<'static>) -> Result<(Held<'_, L>, Offset, u64)> {
        record.check_size()?;
        let mut queue = self.hold();
        loop {
            queue.check_sound()?;
            if queue.has_room(&self.options, record.bytes()) {
                let (offset, group) = self.push(&mut queue, record);
                return Ok((queue, offset, group));
            }
            queue = match queue.log.take() {
                Some(log) => self.write_group(queue, log),
                None => sleep(&self.room, queue),
            };
        }
    }

    /// Puts a record into a queue that has room, and tells a lingering writer if that made the group full.
    pub(crate) fn push(&self, queue: &mut Held<'_, L>, record: Record<'static>) -> (Offset, u64) {
        let pushed = queue.push(record);
        if !queue.has_room(&self.options, 0) {
            self.full.notify_one();
        }
        pushed
    }

    /// Returns when the record is answered, or the log has failed.
    pub(crate) fn wait<'a>(&'a self, mut queue: Held<'a, L>, offset: Offset, group: u64) -> Result<Offset> {
        while queue.answered <= offset {
            queue.check_sound()?;
            queue = match queue.log.take() {
                Some(log) => self.write_group(queue, log),
                None => {
                    queue.is_awaited |= group == queue.group;
                    sleep(self.sleepers(group), queue)
                }
            };
        }
        Ok(offset)
    }

    /// Takes the log when the desk is free and the queue is empty.
    pub(crate) fn take_log(&self) -> Result<L> {
        let mut queue = self.hold();
        loop {
            queue.check_sound()?;
            queue = match queue.log.take() {
                Some(log) if queue.pending.is_empty() => return Ok(log),
                Some(log) => self.write_group(queue, log),
                None => sleep(&self.room, queue),
            };
        }
    }

    /// Puts the log back, and wakes whoever has the next work to do.
    pub(crate) fn put_back(&self, queue: &mut Held<'_, L>, log: L) {
        queue.log = Some(log);
        self.room.notify_all();
        if queue.failure.is_some() {
            self.wake_all();
        } else if queue.is_awaited {
            self.sleepers(queue.group).notify_one();
        } else {
            self.background.notify_one();
        }
    }

    /// Where the producers sleep that wait for a group.
    pub(crate) fn sleepers(&self, group: u64) -> &Condvar {
        &self.groups[(group % 2) as usize]
    }

    /// Wakes everybody: the log has failed, or is being closed.
    pub(crate) fn wake_all(&self) {
        for condvar in self.groups.iter().chain([&self.room, &self.full, &self.background]) {
            condvar.notify_all();
        }
    }

    /// Waits for the group to fill, for as long as the options say.
    pub(crate) fn linger<'a>(&'a self, mut queue: Held<'a, L>) -> Held<'a, L> {
        let deadline = Instant::now() + self.options.linger;
        while !queue.closing && queue.has_room(&self.options, 0) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            queue = sleep_at_most(&self.full, queue, left);
        }
        queue
    }
}

pub(crate) fn sleep<'a, L>(condvar: &Condvar, queue: Held<'a, L>) -> Held<'a, L> {
    condvar.wait(queue).unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn sleep_at_most<'a, L>(condvar: &Condvar, queue: Held<'a, L>, limit: Duration) -> Held<'a, L> {
    condvar.wait_timeout(queue, limit).unwrap_or_else(PoisonError::into_inner).0
}
