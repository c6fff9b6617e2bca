//! Commands from other processes: one JSON line each way over a Unix socket
//! in a folder that is the user's alone; `FLUX_URI` tells where.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::{Host, OWNER, commands};

const SCHEME: &str = "standin:";

/// A command line, and where it was typed.
pub struct Command {
    /// The words.
    pub args: Vec<String>,
    /// The current folder.
    pub folder: String,
    /// Standard input, of the commands that read it.
    pub input: String,
    /// The sender's roles.
    pub role: u32,
}

/// What becomes of it: what it prints, or an error.
pub type Outcome = Result<String, String>;

/// Makes the folder for the socket.
pub fn folder() -> std::io::Result<PathBuf> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let (pid, now) = (std::process::id(), now.unwrap_or_default().as_nanos());
    let folder = std::env::temp_dir().join(format!("standin-{pid}-{now:x}"));
    std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
    Ok(folder)
}

/// Obeys commands from now on. Returns the URI.
pub fn listen(host: Arc<Host>) -> std::io::Result<String> {
    let path = host.folder.join("control");
    let listener = UnixListener::bind(&path)?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let host = host.clone();
            std::thread::spawn(move || {
                // one who left does not want to know
                let _ = serve(&host, &stream);
            });
        }
    });
    Ok(format!("{SCHEME}{}", path.display()))
}

fn serve(host: &Arc<Host>, mut stream: &UnixStream) -> std::io::Result<()> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let request: Value = serde_json::from_str(&line)?;
    let text = |key: &str| request[key].as_str().unwrap_or("").to_owned();
    let args = request["args"].as_array().into_iter().flatten();
    let command = Command {
        args: args.filter_map(Value::as_str).map(str::to_owned).collect(),
        folder: text("folder"),
        input: text("input"),
        role: request["role"].as_u64().map_or(OWNER, |role| role as u32),
    };
    let answer = match commands::run(host, &command) {
        Ok(output) => json!({ "output": output }),
        Err(error) => json!({ "error": error }),
    };
    writeln!(stream, "{answer}")
}

/// Sends a command to the host that `FLUX_URI` names. Returns the exit code.
pub fn send(args: &[String]) -> i32 {
    match try_send(args) {
        Ok(output) => {
            // a reader who has seen enough is no error
            let _ = std::io::stdout().write_all(output.as_bytes());
            0
        }
        Err(error) => {
            eprintln!("standin: {error}");
            1
        }
    }
}

fn try_send(args: &[String]) -> Outcome {
    let uri = std::env::var("FLUX_URI").unwrap_or_default();
    let path = uri
        .strip_prefix(SCHEME)
        .ok_or("FLUX_URI is not that of a stand-in: see standin start")?;
    let mut input = String::new();
    if args.starts_with(&["config".into(), "load".into()]) {
        std::io::stdin()
            .read_to_string(&mut input)
            .map_err(|error| error.to_string())?;
    }
    // as in Flux, for tests: the role that requests are made with
    let role = std::env::var("FLUX_HANDLE_ROLEMASK").ok().and_then(|mask| {
        u32::from_str_radix(mask.trim_start_matches("0x"), 16).ok()
    });
    let folder = std::env::current_dir().unwrap_or_default();
    let request = json!({
        "args": args, "folder": folder, "input": input, "role": role,
    });
    let exchange = || -> std::io::Result<Value> {
        let mut stream = UnixStream::connect(path)?;
        writeln!(stream, "{request}")?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    };
    let answer = exchange().map_err(|error| format!("{uri}: {error}"))?;
    match answer["error"].as_str() {
        Some(error) => Err(error.into()),
        None => Ok(answer["output"].as_str().unwrap_or("").into()),
    }
}
