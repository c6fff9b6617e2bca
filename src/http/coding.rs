//! Compression of answers, for who asks for it.

use std::io::{self, Write};

use flate2::{Compression, write::GzEncoder};

/// Of gzip: a page in 0.15 ms and to a quarter of its size. Level 3 takes
/// 0.25 ms for a sixth.
const GZIP_LEVEL: u32 = 1;

/// Of zstd: 0.08 ms, to a fifth.
const ZSTD_LEVEL: i32 = 1;

/// Below this many bytes an answer is a packet or so either way.
pub(super) const WORTHWHILE: usize = 1400;

/// How the bytes of an answer are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As they are.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// What HTTP calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Those bytes, coded.
    pub(super) fn encode(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut coded = match self {
            Self::Identity => bytes.to_vec(),
            Self::Gzip => {
                // ten to one is what metrics come to
                let coded = Vec::with_capacity(bytes.len() / 8);
                let level = Compression::new(GZIP_LEVEL);
                let mut encoder = GzEncoder::new(coded, level);
                encoder.write_all(bytes)?;
                encoder.finish()?
            }
            Self::Zstd => zstd::bulk::compress(bytes, ZSTD_LEVEL)?,
        };
        // it has room for the worst, as long as somebody reads
        coded.shrink_to_fit();
        Ok(coded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is not counted among the bytes on their way has to be little.
    #[test]
    fn no_more_memory_is_held_than_there_are_bytes() {
        let line = |n: u64| format!("flux_x{{n=\"{n}\"}} {}\n", n * n % 977);
        let page: String = (0..10_000).map(line).collect();
        for coding in [Coding::Identity, Coding::Gzip, Coding::Zstd] {
            let coded = coding.encode(page.as_bytes()).unwrap();
            let (held, bytes) = (coded.capacity(), coded.len());
            assert!(held <= 2 * bytes, "{coding:?}: {held} for {bytes}");
        }
    }
}
