//! Who is let in, and what nobody gets.

use super::browser::Browser;
use super::http::{Events, Request};
use super::*;

use std::io::Write;
use std::net::TcpStream;

fn openssl(arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Serves the cat to ada, whose password is engine.
fn for_ada(arguments: &[&str]) -> Server {
    let mut command = Command::new(PROGRAM);
    command.env("CAMOVERLAY_WEB_PASSWORD", "engine");
    let cat = source(CAT);
    let arguments = [&[cat.to_str().unwrap(), "--user", "ada"], arguments].concat();
    Server::spawn(command, &arguments)
}

/// An `Authorization` header.
fn basic(user: &str, password: &str) -> String {
    let login = gst::glib::base64_encode(format!("{user}:{password}").as_bytes());
    format!("Basic {login}")
}

#[test]
fn other_pages_can_set_and_see_nothing() {
    let server = Server::of_cat(&[]);
    let port = server.port();
    let mut events = Events::of(port);
    let setting = json!({"name": "target", "value": "espresso"});
    let own = format!("http://127.0.0.1:{port}");
    let post = || Request::post("/settings", &setting);
    for (name, value) in [
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Origin", "https://127.0.0.1"),
        ("Host", "evil.example"),
        ("Host", "10.1.2.3:80"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        assert_eq!(
            server.send(post().with(name, value)).status,
            403,
            "{name}: {value}"
        );
        for path in ["/events", "/picture.png", "/labels"] {
            let request = Request::get(path).with(name, value);
            assert_eq!(server.send(request).status, 403, "{path}, {name}: {value}");
        }
    }
    // What a form of another page can send is no JSON.
    let form = Request::new("POST", "/settings")
        .with("Content-Type", "text/plain")
        .with_body(&setting.to_string());
    assert_eq!(server.send(form).status, 415);
    let told = events.next("seen");
    assert_eq!(told["targets"][0]["id"], 285, "{told}");
    assert_eq!(server.send(post().with("Origin", &own)).status, 204);
    events.when("seen", |told| told["targets"][0]["id"] == 967);
}

#[test]
fn nothing_but_the_page_is_served() {
    let server = Server::of_cat(&[]);
    for path in [
        "/../Cargo.toml",
        "/..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/....//etc/passwd",
        "//etc/passwd",
        "/page.js/../../main.rs",
        "/page/",
        "/index.html",
        "/etc/passwd",
        "/camoverlay.png",
    ] {
        let answer = server.send(Request::get(path));
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body.is_empty(), "{path}: {}", answer.text());
    }
    let page = server.send(Request::get("/"));
    for (path, status) in [
        ("/", 200),
        ("/page.js", 200),
        ("/labels", 200),
        ("/nothing", 404),
    ] {
        let answer = server.send(Request::get(path));
        assert_eq!(answer.status, status, "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'"),
            "{policy}"
        );
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{policy}"
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    // All that the page names is its own, and is there.
    let text = page.text();
    assert!(!text.contains("//") && !text.contains("style="), "{text}");
    for part in text
        .split('"')
        .filter(|word| word.ends_with(".css") || word.ends_with(".js") || word.ends_with(".svg"))
    {
        assert_eq!(
            server.send(Request::get(&format!("/{part}"))).status,
            200,
            "{part}"
        );
    }
    let long = "x".repeat(100_000);
    for (request, status) in [
        (Request::new("PUT", "/settings"), 405),
        (Request::new("DELETE", "/"), 405),
        (Request::post("/settings", &json!({"name": "target"})), 422),
        (
            Request::post(
                "/settings",
                &json!({"name": "target", "value": long.clone()}),
            ),
            413,
        ),
        (Request::post("/at", &json!({"x": "a", "y": 0})), 422),
        (Request::post("/at", &json!({"x": 7, "y": 0.5})), 422),
        (
            Request::post("/answer", &json!({"peer": 77, "sdp": ""})),
            422,
        ),
        (Request::get("/").with("X-Long", &long), 431),
    ] {
        let answer = server.send(request);
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    let mut events = Events::of(server.port());
    let offer = events.next("offer");
    let nonsense = json!({"peer": offer["peer"], "sdp": "nonsense"});
    let answer = server.send(Request::post("/answer", &nonsense));
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (
            422,
            "Answer doesn't have the same number of m-lines as the offer."
        )
    );
    events.next("seen");
}

#[test]
fn only_the_right_password_gets_in() {
    let server = for_ada(&[]);
    let paths = ["/", "/page.js", "/labels", "/events", "/picture.png"];
    let refused = [
        None,
        Some("Bearer engine".to_owned()),
        Some("Basic !".to_owned()),
        Some(basic("ada", "motor")),
        Some(basic("charles", "engine")),
        Some(basic("ada", "")),
    ];
    for login in &refused {
        for path in &paths[..if login.is_none() { paths.len() } else { 1 }] {
            let mut request = Request::get(path);
            if let Some(login) = login {
                request = request.with("Authorization", login);
            }
            let answer = server.send(request);
            assert_eq!(answer.status, 401, "{path} {login:?}");
            assert_eq!(
                answer.text(),
                "A user's name and password are asked for here.\n"
            );
            assert!(
                answer
                    .header("www-authenticate")
                    .unwrap()
                    .starts_with("Basic realm=")
            );
        }
    }
    let right = basic("ada", "engine");
    for path in ["/", "/page.js", "/labels", "/picture.png"] {
        let request = Request::get(path).with("Authorization", &right);
        assert_eq!(server.send(request).status, 200, "{path}");
    }
    // Another page's request would have the login with it.
    let setting = json!({"name": "target", "value": "espresso"});
    let request = Request::post("/settings", &setting).with("Authorization", &right);
    assert_eq!(
        server
            .send(request.with("Origin", "http://evil.example"))
            .status,
        403
    );
}

#[test]
fn a_browser_needs_the_password_beyond_this_machine_and_tls() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key, users] = ["certificate.pem", "key.pem", "users"]
        .map(|name| folder.path().join(name).to_string_lossy().into_owned());
    let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost -out";
    let words: Vec<&str> = words
        .split(' ')
        .chain([&*certificate, "-keyout", &*key])
        .collect();
    openssl(&words);
    std::fs::write(
        &users,
        format!("ada:{}\n", openssl(&["passwd", "-6", "engine"])),
    )
    .unwrap();
    let server = Server::of_cat(&[
        "--listen",
        "0.0.0.0",
        "--users",
        &users,
        "--tls-cert",
        &certificate,
        "--tls-key",
        &key,
    ]);
    assert!(server.url.starts_with("https://0.0.0.0:"), "{}", server.url);
    let at = format!("127.0.0.1:{}/", server.port());
    // Plain text is not answered.
    let mut plain = Request::get("/").begin(server.port());
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(
        !String::from_utf8_lossy(&answer).contains("HTTP"),
        "{answer:?}"
    );

    let Some(browser) = Browser::open(&format!("https://ada:motor@{at}")) else {
        return;
    };
    let seen = browser.run("return document.title + document.querySelectorAll('video').length");
    assert_eq!(seen, "0");
    drop(browser);
    let browser = Browser::open(&format!("https://ada:engine@{at}")).unwrap();
    browser.when(
        "a frame",
        "document.getElementById('counts').dataset.framesDecoded > 0",
    );
    browser.click("#classes li:nth-child(2) button");
    browser.when(
        "the second class",
        "document.querySelector('#classes [aria-pressed=true]')?.dataset.id == 282",
    );
}

#[test]
fn who_says_nothing_goes() {
    let server = Server::of_cat(&[]);
    let mut silent = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    let mut slow = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: loc").unwrap();
    for stream in [&mut silent, &mut slow] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answer = Vec::new();
        // Its end, not the time limit.
        stream.read_to_end(&mut answer).unwrap();
        assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
    }
}

#[test]
fn there_are_no_more_browsers_than_may_be() {
    let server = Server::of_cat(&["--max-clients", "1"]);
    let first = Events::of(server.port());
    let answer = server.send(Request::get("/events"));
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("--max-clients"), "{}", answer.text());
    drop(first);
    let start = Instant::now();
    let mut next = Request::get("/events").begin(server.port());
    loop {
        let mut line = String::new();
        next.read_line(&mut line).unwrap();
        if line.contains("200") {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{line}");
        std::thread::sleep(Duration::from_millis(50));
        next = Request::get("/events").begin(server.port());
    }
}
