//! Mode and owner of Unix sockets.

use super::input::Input;

pub(super) fn mode(input: Input) -> Result<u32, String> {
    let text = input.text().map_err(|e| format!("{e} (write \"0600\")"))?;
    let octal = text.bytes().all(|b| matches!(b, b'0'..=b'7'));
    let mode = match text.len() {
        3 | 4 if octal => u32::from_str_radix(text, 8).ok(),
        _ => None,
    };
    mode.filter(|mode| *mode <= 0o777).ok_or_else(|| {
        format!("expected octal digits such as \"0660\", got \"{text}\"")
    })
}

/// Only its shape: the names are looked up when the socket is made.
pub(super) fn owner(input: Input) -> Result<String, String> {
    let text = input.text()?;
    let mut parts = text.split(':');
    let (user, group) = (parts.next(), parts.next());
    let word = |part: &str| !part.is_empty() && !part.contains('\0');
    let good = match (user, group, parts.next()) {
        (Some(user), None, None) => word(user),
        (Some(user), Some(group), None) => {
            (user.is_empty() || word(user)) && word(group)
        }
        _ => false,
    };
    match good {
        true => Ok(text.to_owned()),
        false => {
            Err(format!("expected USER, USER:GROUP or :GROUP, got \"{text}\""))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        assert_eq!(mode(Input::Arg("0660")), Ok(0o660));
        assert_eq!(mode(Input::Arg("666")), Ok(0o666));
        for bad in ["", "rw", "0o660", "0668", "1777", "66", "00660", "+660"] {
            let error = mode(Input::Arg(bad)).unwrap_err();
            assert!(error.ends_with(&format!("got \"{bad}\"")), "{error}");
        }
        let number = serde_json::json!(660);
        let error = mode(Input::Json(&number)).unwrap_err();
        assert_eq!(error, "expected a string, got integer (write \"0600\")");
    }

    #[test]
    fn owners() {
        for good in ["flux", "flux:metrics", ":metrics", "0:0"] {
            assert_eq!(owner(Input::Arg(good)).unwrap(), good);
        }
        for bad in ["", ":", "flux:", "a:b:c", "::"] {
            assert!(owner(Input::Arg(bad)).is_err(), "{bad}");
        }
    }
}
