//! nginx in front of a small server.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use tidings_testkit::http::{Request, exchange};
use tidings_testkit::{Nginx, RawStream};

#[test]
fn nginx_proxies_with_its_own_files_and_ends_with_its_owner() {
    if let Some(why) = Nginx::why_unavailable() {
        println!("skipped: {why}");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        for _ in 0..2 {
            let (mut socket, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            assert!(socket.read(&mut request).unwrap() > 0, "a request comes in one piece");
            let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                          X-Accel-Buffering: no\r\nConnection: close\r\n\r\n\
                          event: first\ndata: 1\n\nevent: ready\ndata: {}\n\n";
            socket.write_all(answer.as_bytes()).unwrap();
        }
    });
    let nginx = Nginx::start(&format!("location / {{ proxy_pass http://{upstream}; }}")).unwrap();
    let request = Request { method: "GET", target: "/", headers: &[], body: &[] };
    let response = exchange(nginx.address(), request);
    assert_eq!(response.status, 200, "{}", nginx.log());
    assert!(response.header("server").unwrap_or_default().starts_with("nginx"), "{response:?}");
    let mut stream = RawStream::open(nginx.address(), "/s", &[]);
    assert_eq!(stream.collect_until_ready().len(), 1);
    server.join().unwrap();

    let address = nginx.address();
    drop(nginx);
    assert!(TcpListener::bind(address).is_ok(), "the port is free again");
}

#[test]
fn bad_directives_are_explained() {
    if let Some(why) = Nginx::why_unavailable() {
        println!("skipped: {why}");
        return;
    }
    let why = Nginx::start("no_such_directive on;").unwrap_err();
    assert!(why.contains("unknown directive \"no_such_directive\""), "{why}");
}
