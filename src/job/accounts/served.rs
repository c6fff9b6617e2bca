//! Counters of accounts that come and go, whose sum is that of the instance.
//!
//! A counter must not fall, nor jump when its series begins or ends. So an
//! account's counter begins at 0 when it is first read, and has what the
//! account uses from then on; what it used before remains with the rest. When
//! it ends, what it had is retired, and what the account uses from then on is
//! with the rest. Of the instance's growth since the last reading each gets
//! what it used, and the rest gets what remains: all that is counted is
//! counted once.

/// The counter of an account, in node-microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kept {
    /// What the account had used when the counter began.
    base: i128,
    value: i128,
}

impl Kept {
    pub(super) fn since(base: i128) -> Self {
        Self { base, value: 0 }
    }

    pub(super) fn seconds(&self) -> f64 {
        seconds(self.value)
    }
}

/// All counters of a kind, in node-microseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Served {
    /// That of the instance.
    total: i128,
    /// Of its growth, what nobody got yet.
    left: i128,
    rest: i128,
    retired: i128,
}

impl Served {
    /// The instance has come to `total`, which does not fall.
    pub(super) fn advance(&mut self, total: i128) {
        self.left = (total - self.total).max(0);
        self.total = total;
    }

    /// Brings a counter to what its account has used. It does not fall, though
    /// that may: an end that is told late is dated before what was read. Nor
    /// does it get what the instance does not have.
    pub(super) fn give(&mut self, kept: &mut Kept, used: i128) {
        let grown = (used - kept.base - kept.value).clamp(0, self.left);
        kept.value += grown;
        self.left -= grown;
    }

    /// The rest, in seconds; all others must have got what is theirs.
    pub(super) fn rest(&mut self) -> f64 {
        self.rest += std::mem::take(&mut self.left);
        seconds(self.rest)
    }

    /// A counter has ended.
    pub(super) fn retire(&mut self, kept: Kept) {
        self.retired += kept.value;
    }

    pub(super) fn retired(&self) -> f64 {
        seconds(self.retired)
    }
}

fn seconds(micros: i128) -> f64 {
    micros as f64 / 1e6
}
