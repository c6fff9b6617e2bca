//! Commands from other processes over a Unix socket: the words as JSON one
//! way, the outcome the other. `FLUX_URI` tells where.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Error, Result};

use super::{Host, commands};

/// Obeys commands from now on.
pub fn listen(host: Arc<Host>, path: &Path) -> Result<()> {
    let listener = UnixListener::bind(path)?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let host = host.clone();
            // one who left does not want to know
            std::thread::spawn(move || serve(&host, &stream).ok());
        }
    });
    Ok(())
}

fn serve(host: &Arc<Host>, stream: &UnixStream) -> Result<()> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let words: Vec<String> = serde_json::from_str(&line)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = commands::run(host, &words);
    let outcome = outcome.map_err(|error| format!("{error:#}"));
    Ok(serde_json::to_writer(stream, &outcome)?)
}

/// Sends a command to the host that `FLUX_URI` names, with what it reads.
pub fn send(mut words: Vec<String>) -> Result<String> {
    let path = std::env::var("FLUX_URI")
        .context("no FLUX_URI: run it in `standin start`")?;
    if words.len() == 2 && ["config", "rpc"].contains(&words[0].as_str()) {
        words.push(std::io::read_to_string(std::io::stdin())?);
    }
    let mut stream = UnixStream::connect(&path).context(path)?;
    writeln!(stream, "{}", serde_json::to_string(&words)?)?;
    let outcome: Result<String, String> = serde_json::from_reader(stream)?;
    outcome.map_err(Error::msg)
}
