//! The page for people.

use std::fmt::Write;

use super::{About, View};

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem;
       margin: 3rem auto; padding: 0 1rem }
th { text-align: left; padding-right: 1rem; font-weight: normal }
</style>
"#;

/// What the public view is, to who is shown it.
const WITHHELD: &str = "metrics of jobs, queues and autoscaling: Flux's \
    private mode is on, and the module asks nobody who they are. They are \
    there for this machine only, until authentication is configured.";

/// The page at `/`. Links are relative: the page may be behind a proxy, under
/// another path.
pub(super) fn home(
    about: &About,
    ready: &Result<(), String>,
    view: View,
) -> String {
    let mut page = String::from(HEAD);
    let name = escape(&about.name);
    let _ = write!(
        page,
        "<title>{name}</title>\n<h1>{name}</h1>\n\
         <ul>\n\
         <li><a href=\"metrics\">metrics</a>\n\
         <li><a href=\"healthz\">healthz</a>\n\
         <li><a href=\"readyz\">readyz</a>\n\
         </ul>\n<table>\n"
    );
    row(&mut page, "flux-prometheus", &about.version);
    let state = ready.as_ref().err().map_or("ready", String::as_str);
    row(&mut page, "state", state);
    if view == View::Public {
        row(&mut page, "not shown", WITHHELD);
    }
    for (what, value) in &about.facts {
        row(&mut page, what, value);
    }
    page.push_str("</table>\n");
    page
}

fn row(page: &mut String, what: &str, value: &str) {
    let (what, value) = (escape(what), escape(value));
    // writing to a String does not fail
    let _ = writeln!(page, "<tr><th>{what}<td>{value}");
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_text() {
        assert_eq!(escape("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
        let about = About {
            name: "<x>".into(),
            version: "1".into(),
            facts: Vec::new(),
        };
        let page = home(&about, &Err("<why>".into()), View::All);
        assert!(!page.contains("<x>") && !page.contains("<why>"));
        assert!(page.contains("&lt;why&gt;"));
        assert!(!page.contains("not shown"));
        let page = home(&about, &Ok(()), View::Public);
        assert!(page.contains("<th>not shown<td>metrics of jobs"), "{page}");
    }
}
