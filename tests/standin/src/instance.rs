//! What the host asks of whatever plays the instance behind the module: the
//! simulated cluster or a recording.

use std::collections::BTreeMap;

use serde_json::Value;

/// What becomes of a request: its response, or the first messages of its
/// stream, which stays open; or an error, with Flux's text.
///
/// They are made as they are taken (a backlog of a million jobs never lies in
/// memory at once), show the instance as it was when it was asked, however
/// late that is, and come before anything that `advance` returns from then on.
pub type Answer = Result<Box<dyn Iterator<Item = String> + Send>, Failure>;

/// An error number and its text.
pub type Failure = (i32, String);

/// An answer that is one response.
pub fn once(answer: &Value) -> Answer {
    Ok(Box::new(std::iter::once(answer.to_string())))
}

/// The error of a service that is not there, in Flux's words.
pub fn no_service(topic: &str) -> Failure {
    (libc::ENOSYS, format!("No service matching {topic} is registered"))
}

/// What comes on the open streams of a topic, to all holders alike: one more
/// response, or the end as an error number.
pub type Sent = (&'static str, Result<String, i32>);

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

    /// Answers a request.
    fn request(&mut self, topic: &str, payload: &str) -> Answer;

    /// Moves time on to `now` (epoch seconds).
    fn advance(&mut self, now: f64) -> Vec<Sent>;

    /// When something happens next, if anything will by itself.
    fn next(&self) -> Option<f64>;

    /// Carries out a command line: submit, cancel, queue, jobs and so on.
    /// `module-load NAME`, `module-unload NAME` and `config-load JSON` are
    /// for the host's own commands.
    fn command(&mut self, words: &[&str]) -> Result<String, String>;
}
