//! A web server for one directory on this machine alone.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use tiny_http::{Header, Method, Request, Response};

/// The port that the book is served at when it is free.
pub const PORT: u16 = 3000;

/// A server that listens, for the files of one directory.
pub struct Server {
    http: tiny_http::Server,
    /// Canonical: what a request asks for must lie in it after every link is followed.
    root: PathBuf,
}

impl Server {
    /// Listens on loopback: at `port`, or if none is asked for, at [`PORT`] or any free one.
    pub fn bind(root: &Path, port: Option<u16>) -> Result<Server> {
        let root = root.canonicalize().with_context(|| format!("cannot serve {}", root.display()))?;
        let listen = |port| tiny_http::Server::http(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let http = match port {
            Some(port) => listen(port)
                .map_err(|e| anyhow!(e))
                .with_context(|| format!("cannot listen on port {port}; leave --port away to get one that is free")),
            None => {
                listen(PORT).or_else(|_| listen(0)).map_err(|e| anyhow!(e)).context("cannot listen on this machine")
            }
        }?;
        Ok(Server { http, root })
    }

    /// The address to open in a browser.
    pub fn url(&self) -> String {
        format!("http://{}/", self.http.server_addr())
    }

    /// Answers requests until the process ends.
    pub fn run(&self) {
        for request in self.http.incoming_requests() {
            // A browser that went away before its answer was there is no concern of ours.
            let _ = self.answer(request);
        }
    }

    fn answer(&self, request: Request) -> io::Result<()> {
        if !matches!(request.method(), Method::Get | Method::Head) {
            return request.respond(Response::from_string("only GET and HEAD\n").with_status_code(405));
        }
        let path = request.url().split(['?', '#']).next().unwrap_or_default();
        match find(&self.root, path) {
            Some(found) if found.is_dir() && !path.ends_with('/') => {
                // Relative, so that it can only lead to this server.
                let name = path.rsplit('/').next().unwrap_or_default();
                let response = Response::empty(301).with_header(header("Location", &format!("./{name}/")));
                request.respond(response)
            }
            Some(found) if found.is_dir() => self.send(request, &found.join("index.html"), 200),
            Some(found) => self.send(request, &found, 200),
            None => self.send(request, &self.root.join("404.html"), 404),
        }
    }

    fn send(&self, request: Request, path: &Path, status: u16) -> io::Result<()> {
        match File::open(path) {
            Ok(file) => {
                let response = Response::from_file(file).with_status_code(status);
                // The book is rebuilt under the same names: a browser must not keep yesterday's.
                let response = response.with_header(header("Cache-Control", "no-cache"));
                request.respond(response.with_header(header("Content-Type", mime_type(path))))
            }
            Err(_) => request.respond(Response::from_string("not found\n").with_status_code(404)),
        }
    }
}

/// The file or directory under `root` that a request's path names; nothing if there is none or it lies elsewhere.
fn find(root: &Path, request: &str) -> Option<PathBuf> {
    let decoded = percent_decoded(request)?;
    let relative = Path::new(decoded.trim_start_matches('/'));
    let mut plain = relative.components().filter(|part| *part != Component::CurDir);
    if !plain.all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let found = fs::canonicalize(root.join(relative)).ok()?;
    found.starts_with(root).then_some(found)
}

/// Undoes `%41`; nothing if an escape is broken, or the result is not text or not a path.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?
            }
            plain => plain,
        });
    }
    String::from_utf8(bytes).ok().filter(|path| !path.contains(['\0', '\\']))
}

/// What a browser must know about a file to use it.
fn mime_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "ttf" => "font/ttf",
        "txt" | "md" | "rs" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn header(name: &str, value: &str) -> Header {
    Header::from_bytes(name, value).unwrap_or_else(|()| panic!("not a header: {name}: {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_is_undone_and_a_broken_one_refused() {
        assert_eq!(percent_decoded("/a%20b").as_deref(), Some("/a b"));
        for broken in ["/%", "/%4", "/%zz", "/%ff", "/%00", "/a%5cb"] {
            assert_eq!(percent_decoded(broken), None, "{broken}");
        }
    }
}
