//! A broker's bond with the controllers, over a network that loses and delays: the session decides, this one sends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::clock::Clock;
use super::controllers::Controllers;
use super::tablets::Tablets;
use super::{BrokerError, BrokerOptions, Status};
use crate::raft::service::{ControllerRequest, ControllerResponse};
use crate::replica::Input;
use crate::session::{Ask, News, Session, Tell};
use crate::tablet::IsrChange;

/// How often the session is asked whether anything is due.
const TICK: Duration = Duration::from_millis(20);
/// What is kept of answers that nobody has looked at yet.
const ANSWERS_MAX: usize = 64;

/// The task that keeps the bond.
pub(super) struct Bond {
    pub(super) session: Session,
    pub(super) controllers: Arc<Controllers>,
    pub(super) tablets: Arc<Tablets>,
    pub(super) proposals: mpsc::UnboundedReceiver<IsrChange>,
    pub(super) status: watch::Sender<Status>,
    /// Becomes true when the broker wants to stop.
    pub(super) leaves: watch::Receiver<bool>,
    pub(super) clock: Clock,
    /// How long an answer may take.
    pub(super) patience: Duration,
}

impl Bond {
    /// Goes on until the broker stops, or may not go on: then this is why.
    pub(super) async fn keep(mut self) -> BrokerError {
        let (answers, mut received) = mpsc::channel(ANSWERS_MAX);
        let mut applied = self.controllers.applied();
        let mut heartbeat = tokio::spawn(async {});
        let mut has_left = false;
        loop {
            tokio::select! {
                Some(change) = self.proposals.recv() => drop(self.send(Ask::ChangeIsr(change), &answers)),
                Some(tell) = received.recv() => {
                    for news in self.session.take(tell) {
                        if let Err(error) = self.learn(news).await {
                            return error;
                        }
                    }
                    let is_fenced = self.session.is_fenced();
                    self.status.send_if_modified(|known| std::mem::replace(&mut known.is_fenced, is_fenced) != is_fenced);
                }
                // This broker's own controller has heard of something. It is no authority, but a good reason to ask.
                Ok(()) = applied.changed() => self.session.hurry(),
                () = tokio::time::sleep(TICK) => {}
            }
            if let Some(why) = self.controllers.failed() {
                return BrokerError::Consensus(why);
            }
            if let Some(tablet) = self.tablets.failed() {
                return BrokerError::Stopped(format!("the disk under {tablet} has failed"));
            }
            if *self.leaves.borrow() {
                // No heartbeat comes behind it: that would say that this broker is ready to lead. It is said again until the
                // answer has come.
                if !std::mem::replace(&mut has_left, true) {
                    heartbeat.abort();
                }
                if let Some(life) = self.session.life()
                    && !self.session.is_fenced()
                    && heartbeat.is_finished()
                {
                    heartbeat = self.send(Ask::Leave { broker: self.controllers.broker(), life }, &answers);
                }
            } else if heartbeat.is_finished()
                && let Some(ask) = self.session.tick(self.clock.now())
            {
                heartbeat = self.send(ask, &answers);
            }
            if let Err(error) = self.clean_up().await {
                return error;
            }
        }
    }

    /// Sends a question to the controller that leads. The answer comes when it comes.
    fn send(&self, ask: Ask, answers: &mpsc::Sender<Tell>) -> tokio::task::JoinHandle<()> {
        let (controllers, answers, patience) = (Arc::clone(&self.controllers), answers.clone(), self.patience);
        tokio::spawn(async move {
            let response = controllers.request(ControllerRequest::Ask(ask), patience).await;
            if let Some(ControllerResponse::Tell(Some(tell))) = response {
                let _ = answers.send(tell).await;
            }
        })
    }

    async fn learn(&mut self, news: News) -> Result<(), BrokerError> {
        match news {
            News::Registered(life) => {
                tracing::info!(%life, "registered");
                self.status.send_modify(|status| status.life = Some(life));
            }
            News::Tablet(tablet, state) => {
                if let Some(life) = self.session.life() {
                    self.tablets.learn(life, tablet, state).await?;
                }
            }
            News::ProposalAnswer { life, tablet, partition_epoch, result } => {
                if let Some(tablet) = self.tablets.get(&tablet) {
                    tablet.tell(Input::ProposalAnswer { life, partition_epoch, result });
                }
            }
            News::Over => return Err(BrokerError::Stopped("another process is this broker now".into())),
        }
        Ok(())
    }

    /// Gives up the tablets that were deleted, once what this broker knows is as new as its own registration.
    async fn clean_up(&mut self) -> Result<(), BrokerError> {
        let Some(life) = self.session.life() else { return Ok(()) };
        let controller = {
            let mut known = self.controllers.applied();
            let applied = known.borrow_and_update();
            let knows_us = applied.controller.brokers().values().any(|known| known.life >= life);
            let is_new = self.status.borrow().cleaned_at != applied.controller.version();
            (knows_us && is_new).then(|| applied.controller.clone())
        };
        let Some(controller) = controller else { return Ok(()) };
        self.tablets.remove_deleted(&controller).await?;
        self.status.send_if_modified(|status| {
            status.cleaned_at = controller.version();
            false
        });
        Ok(())
    }
}

/// A session for a broker that was just started.
pub(super) fn session(options: &BrokerOptions, starts: super::starts::Starts, address: String) -> Session {
    let intact_since = match options.replica.flush {
        crate::log_ends::Flush::Sync => 0,
        crate::log_ends::Flush::Async => starts.intact_since,
    };
    Session::new(options.id, starts.count, intact_since, options.heartbeat.as_millis() as u64, address)
}
