//! A file in YAML as a tree, of which every error names the line and the key.
//!
//! Scalars stay text: what a key wants decides what they are, as it does in
//! the programs this format is from. Aliases and tags are refused, so a file
//! cannot come to more than it says.

use granit_parser::{Event, Parser, ScalarStyle};

/// How deep the format goes is three.
const DEEPEST: usize = 8;

/// The key of a file's outermost mapping.
const TOP: &str = "";

struct Node {
    line: usize,
    content: Content,
}

enum Content {
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// A mapping, and the path of keys that leads to it.
pub(super) struct Map {
    path: String,
    entries: Vec<(String, Node)>,
}

impl Map {
    /// Parses a file that is a mapping of some of these keys, or blank.
    pub(super) fn parse(text: &str, known: &[&str]) -> Result<Map, String> {
        let mut events = Events(Parser::new_from_str(text));
        let mut root = Node { line: 1, content: Content::Null };
        let mut documents = 0;
        loop {
            let (event, line) = events.next()?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(..) if documents == 0 => documents = 1,
                Event::DocumentStart(..) => {
                    return Err(format!("line {line}: a second document"));
                }
                event => root = events.node(event, line, DEEPEST)?,
            }
        }
        Map::of(TOP.into(), root, Some(known))
    }

    fn of(
        path: String,
        node: Node,
        known: Option<&[&str]>,
    ) -> Result<Map, String> {
        let entries = match node.content {
            Content::Null => Vec::new(),
            Content::Map(entries) => entries,
            _ => return Err(wrong(node.line, &path, "expected keys")),
        };
        let map = Map { path, entries };
        let is_known = |key: &str| known.is_none_or(|k| k.contains(&key));
        match map.entries.iter().find(|(key, _)| !is_known(key)) {
            None => Ok(map),
            Some((key, node)) => {
                let names = known.unwrap_or_default().join(", ");
                let what = format!("unknown (known: {names})");
                Err(wrong(node.line, &map.child(key), &what))
            }
        }
    }

    fn child(&self, key: &str) -> String {
        match self.path.as_str() {
            TOP => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    /// Takes the value of a key that is there, and not null.
    fn take(&mut self, key: &str) -> Option<Node> {
        let at = self.entries.iter().position(|(name, _)| name == key)?;
        let (_, node) = self.entries.swap_remove(at);
        (!matches!(node.content, Content::Null)).then_some(node)
    }

    /// The mapping at a key, of some of these keys; none if it is not there.
    pub(super) fn map(
        &mut self,
        key: &str,
        known: &[&str],
    ) -> Result<Option<Map>, String> {
        let node = self.take(key);
        node.map(|n| Map::of(self.child(key), n, Some(known))).transpose()
    }

    /// The texts at whatever keys there are in the mapping at a key.
    pub(super) fn texts_by_key(
        &mut self,
        key: &str,
    ) -> Result<Vec<(String, String)>, String> {
        let Some(node) = self.take(key) else {
            return Ok(Vec::new());
        };
        let map = Map::of(self.child(key), node, None)?;
        let path = map.path;
        let text = |(key, node): (String, Node)| {
            let text = node.text(&format!("{path}.{key}"))?;
            Ok((key, text))
        };
        map.entries.into_iter().map(text).collect()
    }

    /// The text at a key.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, String> {
        let node = self.take(key);
        node.map(|node| node.text(&self.child(key))).transpose()
    }

    /// The list of texts at a key.
    pub(super) fn texts(
        &mut self,
        key: &str,
    ) -> Result<Option<Vec<String>>, String> {
        let path = self.child(key);
        match self.take(key) {
            None => Ok(None),
            Some(Node { content: Content::List(list), .. }) => {
                let texts = list.into_iter().map(|node| node.text(&path));
                texts.collect::<Result<_, _>>().map(Some)
            }
            Some(node) => Err(wrong(node.line, &path, "expected a list")),
        }
    }

    /// What `read` makes of the text at a key; it `expected` something.
    pub(super) fn parsed<T>(
        &mut self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some(node) = self.take(key) else {
            return Ok(None);
        };
        let (line, path) = (node.line, self.child(key));
        let text = node.text(&path)?;
        read(&text).map(Some).ok_or_else(|| {
            let what = format!("expected {expected}, got \"{text}\"");
            wrong(line, &path, &what)
        })
    }

    /// Whether a key is on, in the words of YAML 1.1.
    pub(super) fn flag(&mut self, key: &str) -> Result<Option<bool>, String> {
        self.parsed(key, "true or false", |text| {
            match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" => Some(true),
                "false" | "no" | "off" => Some(false),
                _ => None,
            }
        })
    }
}

impl Node {
    fn text(self, path: &str) -> Result<String, String> {
        match self.content {
            Content::Null => Ok(String::new()),
            Content::Scalar(text) => Ok(text),
            _ => Err(wrong(self.line, path, "expected a text")),
        }
    }
}

fn wrong(line: usize, path: &str, what: &str) -> String {
    match path {
        TOP => format!("line {line}: {what}"),
        path => format!("line {line}: {path}: {what}"),
    }
}

type Source<'a> = granit_parser::StrInput<'a>;

struct Events<'a>(Parser<'a, Source<'a>>);

impl<'a> Events<'a> {
    /// The next event, and its line.
    fn next(&mut self) -> Result<(Event<'a>, usize), String> {
        loop {
            match self.0.next_event() {
                None => return Ok((Event::StreamEnd, 0)),
                Some(Err(error)) => {
                    let line = error.marker().line();
                    return Err(format!("line {line}: {}", error.info()));
                }
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok((event, span))) => {
                    return Ok((event, span.start.line()));
                }
            }
        }
    }

    /// The node that begins with this event.
    fn node(
        &mut self,
        event: Event<'a>,
        line: usize,
        depth: usize,
    ) -> Result<Node, String> {
        let refused = |what: &str| Err(format!("line {line}: {what}"));
        if depth == 0 {
            return refused("nested too deep");
        }
        let content = match event {
            Event::Alias(_) => return refused("aliases are not understood"),
            event if event.tag().is_some() => {
                return refused("tags are not understood");
            }
            Event::Scalar(text, style, ..) => match (style, &*text) {
                (ScalarStyle::Plain, "" | "~" | "null" | "Null" | "NULL") => {
                    Content::Null
                }
                _ => Content::Scalar(text.into_owned()),
            },
            Event::SequenceStart(..) => {
                let mut list = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, at) => {
                            list.push(self.node(event, at, depth - 1)?);
                        }
                    }
                }
                Content::List(list)
            }
            Event::MappingStart(..) => self.entries(depth - 1)?,
            _ => return refused("no value"),
        };
        Ok(Node { line, content })
    }

    fn entries(&mut self, depth: usize) -> Result<Content, String> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        loop {
            let (event, line) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(Content::Map(entries));
            }
            let key = self.node(event, line, depth)?.text("key")?;
            if entries.iter().any(|(known, _)| *known == key) {
                return Err(wrong(line, &key, "given twice"));
            }
            let (event, at) = self.next()?;
            let value = self.node(event, at, depth)?;
            entries.push((key, Node { line, ..value }));
        }
    }
}
