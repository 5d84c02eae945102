//! Debian's Chromium without a window, driven over the pipe of its remote debugging: no port, no
//! network, no library.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value as Json, json};

/// A browser with one tab.
pub(crate) struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    last: u64,
    session: Option<String>,
    /// What the page said on its console, threw, or asked the network for, since it was opened.
    pub(crate) said: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one; nothing where there is none.
    pub(crate) fn start() -> Option<Browser> {
        let program =
            ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
                let found = Command::new(name).arg("--version").output();
                found.is_ok_and(|output| output.status.success())
            })?;
        let profile = tempfile::tempdir().unwrap();
        // The browser reads descriptor 3 and writes 4; it ends after a while in any case.
        let script = "exec timeout 100 \"$0\" --headless --no-sandbox --disable-gpu \
            --disable-dev-shm-usage --no-first-run --disable-background-networking \
            --remote-debugging-pipe --user-data-dir=\"$1\" about:blank 3<&0 4>&1 </dev/null >/dev/null 2>&1";
        let mut child = Command::new("sh")
            .args(["-c", script, program])
            .arg(profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let to = child.stdin.take().unwrap();
        let from = BufReader::new(child.stdout.take().unwrap());
        let mut browser = Browser {
            child,
            to,
            from,
            last: 0,
            session: None,
            said: Vec::new(),
            _profile: profile,
        };
        let target = browser.ask("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.ask("Target.attachToTarget", attach);
        browser.session = attached["sessionId"].as_str().map(String::from);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.ask(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// Shows a window of that size.
    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.ask("Emulation.setDeviceMetricsOverride", size);
    }

    /// Opens a file and waits until its scripts have run.
    pub(crate) fn open(&mut self, file: &Path) {
        self.said.clear();
        let url = format!("file://{}", file.canonicalize().unwrap().display());
        self.ask("Page.navigate", json!({ "url": url }));
        while self.next()["method"] != "Page.loadEventFired" {}
        // The page itself is what was asked for.
        self.said.retain(|said| *said != format!("asked for {url}"));
    }

    /// What an expression comes to.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Json {
        let wish = json!({ "expression": expression, "returnByValue": true });
        let got = self.ask("Runtime.evaluate", wish);
        assert!(got["exceptionDetails"].is_null(), "{expression}: {got}");
        got["result"]["value"].clone()
    }

    /// Asks, and gives the answer.
    pub(crate) fn ask(&mut self, method: &str, params: Json) -> Json {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let heard = self.next();
            if heard["id"] == self.last {
                assert!(heard["error"].is_null(), "{method}: {heard}");
                return heard["result"].clone();
            }
        }
    }

    fn next(&mut self) -> Json {
        let mut bytes = Vec::new();
        self.from.read_until(0, &mut bytes).unwrap();
        assert_eq!(bytes.pop(), Some(0), "the browser has ended");
        let heard: Json = serde_json::from_slice(&bytes).unwrap();
        let params = &heard["params"];
        let said = match heard["method"].as_str() {
            Some("Runtime.exceptionThrown") => {
                Some(format!("threw {}", params["exceptionDetails"]))
            }
            Some("Runtime.consoleAPICalled") => Some(format!("console {}", params["args"])),
            Some("Log.entryAdded") => Some(format!("log {}", params["entry"]["text"])),
            Some("Network.requestWillBeSent") => {
                Some(format!("asked for {}", params["request"]["url"].as_str().unwrap_or("")))
            }
            _ => None,
        };
        self.said.extend(said);
        heard
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let close = json!({ "id": self.last + 1, "method": "Browser.close" });
        let _ = self.to.write_all(format!("{close}\0").as_bytes());
        let _ = self.child.wait();
    }
}
