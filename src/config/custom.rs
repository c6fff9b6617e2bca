//! What others may publish.

use super::input::Input;
use crate::collectors;
use crate::custom::name;

/// What names begin with, which none of ours may do.
pub(super) fn prefix(input: Input) -> Result<String, String> {
    let prefix = input.text()?;
    if prefix.is_empty() {
        return Err("expected at least one letter".into());
    }
    name::plain(prefix)?;
    if name::begins_added(prefix) {
        return Err(format!(
            "a name that begins with \"{prefix}\" could be taken for up or \
             scrape_*, which Prometheus itself adds"
        ));
    }
    match collectors::begins(prefix) {
        Some(ours) => Err(format!(
            "a name that begins with \"{prefix}\" could be taken for {ours}, \
             which is ours"
        )),
        None => Ok(prefix.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_prefix_leads_to_a_name_of_ours() {
        let read = |text| prefix(Input::Arg(text));
        for good in ["flux_custom_", "site_", "x", "_"] {
            assert_eq!(read(good), Ok(good.into()));
        }
        for bad in [
            "flux_",
            "flux_jobs",
            "f",
            // names of samples
            "flux_job_wait_seconds_",
            "flux_job_wait_seconds_bucket",
            // and of what only OpenMetrics shows
            "flux_jobs_finished_created",
            "flux_exporter_",
            "flux_exporter_custom_",
            "process_x_",
            "proc",
        ] {
            let error = read(bad).unwrap_err();
            assert!(error.ends_with(", which is ours"), "{error}");
        }
        for bad in ["u", "scrape_", "s"] {
            let error = read(bad).unwrap_err();
            assert!(error.ends_with("Prometheus itself adds"), "{error}");
        }
        for bad in ["", "1_", "a-", "a:", "é"] {
            assert!(read(bad).unwrap_err().starts_with("expected "), "{bad}");
        }
    }
}
