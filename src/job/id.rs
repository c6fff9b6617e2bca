//! Job ids (FLUID, RFC 19).

/// A job's id, as the 64 bit number the journal uses.
pub type JobId = u64;

const F58: &[u8] =
    b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// The F58 form, as Flux prints it: `ƒ2jFYSFR`.
pub fn f58(mut id: JobId) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(F58[(id % 58) as usize] as char);
        id /= 58;
        if id == 0 {
            break;
        }
    }
    std::iter::once('ƒ').chain(digits.into_iter().rev()).collect()
}

/// Reads the F58 form, `ƒ2jFYSFR` or `f2jFYSFR`.
pub fn from_f58(text: &str) -> Option<JobId> {
    let digits = text.strip_prefix(['ƒ', 'f'])?;
    if digits.is_empty() {
        return None;
    }
    digits.bytes().try_fold(0_u64, |id, digit| {
        let digit = F58.iter().position(|&d| d == digit)?;
        id.checked_mul(58)?.checked_add(digit as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::{f58, from_f58};

    #[test]
    fn reads_what_flux_writes() {
        for (text, id) in [
            ("ƒ2jFYSFR", Some(65_800_241_152)),
            ("f2jFYSFR", Some(65_800_241_152)),
            ("ƒ1", Some(0)),
            // the greatest, and one more
            ("fjpXCZedGfVQ", Some(u64::MAX)),
            ("fjpXCZedGfVR", None),
            ("2jFYSFR", None),
            ("ƒ", None),
            ("ƒ0", None),
            ("", None),
        ] {
            assert_eq!(from_f58(text), id, "{text}");
            if let (Some(id), true) = (id, text.starts_with('ƒ')) {
                assert_eq!(f58(id), text);
            }
        }
    }
}
