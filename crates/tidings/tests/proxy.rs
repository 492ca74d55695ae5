//! Streams behind Debian's nginx as it comes, and with HTTP/1.1 to the server.

use tidings_testkit::{Instant, Nginx, RawStream, Server, ServerOptions};

#[test]
fn the_first_event_passes_nginx_at_once() {
    if let Some(why) = Nginx::why_unavailable() {
        println!("skipped: {why}");
        return;
    }
    let server = Server::start(ServerOptions::default());
    let cases = [
        ("default settings", ""),
        ("HTTP/1.1", "proxy_http_version 1.1;"),
        ("gzip", "gzip on; gzip_types *;"),
    ];
    for (name, settings) in cases {
        let address = server.address();
        let location = format!("location / {{ proxy_pass http://{address}; {settings} }}");
        let nginx = Nginx::start(&location).unwrap_or_else(|why| panic!("case: {name}: {why}"));
        let mut stream =
            RawStream::open(nginx.address(), "/api/sse/stream?format=named&channel=a", &[]);
        stream.collect_until_ready();
        let sent = Instant::now();
        let response = server.post("/api/sse/events", r#"{"channel":"a","type":"made","data":1}"#);
        assert_eq!(response.status, 201);
        stream.expect_event("made");
        let took = sent.elapsed();
        println!("{name}: an event passed in {took:?}");
        assert!(took.as_secs() < 2, "case: {name}: {took:?}");
    }
}
