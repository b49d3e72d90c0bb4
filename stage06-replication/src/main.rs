//! A broker, as a process; and the demonstration, which starts three.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use stage06::broker::{BrokerError, BrokerOptions, RunningBroker};
use stage06::demo::{self, DemoOptions};
use stage06::ids::BrokerId;
use stage06::log_ends::Flush;
use stage06::wire::server::{Server, ServerOptions};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// A broker of the last stage: a replicated log that Kafka's clients can talk to.
#[derive(Debug, Parser)]
#[command(subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    demo: Option<Demo>,
    #[command(flatten)]
    broker: Option<BrokerArgs>,
}

#[derive(Debug, Subcommand)]
enum Demo {
    /// Starts three brokers, produces, kills whoever leads, and looks for every record that was acknowledged.
    Demo {
        /// How often whoever leads is killed.
        #[arg(long, default_value_t = 1)]
        kills: u32,
        /// Leave the brokers running, until Ctrl-C.
        #[arg(long)]
        stay: bool,
        /// Where the brokers keep what they have; a temporary directory if it is not given.
        #[arg(long)]
        data: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct BrokerArgs {
    /// Which broker this is: a number that no other has.
    #[arg(long)]
    id: u32,
    /// Where it keeps everything.
    #[arg(long)]
    data: PathBuf,
    /// Where clients reach it, as HOST:PORT. Whoever can reach it can read and write everything: there is no encryption
    /// and nobody is asked who he is.
    #[arg(long, default_value = "127.0.0.1:9092")]
    listen: String,
    /// Where clients and other brokers find it, as HOST:PORT, if not where it listens: behind a translation of addresses,
    /// or a proxy.
    #[arg(long)]
    advertise: Option<String>,
    /// All controllers, this one among them, as ID@HOST:PORT, divided by commas.
    #[arg(long, value_delimiter = ',', value_parser = peer, required = true)]
    peers: Vec<(BrokerId, String)>,
    /// Acknowledge what is written and sync it later. A power cut may take back what was acknowledged.
    #[arg(long)]
    flush_later: bool,
    /// Give up records that are older than this many seconds.
    #[arg(long)]
    retention_seconds: Option<u64>,
    /// Give up the oldest records of a tablet that has more than this many bytes.
    #[arg(long)]
    retention_bytes: Option<u64>,
    /// The size of a log's segments, in bytes.
    #[arg(long, default_value_t = 64 * 1024 * 1024)]
    segment_bytes: u64,
    /// How many replicas a topic has that says nothing of it, if there are so many brokers.
    #[arg(long, default_value_t = 3)]
    replication_factor: usize,
    /// How many of them have to be in sync.
    #[arg(long, default_value_t = 2)]
    min_insync_replicas: usize,
    /// How many partitions a topic has that says nothing of it.
    #[arg(long, default_value_t = 1)]
    partitions: u32,
    /// The most bytes of all requests that are being read or answered.
    #[arg(long, default_value_t = ServerOptions::default().request_bytes_max)]
    request_bytes_max: usize,
    /// The most bytes of all batches that are on their way to consumers.
    #[arg(long, default_value_t = ServerOptions::default().answer_bytes_max)]
    answer_bytes_max: usize,
    /// How long the controllers wait for a broker before others take its place, in milliseconds.
    #[arg(long, default_value_t = 2000)]
    session_timeout_ms: u64,
}

fn peer(text: &str) -> Result<(BrokerId, String), String> {
    let (id, address) = text.split_once('@').ok_or("expected ID@HOST:PORT")?;
    let id = id.parse().map_err(|e| format!("{id:?} is no number of a broker: {e}"))?;
    Ok((BrokerId(id), address.to_string()))
}

impl BrokerArgs {
    fn options(&self) -> BrokerOptions {
        let controllers: BTreeMap<BrokerId, String> = self.peers.iter().cloned().collect();
        let mut options = BrokerOptions::new(BrokerId(self.id), self.data.clone(), controllers);
        options.replica.flush = if self.flush_later { Flush::Async } else { Flush::Sync };
        options.retention = self.retention_seconds.map(Duration::from_secs);
        options.retention_bytes = self.retention_bytes;
        options.segment_bytes = self.segment_bytes;
        options.replication_factor = self.replication_factor;
        options.min_insync_replicas = self.min_insync_replicas;
        options.partitions = self.partitions;
        options.session_timeout = Duration::from_millis(self.session_timeout_ms);
        options.heartbeat = options.session_timeout / 6;
        options
    }

    fn server_options(&self) -> ServerOptions {
        let (request_bytes_max, answer_bytes_max) = (self.request_bytes_max, self.answer_bytes_max);
        ServerOptions { request_bytes_max, answer_bytes_max, ..ServerOptions::default() }
    }
}

fn main() -> ExitCode {
    // What the consensus engine has to say is for whoever works on it.
    let ours = Targets::new().with_target("stage06", Level::INFO);
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false).with_filter(ours))
        .init();
    let runtime = match Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let cli = Cli::parse();
    let done = match (cli.demo, cli.broker) {
        (Some(Demo::Demo { kills, stay, data }), _) => runtime.block_on(demonstrate(kills, stay, data)),
        (None, Some(args)) => runtime.block_on(serve(&args)).map(|()| true).map_err(|error| error.to_string()),
        (None, None) => Err("expected the options of a broker, or `demo`; see --help".to_string()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a broker until it is told to stop (SIGTERM, Ctrl-C), or must not go on.
async fn serve(args: &BrokerArgs) -> Result<(), BrokerError> {
    let options = args.options();
    let bind = async |address: &str| {
        let listener = TcpListener::bind(address).await;
        listener.map_err(|cause| BrokerError::Io { path: address.into(), cause })
    };
    let controllers = options.controllers.get(&options.id).ok_or(BrokerError::NoController(options.id))?;
    let controllers = bind(controllers).await?;
    let clients = bind(&args.listen).await?;
    let advertised = args.advertise.as_ref().unwrap_or(&args.listen).clone();
    let mut running = RunningBroker::start(options, advertised, controllers).await?;
    let server = Server::start(running.broker().clone(), clients, args.server_options());
    tracing::info!("{} listens on {}", running.broker().id(), args.listen);
    let signal_failed = |cause| BrokerError::Io { path: "signals".into(), cause };
    let mut terminate = signal(SignalKind::terminate()).map_err(signal_failed)?;
    let failed = tokio::select! {
        error = running.failed() => Some(error),
        _ = terminate.recv() => None,
        _ = tokio::signal::ctrl_c() => None,
    };
    if let Some(error) = failed {
        server.stop().await;
        // What can be closed in order is; the error is the one that counts.
        let _ = running.stop().await;
        return Err(error);
    }
    tracing::info!("others take over what this broker leads");
    running.leave().await;
    server.stop().await;
    running.stop().await?;
    tracing::info!("stopped");
    Ok(())
}

async fn demonstrate(kills: u32, stays: bool, data: Option<PathBuf>) -> Result<bool, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let directory =
        data.clone().unwrap_or_else(|| std::env::temp_dir().join(format!("stage06-demo-{}", std::process::id())));
    std::fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let options = DemoOptions { program, directory: directory.clone(), kills, stays };
    let done = demo::run(&options).await.map_err(|error| error.to_string());
    if data.is_none() && done == Ok(true) {
        let _ = std::fs::remove_dir_all(&directory);
    }
    done
}
