//! The page for people: one file that draws what `/metrics` says.
//!
//! It asks for `/metrics` itself, so it shows nobody more than that does. Its
//! parts are in `page/`; a browser runs and loads nothing else, for the
//! policy names them by their digests.

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use hyper::header::HeaderValue;
use ring::digest::{SHA256, digest};

use super::{About, View, routes::PATHS, view::WITHHELD};

const INDEX: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// The page at `/`. Links are relative: the page may be behind a proxy, under
/// another path.
pub(super) fn home(
    about: &About,
    ready: &Result<(), String>,
    view: View,
) -> String {
    fill(INDEX, |name| match name {
        "title" => title(about).into(),
        "state" => {
            escape(ready.as_ref().err().map_or("ready", String::as_str)).into()
        }
        "facts" => facts(about, view).into(),
        "links" => links().into(),
        "style" => STYLE.into(),
        "script" => SCRIPT.into(),
        _ => Cow::default(),
    })
}

/// The value of Content-Security-Policy that goes with it.
pub(super) fn policy() -> HeaderValue {
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; \
         connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        source(SCRIPT),
        source(STYLE)
    );
    // it is ASCII; were it not, nothing would be allowed
    let closed = HeaderValue::from_static("default-src 'none'");
    HeaderValue::try_from(policy).unwrap_or(closed)
}

/// How a policy names a text.
fn source(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    format!("sha256-{}", BASE64_STANDARD.encode(digest))
}

/// Puts values where a template has their names. Values are not looked at for
/// names.
fn fill<'a>(template: &str, value: impl Fn(&str) -> Cow<'a, str>) -> String {
    let mut parts = template.split("{{");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, text) = part.split_once("}}").unwrap_or(("", part));
        filled.push_str(&value(name));
        filled.push_str(text);
    }
    filled
}

/// The host where it is known, for pages of several are told apart by it.
fn title(about: &About) -> String {
    let host = about.facts.iter().find(|(what, _)| what == "host");
    escape(&host.map_or_else(
        || about.name.clone(),
        |(_, host)| format!("Flux on {host}"),
    ))
}

fn facts(about: &About, view: View) -> String {
    let version = ("flux-prometheus".to_owned(), about.version.clone());
    let name = ("module".to_owned(), about.name.clone());
    let withheld = (view == View::Public)
        .then(|| ("not shown".to_owned(), WITHHELD.to_owned()));
    let all = [version, name].into_iter().chain(withheld);
    let all = all.chain(about.facts.iter().cloned());
    let row = |(what, value): (String, String)| {
        format!("<tr><th>{}<td>{}", escape(&what), escape(&value))
    };
    all.map(row).collect()
}

fn links() -> String {
    let paths = PATHS.iter().map(|path| path.trim_start_matches('/'));
    let link = |path| format!("<a href=\"{path}\">{path}</a>\n");
    paths.filter(|path| !path.is_empty()).map(link).collect()
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

    fn about(facts: &[(&str, &str)]) -> About {
        let fact = |(what, value): &(&str, &str)| {
            (String::from(*what), String::from(*value))
        };
        About {
            name: "<x>".into(),
            version: "1".into(),
            facts: facts.iter().map(fact).collect(),
        }
    }

    #[test]
    fn what_is_shown_is_text() {
        assert_eq!(escape("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
        let page = home(&about(&[]), &Err("<why>".into()), View::All);
        assert!(!page.contains("<x>") && !page.contains("<why>"));
        assert!(page.contains("&lt;x&gt;") && page.contains("&lt;why&gt;"));
        // nor is it a template
        let page = home(&about(&[("host", "{{script}}")]), &Ok(()), View::All);
        assert!(page.contains("<h1>Flux on {{script}}</h1>"), "{page}");
    }

    #[test]
    fn the_template_is_filled() {
        let page = home(&about(&[]), &Ok(()), View::All);
        let [style, script] = [STYLE, SCRIPT].map(|text| page.find(text));
        assert!(style.is_some() && script.is_some());
        let rest = page.replace(STYLE, "").replace(SCRIPT, "");
        assert!(!rest.contains("{{"), "{rest}");
        let names = INDEX.split("{{").skip(1);
        for name in names.filter_map(|n| n.split_once("}}")).map(|n| n.0) {
            let known = ["title", "state", "facts", "links", "style", "script"];
            assert!(known.contains(&name), "{name}");
        }
    }

    #[test]
    fn it_is_small_and_ends_where_it_says() {
        assert!(home(&about(&[]), &Ok(()), View::All).len() < 40_000);
        // a digest is of all between the tags
        assert!(!SCRIPT.contains("</script") && !SCRIPT.contains("<!--"));
        assert!(!STYLE.contains("</style"));
    }

    #[test]
    fn the_policy_names_what_is_there() {
        // as openssl dgst -sha256 -binary | base64 says
        let empty = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(source(""), empty);
        let policy = policy();
        let policy = policy.to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"));
        // what is allowed is by digest, or our own; images are in the page
        let directives = policy.split("; ");
        for source in directives.flat_map(|all| all.split(' ').skip(1)) {
            let own = ["'none'", "'self'", "data:"].contains(&source);
            assert!(own || source.starts_with("'sha256-"), "{source}");
        }
    }

    #[test]
    fn what_is_withheld_is_said() {
        let page = home(&about(&[]), &Ok(()), View::All);
        assert!(!page.contains("<th>not shown"));
        let page = home(&about(&[]), &Ok(()), View::Public);
        assert!(page.contains("<th>not shown<td>metrics of jobs"), "{page}");
    }
}
