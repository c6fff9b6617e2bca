//! How much can be published, in all and by each.

use super::{Reason, Refusal};

/// What the settings say.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What the names of all families begin with.
    pub prefix: String,
    /// How long a series lives that is not refreshed, in seconds, unless the
    /// update says so itself.
    pub ttl: f64,
    /// Whether guests may publish.
    pub guests: bool,
    /// How many series there may be.
    pub series: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prefix: "flux_custom_".into(),
            ttl: 300.0,
            guests: false,
            series: 2000,
        }
    }
}

/// The most that an update can ask for as its time to live: a week.
pub const MAX_TTL: f64 = 7.0 * 86400.0;

/// The longest request, in bytes.
pub const MAX_REQUEST: usize = 1 << 20;

/// The most labels that a series can have.
pub const MAX_LABELS: usize = 16;

/// The longest value of a label, in bytes.
pub const MAX_VALUE: usize = 256;

/// The longest help, in bytes.
pub const MAX_HELP: usize = 512;

/// The most bounds that a histogram can have.
pub const MAX_BOUNDS: usize = 64;

/// For each series there may be so many bytes, and one family for so many.
const BYTES: usize = 256;
const FAMILY: usize = 4;

/// Guests together have one part of so many, and each of them one of so many.
const GUESTS: usize = 2;
const GUEST: usize = 16;

/// What is in use, or what there may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// Families; one to which several publish counts for each.
    pub families: usize,
    /// Lines of the exposition: a histogram has as many as it has bounds, and
    /// three more.
    pub series: usize,
    /// About what they take of a page.
    pub bytes: usize,
}

impl Amount {
    pub(super) fn add(&mut self, other: Self) {
        self.families += other.families;
        self.series += other.series;
        self.bytes += other.bytes;
    }

    pub(super) fn take(&mut self, other: Self) {
        self.families -= other.families;
        self.series -= other.series;
        self.bytes -= other.bytes;
    }

    /// What the owner and all guests may have together, a part of it.
    fn ceiling(series: usize, part: usize) -> Self {
        let series = series / part;
        Self { families: series / FAMILY, series, bytes: series * BYTES }
    }
}

/// Whose use is compared with whose ceiling.
pub(super) enum Share {
    All,
    Guests,
    Guest,
}

impl Share {
    /// Refuses `more` where there is no room for it.
    pub(super) fn check(
        &self,
        settings: &Settings,
        used: Amount,
        more: Amount,
    ) -> Result<(), Refusal> {
        let (part, whose) = match self {
            Self::All => (1, ""),
            Self::Guests => (GUESTS, " of guests"),
            Self::Guest => (GUEST, " of this user"),
        };
        let room = Amount::ceiling(settings.series, part);
        for (reason, what, used, more, room) in [
            (
                Reason::Families,
                "families",
                used.families,
                more.families,
                room.families,
            ),
            (Reason::Series, "series", used.series, more.series, room.series),
            (
                Reason::Bytes,
                "bytes of series",
                used.bytes,
                more.bytes,
                room.bytes,
            ),
        ] {
            if more > 0 && used + more > room {
                return Err(Refusal::new(
                    reason,
                    format!(
                        "too many {what}{whose}: {used} in use and {more} \
                         more, of at most {room} (prometheus.custom-series \
                         is {})",
                        settings.series
                    ),
                ));
            }
        }
        Ok(())
    }
}
