//! Workers side by side, each in a folder of its own.
//!
//! [`share`] gives them their work. [`mirror`] makes one worker's folder like another's, and [`seed`] gives the first of
//! them what Cargo has built elsewhere: so they compile only what they change.

mod mirror;
mod seed;

use std::ffi::{OsStr, OsString};
use std::sync::Mutex;
use std::thread;

use anyhow::Result;

pub(crate) use mirror::mirror;
pub(crate) use seed::seed;

/// The cores that there are.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get())
}

/// How workers build.
pub(crate) struct Profile {
    jobs: OsString,
}

impl Profile {
    /// On so many cores.
    pub(crate) fn with_jobs(jobs: usize) -> Profile {
        Profile { jobs: jobs.to_string().into() }
    }

    /// What is added to Cargo's environment. What changes from one build to the next is a few functions, so the compiler
    /// keeps what it knows of the rest; and nobody steps through it.
    pub(crate) fn environment(&self) -> [(&str, &OsStr); 3] {
        [
            ("CARGO_INCREMENTAL", OsStr::new("1")),
            ("CARGO_PROFILE_DEV_DEBUG", OsStr::new("false")),
            ("CARGO_BUILD_JOBS", &self.jobs),
        ]
    }
}

/// Does a piece of work for each of these, in their order. A worker who has done one takes the next; after an error
/// nobody takes more. The results are in the order in which they came.
pub(crate) fn share<W: Sync, P: Copy + Sync + Send, T: Send>(
    workers: &[W],
    pieces: &[P],
    work: impl Fn(&W, P) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let next = Mutex::new(pieces.iter());
    let results = Mutex::new(Vec::new());
    for_each(workers, |worker| {
        loop {
            let Some(piece) = next.lock().expect("no worker panics while it holds this").next() else {
                return Ok(());
            };
            let result = work(worker, *piece).inspect_err(|_| {
                *next.lock().expect("no worker panics while it holds this") = [].iter();
            })?;
            results.lock().expect("no worker panics while it holds this").push(result);
        }
    })?;
    Ok(results.into_inner().expect("no worker panics while it holds this"))
}

/// All of these do something at once.
pub(crate) fn for_each<W: Sync>(workers: &[W], work: impl Fn(&W) -> Result<()> + Sync) -> Result<()> {
    thread::scope(|scope| {
        let threads: Vec<_> = workers.iter().map(|worker| scope.spawn(|| work(worker))).collect();
        let done: Vec<Result<()>> =
            threads.into_iter().map(|one| one.join().expect("a worker does not panic")).collect();
        done.into_iter().collect()
    })
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn each_piece_is_done_once_and_an_error_ends_the_work() {
        let mut done = share(&["a", "b"], &[1, 2, 3, 4, 5], |_, piece| Ok(piece * 2)).unwrap();
        done.sort_unstable();
        assert_eq!(done, [2, 4, 6, 8, 10]);
        let begun = Mutex::new(Vec::new());
        let failed = share(&["a"], &[1, 2, 3], |_, piece| {
            begun.lock().unwrap().push(piece);
            if piece == 2 { bail!("no") } else { Ok(()) }
        });
        assert!(failed.is_err());
        assert_eq!(*begun.lock().unwrap(), [1, 2]);
    }
}
