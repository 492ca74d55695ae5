//! Start, stop and other settings while questions come.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::harness::{
    Answer, Resolver, Upstream, config, environment, plain_query, query, read_frame, write_frame,
};

#[test]
fn a_second_instance_is_refused_with_the_name_of_the_first() {
    let first = Resolver::start(config(&[]));
    let mut settings = config(&[]);
    settings.listen = vec![first.address];
    let second = tidings_dns::service::Dns::new;
    let (error, later) = first.runtime.block_on(async {
        let second = second(settings, environment());
        let error = second.start().await.unwrap_err().to_string();
        assert_eq!(second.status().error.as_deref(), Some(&*error));
        first.dns.stop().await;
        (error, second.start().await.map(|()| second.status()))
    });
    let pid = std::process::id().to_string();
    assert!(error.contains(&format!("process {pid}")), "{error}");
    let later = later.expect("a later start works");
    assert!(later.is_running && later.error.is_none(), "{later:?}");
}

#[test]
fn stop_start_and_toggle() {
    let upstream = Upstream::start(|asked| asked.address([192, 0, 2, 1], 60));
    let resolver = Resolver::start(config(&[&upstream]));
    assert_eq!(resolver.ask("www.example", 1).code(), 0);
    assert!(resolver.runtime.block_on(resolver.dns.start()).is_err(), "it runs already");
    resolver.runtime.block_on(async {
        resolver.dns.stop().await;
        resolver.dns.stop().await;
    });
    assert!(!resolver.dns.status().is_running && resolver.dns.status().addresses.is_empty());
    assert_eq!(resolver.resolve(&query("www.example", 1), "127.0.0.1:5"), None);
    assert!(resolver.runtime.block_on(resolver.dns.toggle()).unwrap());
    let address = resolver.dns.status().addresses[0].address;
    let again = Resolver { address, ..resolver };
    assert_eq!(again.ask("www.example", 1).code(), 0);
    assert_eq!(upstream.n_asked(), 1, "the cache outlives a stop");
}

/// Asks all the time until told to stop; returns how many questions and wrong or missing answers.
fn asking(address: std::net::SocketAddr, stop: &AtomicBool) -> (usize, usize) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut buffer = [0; 4096];
    let (mut n_asked, mut n_lost) = (0, 0);
    while !stop.load(Ordering::SeqCst) {
        let mut message = plain_query("www.example", 1);
        message[..2].copy_from_slice(&u16::try_from(n_asked % 65_536).unwrap().to_be_bytes());
        socket.send_to(&message, address).unwrap();
        n_asked += 1;
        match socket.recv(&mut buffer) {
            Ok(n_bytes)
                if buffer[..2] == message[..2]
                    && Answer::new(buffer[..n_bytes].to_vec()).answers().len() == 1 => {}
            Ok(_) | Err(_) => n_lost += 1,
        }
    }
    (n_asked, n_lost)
}

#[test]
fn settings_change_under_load_without_a_lost_question() {
    let upstream = Upstream::start(|asked| asked.address([192, 0, 2, 1], 600));
    let other = Upstream::start(|asked| asked.address([192, 0, 2, 2], 600));
    let resolver = Resolver::start(config(&[&upstream]));
    let address = resolver.address;
    let stop = Arc::<AtomicBool>::default();
    let asks: Vec<_> = (0..3)
        .map(|_| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || asking(address, &stop))
        })
        .collect();
    for round in 0..30_usize {
        let mut settings = config(&[if round % 2 == 0 { &other } else { &upstream }]);
        settings.listen_tls = Vec::new();
        settings.cache.size_max_bytes = 1024 * 1024 * (1 + round % 3);
        if round % 3 == 0 {
            settings.listen.push("127.0.0.2:0".parse().unwrap());
        }
        resolver.apply(settings);
        std::thread::sleep(Duration::from_millis(10));
    }
    stop.store(true, Ordering::SeqCst);
    let (mut n_asked, mut n_lost) = (0, 0);
    for (asked, lost) in asks.into_iter().map(|thread| thread.join().unwrap()) {
        n_asked += asked;
        n_lost += lost;
    }
    assert!(n_asked > 100, "{n_asked}");
    assert_eq!(n_lost, 0, "of {n_asked}");
    assert_eq!(resolver.dns.status().addresses[0].address, address, "the socket was kept");
}

#[test]
fn settings_that_cannot_be_bound_change_nothing() {
    let upstream = Upstream::start(|asked| asked.address([192, 0, 2, 1], 60));
    let resolver = Resolver::start(config(&[&upstream]));
    let before = resolver.dns.config();
    let mut settings = config(&[&upstream]);
    settings.listen.push("192.0.2.1:5335".parse().unwrap());
    let error = resolver.runtime.block_on(resolver.dns.apply(settings)).unwrap_err().to_string();
    assert!(error.contains("192.0.2.1:5335") && error.contains("no interface"), "{error}");
    assert_eq!(resolver.dns.config(), before);
    assert_eq!(resolver.ask("www.example", 1).code(), 0);
}

#[test]
fn one_connection_carries_many_questions_in_any_order() {
    let upstream = Upstream::start(|asked| match asked.name.as_str() {
        "slow.example" => {
            let answer = Box::new(asked.address([192, 0, 2, 1], 60));
            crate::harness::Reply::After(Duration::from_millis(500), answer)
        }
        _ => asked.address([192, 0, 2, 2], 60),
    });
    let resolver = Resolver::start(config(&[&upstream]));
    let mut stream = std::net::TcpStream::connect(resolver.address).unwrap();
    let mut slow = query("slow.example", 1);
    slow[1] = 1;
    let mut fast = query("fast.example", 1);
    fast[1] = 2;
    write_frame(&mut stream, &slow);
    write_frame(&mut stream, &fast);
    let ids = [read_frame(&mut stream).unwrap()[1], read_frame(&mut stream).unwrap()[1]];
    assert_eq!(ids, [2, 1], "who is answered first does not wait");
}

#[test]
fn an_idle_connection_is_closed() {
    let mut settings = config(&[]);
    settings.limits.idle_timeout = Duration::from_millis(200);
    let resolver = Resolver::start(settings);
    let mut stream = std::net::TcpStream::connect(resolver.address).unwrap();
    assert_eq!(read_frame(&mut stream), None, "closed without a question");
    let resolver_again = resolver.ask_tcp("localhost", 1);
    assert_eq!(resolver_again.code(), 0);
}

#[test]
fn connections_of_one_address_are_bounded() {
    let mut settings = config(&[]);
    settings.limits.connections_per_address_max = 2;
    let resolver = Resolver::start(settings);
    let connect = || std::net::TcpStream::connect(resolver.address).unwrap();
    let (mut first, mut second) = (connect(), connect());
    for stream in [&mut first, &mut second] {
        write_frame(stream, &query("localhost", 1));
        assert!(read_frame(stream).is_some());
    }
    let mut third = connect();
    third.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(read_frame(&mut third), None, "closed at once");
}
