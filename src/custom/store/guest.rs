//! What sets the families of guests apart from those of the owner.

use crate::custom::{Publisher, Reason, Refusal, Update};

/// What the names of guests' families begin with, after the prefix.
const GUEST: &str = "user_";

/// The label that says whose a guest's series is.
const USERID: &str = "userid";

/// The name of the family that an update is for, whose labels are completed.
pub(super) fn whose(
    by: Publisher,
    update: &mut Update,
) -> Result<String, Refusal> {
    let invalid = |text: String| Err(Refusal::new(Reason::Invalid, text));
    let Some(user) = by else {
        // without the dash, `_count` and the like of a histogram would be
        // names that guests can have
        let mine = !format!("{}_", update.name).starts_with(GUEST);
        return match mine {
            true => Ok(update.name.clone()),
            false => invalid(format!(
                "name: {} and those that begin with {GUEST} are for guests",
                GUEST.trim_end_matches('_')
            )),
        };
    };
    let before = update.labels.insert(USERID.into(), user.to_string());
    match before {
        Some(_) => invalid(format!("labels: {USERID} is set by the module")),
        None => Ok(format!("{GUEST}{}", update.name)),
    }
}
