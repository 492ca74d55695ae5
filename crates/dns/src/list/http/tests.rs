//! Tests of fetching, over a server on the loopback address that says what the test says.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::thread;

use tokio_util::sync::CancellationToken;

use super::*;

/// Answers each connection with the next of `answers` and returns what was asked.
fn serve(answers: Vec<Vec<u8>>) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let server = thread::spawn(move || {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut head = String::new();
            for line in BufReader::new(stream.try_clone().expect("a clone")).lines() {
                let line = line.expect("a line");
                if line.is_empty() {
                    break;
                }
                head += &line.to_ascii_lowercase();
                head.push('\n');
            }
            asked.push(head);
            stream.write_all(&answer).expect("written");
        }
        asked
    });
    (url, server)
}

fn fetch(url: &str, etag: Option<&str>) -> (Result<Fetched, FetchError>, Vec<u8>) {
    let roots = rustls::RootCertStore::empty();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut sink = Vec::new();
    let request = FetchRequest { url, etag, last_modified: None };
    let fetched =
        HttpFetch::new(Some(Arc::new(tls)), CancellationToken::new()).fetch(request, &mut sink);
    (fetched, sink)
}

#[test]
fn a_list_comes_with_its_validators() {
    let answer = b"HTTP/1.1 200 OK\r\nETag: \"one\"\r\nContent-Length: 6\r\n\r\na\nb\nc\n";
    let (url, server) = serve(vec![answer.to_vec()]);
    let (fetched, sink) = fetch(&format!("{url}/ads.txt?x=1"), None);
    let etag = Some("\"one\"".to_owned());
    assert_eq!(fetched.expect("fetched"), Fetched::New { etag, last_modified: None });
    assert_eq!(sink, b"a\nb\nc\n");
    let asked = server.join().expect("served").remove(0);
    assert!(asked.starts_with("get /ads.txt?x=1 http/1.1\n"), "{asked}");
    assert!(asked.contains("accept-encoding: gzip"), "{asked}");
}

#[test]
fn a_copy_that_is_the_newest_is_not_sent_again() {
    let (url, server) = serve(vec![b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec()]);
    let (fetched, sink) = fetch(&url, Some("\"one\""));
    assert_eq!(fetched.expect("answered"), Fetched::Unchanged);
    assert!(sink.is_empty());
    assert!(server.join().expect("served").remove(0).contains("if-none-match: \"one\""));
}

#[test]
fn packed_lists_are_unpacked_and_redirects_followed() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"||ads.example^\n").expect("packed");
    let packed = packed.finish().expect("packed");
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n".to_vec();
    answer.extend(packed);
    let redirect = b"HTTP/1.1 302 Found\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n".to_vec();
    let (url, server) = serve(vec![redirect, answer]);
    let (fetched, sink) = fetch(&format!("{url}/old"), None);
    fetched.expect("fetched");
    assert_eq!(sink, b"||ads.example^\n");
    assert!(server.join().expect("served")[1].starts_with("get /new "));
}

#[test]
fn what_is_wrong_is_said() {
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec();
    let status = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec();
    let endless = b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n".to_vec();
    let cases = [
        (vec![short], "broke off"),
        (vec![status], "status 404"),
        (vec![endless; REDIRECTS_MAX + 1], "without end"),
    ];
    for (answers, expected) in cases {
        let (url, server) = serve(answers);
        let error = fetch(&url, None).0.expect_err("refused").to_string();
        assert!(error.contains(expected), "case: {expected}: {error}");
        server.join().expect("served");
    }
    for url in ["", "ftp://lists.example/", "http://", "lists.example"] {
        assert!(fetch(url, None).0.is_err(), "case: {url}");
    }
}

#[test]
fn redirects_keep_to_https() {
    let target: Uri = "https://lists.example/a".parse().expect("a URL");
    let to = |location: &str| redirected(&target, location).map(|uri| uri.to_string()).ok();
    assert_eq!(to("/b").as_deref(), Some("https://lists.example/b"));
    assert_eq!(to("https://other.example/b").as_deref(), Some("https://other.example/b"));
    assert_eq!(to("http://other.example/b"), None);
}
