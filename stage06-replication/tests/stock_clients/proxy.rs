//! A way between two programs that can be cut.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It arrives.
    Open,
    /// It waits, and arrives when the way is open again: a network that loses packets, as TCP shows it.
    Held,
    /// Connections break, and new ones too.
    Cut,
}

/// A port that leads to another one, as long as its way is open.
#[derive(Debug)]
pub(crate) struct Proxy {
    way: watch::Sender<Way>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// From `listener` to `to`.
    pub(crate) fn start(listener: TcpListener, to: SocketAddr) -> Proxy {
        let way = watch::Sender::new(Way::Open);
        let task = tokio::spawn(accept(listener, to, Arc::new(way.subscribe())));
        Proxy { way, task }
    }

    /// From now on.
    pub(crate) fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.way.send_replace(Way::Cut);
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, to: SocketAddr, way: Arc<watch::Receiver<Way>>) {
    loop {
        let Ok((from, _)) = listener.accept().await else { continue };
        let mut way = watch::Receiver::clone(&way);
        tokio::spawn(async move {
            if is_open(&mut way).await {
                // Whoever is behind it may be gone: then so is the connection.
                let _ = carry(from, to, way).await;
            }
        });
    }
}

/// Waits while the way is held. False if it is cut.
async fn is_open(way: &mut watch::Receiver<Way>) -> bool {
    way.wait_for(|way| *way != Way::Held).await.is_ok_and(|way| *way == Way::Open)
}

async fn carry(from: TcpStream, to: SocketAddr, way: watch::Receiver<Way>) -> io::Result<()> {
    let to = TcpStream::connect(to).await?;
    from.set_nodelay(true)?;
    to.set_nodelay(true)?;
    let ((from_in, from_out), (to_in, to_out)) = (from.into_split(), to.into_split());
    tokio::select! {
        done = pump(from_in, to_out, way.clone()) => done,
        done = pump(to_in, from_out, way) => done,
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut way: watch::Receiver<Way>) -> io::Result<()> {
    let mut cut = way.clone();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let bytes = tokio::select! {
            bytes = from.read(&mut buffer) => bytes?,
            _ = cut.wait_for(|way| *way == Way::Cut) => 0,
        };
        if bytes == 0 || !is_open(&mut way).await {
            return Ok(());
        }
        to.write_all(&buffer[..bytes]).await?;
    }
}
