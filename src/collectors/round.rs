//! Questions that are asked together, and whose answers are used together.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::rc::Rc;

use super::{Context, of};
use crate::flux::Result;

/// A topic and a payload.
pub type Question = (&'static CStr, &'static str);

/// How long an answer may take, in seconds, where the next round is not due
/// earlier.
pub const TIMEOUT: f64 = 10.0;

/// The end of a round is to be told to it.
pub struct Round {
    context: Context,
    busy: Rc<Cell<bool>>,
}

impl Round {
    /// All is done, or one thing failed.
    pub fn finish(self, result: Result<()>) {
        self.busy.set(false);
        self.context.health.report(self.context.scope.handle(), result);
    }
}

impl Context {
    /// Begins a round every `interval` seconds, but none while the last is
    /// under way.
    pub fn rounds(
        &self,
        interval: f64,
        begin: impl Fn(Round) + 'static,
    ) -> Result<()> {
        let context = self.clone();
        let busy = Rc::new(Cell::new(false));
        self.scope.every(interval, move || {
            if !busy.replace(true) {
                let (context, busy) = (context.clone(), busy.clone());
                begin(Round { context, busy });
            }
        })
    }

    /// Asks the same questions every `interval` seconds and hands the answers
    /// to `f`, in the order of the questions; says so in the health when one
    /// of them fails, or `f` does.
    pub fn poll_all<const N: usize>(
        &self,
        questions: [Question; N],
        interval: f64,
        f: impl FnMut([&str; N]) -> Result<()> + 'static,
    ) -> Result<()> {
        let context = self.clone();
        let f = Rc::new(RefCell::new(f));
        self.rounds(interval, move |round| {
            let f = f.clone();
            context.ask(questions, interval.min(TIMEOUT), move |answers| {
                round.finish(answers.and_then(|all| {
                    (f.borrow_mut())(all.each_ref().map(String::as_str))
                }));
            });
        })
    }

    /// Asks several questions at once. `f` gets all answers, or the first
    /// error as soon as it is there.
    pub fn ask<T: AsRef<CStr>, const N: usize>(
        &self,
        questions: [(T, &str); N],
        timeout: f64,
        f: impl FnOnce(Result<[String; N]>) + 'static,
    ) {
        let answers = Rc::new(RefCell::new(Answers {
            texts: [const { String::new() }; N],
            missing: N,
            then: Some(f),
        }));
        for (i, (topic, payload)) in questions.into_iter().enumerate() {
            let told = answers.clone();
            let name = topic.as_ref().to_owned();
            let asked = self.scope.rpc(
                topic.as_ref(),
                payload,
                timeout,
                move |reply| {
                    Answers::put(&told, i, of(&name, reply));
                },
            );
            if let Err(error) = asked {
                Answers::put(&answers, i, Err(error));
            }
        }
    }
}

/// What there is so far.
struct Answers<F, const N: usize> {
    texts: [String; N],
    missing: usize,
    /// None once it was called.
    then: Option<F>,
}

impl<F: FnOnce(Result<[String; N]>), const N: usize> Answers<F, N> {
    fn put(this: &RefCell<Self>, i: usize, reply: Result<&str>) {
        let mut answers = this.borrow_mut();
        let result = match reply {
            Ok(text) => {
                answers.texts[i] = text.to_owned();
                answers.missing -= 1;
                if answers.missing > 0 {
                    return;
                }
                Ok(std::mem::replace(
                    &mut answers.texts,
                    [const { String::new() }; N],
                ))
            }
            Err(error) => Err(error),
        };
        let then = answers.then.take();
        drop(answers); // it may ask again
        if let Some(then) = then {
            then(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flux::Error;

    type Got<const N: usize> = Rc<RefCell<Vec<Result<[String; N]>>>>;

    fn answers<const N: usize>(
        got: &Got<N>,
    ) -> RefCell<Answers<impl FnOnce(Result<[String; N]>) + use<N>, N>> {
        let got = got.clone();
        RefCell::new(Answers {
            texts: [const { String::new() }; N],
            missing: N,
            then: Some(move |result| got.borrow_mut().push(result)),
        })
    }

    #[test]
    fn answers_are_complete_and_in_order() {
        let got = Got::<2>::default();
        let answers = answers(&got);
        Answers::put(&answers, 1, Ok("second"));
        assert!(got.borrow().is_empty());
        Answers::put(&answers, 0, Ok("first"));
        assert_eq!(*got.borrow(), [Ok(["first".into(), "second".into()])]);
    }

    #[test]
    fn the_first_error_ends_it_once() {
        let got = Got::<3>::default();
        let answers = answers(&got);
        let error = Error::invalid("no");
        Answers::put(&answers, 2, Err(error.clone()));
        Answers::put(&answers, 1, Err(Error::invalid("nor this")));
        Answers::put(&answers, 0, Ok("late"));
        assert_eq!(*got.borrow(), [Err(error)]);
    }
}
