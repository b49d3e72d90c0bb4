//! The web server: it serves its directory, and nothing else.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;

use book::tool::serve::Server;

/// The directories `outer/book` and `outer/secret.txt`, with `outer/book` served; gives the server's address.
fn serve(outer: &Path) -> String {
    let root = outer.join("book");
    fs::create_dir_all(root.join("img")).unwrap();
    fs::write(outer.join("secret.txt"), "secret").unwrap();
    fs::write(root.join("index.html"), "the first page").unwrap();
    fs::write(root.join("404.html"), "no such page").unwrap();
    fs::write(root.join("a b.css"), "css").unwrap();
    fs::write(root.join("img").join("index.html"), "drawings").unwrap();
    fs::write(root.join("img").join("a.svg"), "<svg/>").unwrap();
    std::os::unix::fs::symlink(outer.join("secret.txt"), root.join("link.txt")).unwrap();
    let server = Server::bind(&root, Some(0)).unwrap();
    let url = server.url();
    thread::spawn(move || server.run());
    url.trim_start_matches("http://").trim_end_matches('/').to_string()
}

/// The answer to one request: its head in lower case, and its body.
fn ask(address: &str, method: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_string())
}

#[test]
fn pages_are_served_with_the_type_that_a_browser_needs() {
    let outer = tempfile::tempdir().unwrap();
    let address = serve(outer.path());
    assert!(address.starts_with("127.0.0.1:"), "it listens at {address}, not on this machine alone");
    let cases = [
        ("/", "text/html; charset=utf-8", "the first page"),
        ("/index.html?highlight=log", "text/html; charset=utf-8", "the first page"),
        ("/a%20b.css", "text/css; charset=utf-8", "css"),
        ("/img/a.svg", "image/svg+xml", "<svg/>"),
        ("/img/", "text/html; charset=utf-8", "drawings"),
        ("/./img/a.svg", "image/svg+xml", "<svg/>"),
    ];
    for (path, kind, content) in cases {
        let (head, body) = ask(&address, "GET", path);
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        assert!(head.contains(&format!("content-type: {kind}")), "{path}: {head}");
        assert_eq!(body, content, "{path}");
    }
    let (head, body) = ask(&address, "HEAD", "/");
    assert!(head.starts_with("http/1.1 200") && body.is_empty(), "{head}\n{body}");
    let (head, _) = ask(&address, "GET", "/img");
    assert!(head.starts_with("http/1.1 301") && head.contains("location: ./img/"), "{head}");
}

#[test]
fn what_lies_outside_is_not_served() {
    let outer = tempfile::tempdir().unwrap();
    let address = serve(outer.path());
    let paths = [
        "/../secret.txt",
        "/img/../../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/..\\secret.txt",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/link.txt",
        "/%00",
        "/missing.html",
    ];
    for path in paths {
        let (head, body) = ask(&address, "GET", path);
        assert!(head.starts_with("http/1.1 404"), "{path}: {head}");
        assert_eq!(body, "no such page", "{path}");
    }
    let (head, _) = ask(&address, "POST", "/");
    assert!(head.starts_with("http/1.1 405"), "{head}");
}

#[test]
fn a_port_that_is_taken_is_an_error_if_it_was_asked_for_and_none_otherwise() {
    let root = tempfile::tempdir().unwrap();
    let first = Server::bind(root.path(), None).unwrap();
    let second = Server::bind(root.path(), None).unwrap();
    assert_ne!(first.url(), second.url());
    let port = second.url().trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    let Err(error) = Server::bind(root.path(), Some(port)) else { panic!("two servers listen on port {port}") };
    assert!(format!("{error:#}").contains("leave --port away"), "{error:#}");
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let Err(error) = Server::bind(Path::new("/not/there"), None) else { panic!("it serves nothing") };
    assert!(format!("{error:#}").contains("cannot serve /not/there"), "{error:#}");
}
