//! A browser without a window: Chromium, driven as the WebDriver standard has it (https://www.w3.org/TR/webdriver2/).

use crate::common::skipped;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use super::{PATIENCE, http};

/// The driver, and with it the browser: both end when this is dropped.
pub struct Browser {
    driver: Child,
    port: u16,
    /// The path of the session.
    session: String,
}

impl Browser {
    /// One that opens `url`, on a screen of `width` x `height`; none (said aloud) where there is none.
    pub fn open_sized(url: &str, (width, height): (u32, u32)) -> Option<Self> {
        let (driver, port) = start_driver()?;
        let mut browser = Self {
            driver,
            port,
            session: String::new(),
        };
        let size = format!("--window-size={width},{height}");
        let options = json!({
            // Containers have neither the means for its sandbox nor much shared memory.
            "args": ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", size],
        });
        let wanted = json!({
            "acceptInsecureCerts": true,
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let session = browser.ask(
            "POST",
            "/session",
            &json!({"capabilities": {"alwaysMatch": wanted}}),
        );
        let id = session["sessionId"].as_str().expect("a session").to_owned();
        browser.session = format!("/session/{id}");
        browser.go(url);
        Some(browser)
    }

    /// The same on a usual screen.
    pub fn open(url: &str) -> Option<Self> {
        Self::open_sized(url, (1280, 1000))
    }

    pub fn go(&self, url: &str) {
        self.command("/url", &json!({"url": url}));
    }

    /// What `script`, the body of a function, returns in the page.
    pub fn run(&self, script: &str) -> Value {
        self.command("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// What the expression is once it is true; `what` it says.
    pub fn when(&self, what: &str, expression: &str) -> Value {
        let start = Instant::now();
        loop {
            let value = self.run(&format!("return {expression}"));
            if !matches!(value, Value::Null | Value::Bool(false)) {
                return value;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "{what} never comes: {:?} {}",
                self.complaints(),
                self.run("return [...document.querySelectorAll('#controls [name]'), document.getElementById('notice')].map(element => [element.name, element.value, element.textContent.slice(-99)])")
            );
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    /// Clicks on the element that the CSS `selector` finds.
    pub fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.command(&format!("/element/{element}/click"), &json!({}));
    }

    /// Types into the element that the CSS `selector` finds, in place of what stands there, and presses Return.
    pub fn write(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        self.run(&format!(
            "const element = document.querySelector('{selector}'); element.focus(); element.select()"
        ));
        // U+E007 is Return.
        let text = format!("{text}\u{e007}");
        self.command(&format!("/element/{element}/value"), &json!({"text": text}));
    }

    /// Presses the key, a character of WebDriver's, in whatever has the focus.
    pub fn press(&self, key: char) {
        let actions = json!([{"type": "key", "id": "keys", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key},
        ]}]);
        self.command("/actions", &json!({"actions": actions}));
    }

    /// Moves the mouse to a place of the element, as shares of its sides, and `clicks` there or not.
    pub fn point(&self, selector: &str, (x, y): (f64, f64), clicks: bool) {
        self.run(&format!(
            "document.querySelector('{selector}').scrollIntoView()"
        ));
        let place = self.run(&format!(
            "const box = document.querySelector('{selector}').getBoundingClientRect();
             return [Math.round(box.left + {x} * box.width), Math.round(box.top + {y} * box.height)]"
        ));
        let mut actions =
            vec![json!({"type": "pointerMove", "duration": 0, "x": place[0], "y": place[1]})];
        if clicks {
            actions.push(json!({"type": "pointerDown", "button": 0}));
            actions.push(json!({"type": "pointerUp", "button": 0}));
        }
        let mouse = json!({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions});
        self.command("/actions", &json!({"actions": [mouse]}));
    }

    /// What the browser's console has complained of.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.command("/se/log", &json!({"type": "browser"}));
        let lines = log.as_array().unwrap().iter();
        lines
            .map(|line| line["message"].as_str().unwrap().to_owned())
            .collect()
    }

    fn find(&self, selector: &str) -> String {
        let found = self.command(
            "/element",
            &json!({"using": "css selector", "value": selector}),
        );
        // The standard's name for it.
        let element = found["element-6066-11e4-a52e-4f735466cecf"].as_str();
        element.unwrap().to_owned()
    }

    fn command(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("{}{path}", self.session), body)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = http::Request::new(method, path)
            .with("Content-Type", "application/json")
            .with_body(&body.to_string())
            .send(self.port);
        let value: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer.status, 200, "{method} {path}: {value}");
        value["value"].clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its session, not with the driver.
        if !self.session.is_empty() {
            http::Request::new("DELETE", &self.session).try_send(self.port);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// A driver and the port it listens on; none (said aloud) where it is not installed.
fn start_driver() -> Option<(Child, u16)> {
    let mut said = Vec::new();
    // It has the system choose a port of ::1 and then wants the same of 127.0.0.1, which may be another's: it ends then.
    for _ in 0..20 {
        let driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut driver) = driver else {
            skipped(
                "camoverlay-web in a browser",
                "chromium-driver is not installed",
            );
            return None;
        };
        for line in BufReader::new(driver.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                let port = port.trim_end_matches('.').parse().expect("a port");
                return Some((driver, port));
            }
            said.push(line);
        }
        let _ = driver.wait();
    }
    panic!("the driver of the browser does not start: {said:#?}");
}
