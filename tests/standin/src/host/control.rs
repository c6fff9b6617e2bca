//! Commands from other processes over a Unix socket: the words as JSON one
//! way, the outcome the other. `FLUX_URI` tells where.

use std::io::{BufRead, BufReader, Result, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;

use super::{Host, Outcome, commands};

/// What `FLUX_URI` begins with.
pub const SCHEME: &str = "standin:";

/// Obeys commands from now on.
pub fn listen(host: Arc<Host>, path: &Path) -> Result<()> {
    let listener = UnixListener::bind(path)?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let host = host.clone();
            std::thread::spawn(move || {
                // one who left does not want to know
                let _ = serve(&host, &stream);
            });
        }
    });
    Ok(())
}

fn serve(host: &Arc<Host>, stream: &UnixStream) -> Result<()> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let words: Vec<String> = serde_json::from_str(&line)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Ok(serde_json::to_writer(stream, &commands::run(host, &words))?)
}

/// Sends a command to the host that `FLUX_URI` names.
pub fn send(words: Vec<String>) -> Outcome {
    let uri = std::env::var("FLUX_URI").unwrap_or_default();
    let path = uri
        .strip_prefix(SCHEME)
        .ok_or("FLUX_URI is not that of a stand-in: see standin start")?;
    exchange(path, words).map_err(|error| format!("{uri}: {error}"))?
}

/// What `config load` reads goes with it.
fn exchange(path: &str, mut words: Vec<String>) -> Result<Outcome> {
    if words == ["config", "load"] {
        words.push(std::io::read_to_string(std::io::stdin())?);
    }
    let mut stream = UnixStream::connect(path)?;
    writeln!(stream, "{}", serde_json::to_string(&words)?)?;
    Ok(serde_json::from_reader(stream)?)
}
