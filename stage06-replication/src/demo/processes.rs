//! Brokers as processes, on loopback.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Some brokers that are, or were, processes.
#[derive(Debug)]
pub struct Processes {
    program: PathBuf,
    directory: PathBuf,
    /// Where clients find each, and where the other controllers do.
    addresses: BTreeMap<u32, (String, String)>,
    running: BTreeMap<u32, Child>,
}

impl Processes {
    /// Chooses ports for brokers 1 to `count`, whose program is `program`, and starts none.
    pub fn new(program: &Path, directory: &Path, count: u32) -> io::Result<Processes> {
        let mut addresses = BTreeMap::new();
        let mut taken = Vec::new();
        for id in 1..=count {
            let mut free = || {
                let listener = TcpListener::bind("127.0.0.1:0")?;
                let address = listener.local_addr()?.to_string();
                // Held until all are chosen, so that no two are the same.
                taken.push(listener);
                io::Result::Ok(address)
            };
            addresses.insert(id, (free()?, free()?));
        }
        let (program, directory) = (program.to_owned(), directory.to_owned());
        Ok(Processes { program, directory, addresses, running: BTreeMap::new() })
    }

    /// Starts a broker. What it logs goes into a file beside its directory.
    pub fn start(&mut self, id: u32) -> io::Result<()> {
        let (clients, _) = &self.addresses[&id];
        let peers: Vec<String> =
            self.addresses.iter().map(|(id, (_, controllers))| format!("{id}@{controllers}")).collect();
        let log = File::options().create(true).append(true).open(self.directory.join(format!("broker-{id}.log")))?;
        let child = Command::new(&self.program)
            .args(["--id", &id.to_string(), "--listen", clients, "--peers", &peers.join(",")])
            .arg("--data")
            .arg(self.directory.join(format!("broker-{id}")))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        self.running.insert(id, child);
        Ok(())
    }

    /// Kills a broker: it has no time to do anything about it.
    pub fn kill(&mut self, id: u32) -> io::Result<()> {
        if let Some(mut child) = self.running.remove(&id) {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// The brokers that have ended by themselves.
    pub fn ended(&mut self) -> Vec<u32> {
        let has_ended = |child: &mut Child| matches!(child.try_wait(), Ok(Some(_)));
        self.running.iter_mut().filter_map(|(&id, child)| has_ended(child).then_some(id)).collect()
    }

    /// Where clients find the brokers, running or not.
    pub fn addresses(&self) -> Vec<String> {
        self.addresses.values().map(|(clients, _)| clients.clone()).collect()
    }

    /// Where clients find one of them.
    pub fn address(&self, id: u32) -> &str {
        &self.addresses[&id].0
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in self.running.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
