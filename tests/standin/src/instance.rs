//! What the host asks of whatever plays the instance behind the module: the
//! simulated cluster or a recording.

use std::collections::BTreeMap;

/// What becomes of a request.
pub enum Answer {
    /// One response.
    Once(String),
    /// An error, with Flux's text.
    Failed(i32, String),
    /// A stream: its first messages, made as they are taken (a backlog of a
    /// million jobs never lies in memory at once). They show the instance as
    /// it was when it was asked, however late they are taken, and come before
    /// anything that `advance` returns from then on. The stream stays open.
    Stream(Box<dyn Iterator<Item = String> + Send>),
}

/// What comes on the open streams of a topic, to all holders alike.
pub enum Sent {
    /// One more response.
    Message(String),
    /// The end of the stream, as an error number.
    End(i32),
}

/// An instance as the modules in it see it.
///
/// Requests and commands happen at the time of the last `advance`. So the
/// host calls that first and passes on what it returns, and again after a
/// command: what the command did is in what that returns.
pub trait Instance: Send {
    /// Attributes of the broker that are not the host's own.
    fn attributes(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// Answers a request; an unknown service or method fails with ENOSYS.
    fn request(&mut self, topic: &str, payload: &str) -> Answer;

    /// Moves time on to `now` (epoch seconds), and returns what the streams
    /// of each topic get.
    fn advance(&mut self, now: f64) -> Vec<(&'static str, Sent)>;

    /// When something happens next, if anything will by itself.
    fn next(&self) -> Option<f64>;

    /// Carries out a command line: submit, cancel, queue, jobs and so on.
    /// `module-load NAME`, `module-unload NAME` and `config-load JSON` are
    /// for the host's own commands.
    fn command(&mut self, args: &[String]) -> Result<String, String>;
}
