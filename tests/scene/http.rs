//! A client that speaks HTTP in bytes, so that it can also say what no library would.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Somebody who asks with a token, or in a session.
#[derive(Clone, Debug)]
pub struct Client {
    pub address: SocketAddr,
    /// The headers that say who it is.
    pub who: String,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub text: String,
    pub json: Value,
}

impl Client {
    /// Asks at `address` with `token`.
    pub fn new(address: SocketAddr, token: &str) -> Self {
        Self { address, who: format!("Authorization: Bearer {token}\r\n") }
    }

    /// Nobody.
    pub fn nobody(address: SocketAddr) -> Self {
        Self { address, who: String::new() }
    }

    /// Signs in.
    #[track_caller]
    pub fn sign_in(address: SocketAddr, user: &str, password: &str) -> Self {
        let body = serde_json::json!({"user": user, "password": password});
        let signed = Self::nobody(address).post("/session", body).must(200);
        let cookie = signed.header("set-cookie").and_then(|cookie| cookie.split(';').next());
        let csrf = signed.json["csrf_token"].as_str().expect("the word of the session");
        let cookie = cookie.expect("the cookie of the session");
        Self { address, who: format!("Cookie: {cookie}\r\nX-CSRF-Token: {csrf}\r\n") }
    }

    /// One request with headers of its own; `path` starts after `/api/v1`.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut lines = format!("{method} /api/v1{path} HTTP/1.1\r\nHost: localhost\r\n");
        lines.push_str(&self.who);
        for (name, value) in headers {
            lines.push_str(&format!("{name}: {value}\r\n"));
        }
        raw(
            self.address,
            &format!("{lines}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
        )
    }

    pub fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], "")
    }

    pub fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, &[], "")
    }

    pub fn post(&self, path: &str, body: Value) -> Reply {
        self.with_json("POST", path, &[], body)
    }

    pub fn patch(&self, path: &str, body: Value) -> Reply {
        self.with_json("PATCH", path, &[], body)
    }

    /// A body of JSON with further headers.
    pub fn with_json(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Reply {
        let json = [("Content-Type", "application/json")];
        let headers: Vec<_> = json.into_iter().chain(headers.iter().copied()).collect();
        self.send(method, path, &headers, &body.to_string())
    }
}

impl Reply {
    /// A header of the answer.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }

    /// The answer, which has to have this status.
    #[track_caller]
    pub fn must(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// The id of the record.
    #[track_caller]
    pub fn id(&self) -> i64 {
        self.json["id"].as_i64().expect("an id")
    }

    /// The ETag.
    #[track_caller]
    pub fn tag(&self) -> &str {
        self.header("etag").expect("an ETag")
    }

    /// One field of every item.
    pub fn items(&self, field: &str) -> Vec<Value> {
        let items = self.json["items"].as_array().expect("items");
        items.iter().map(|item| item[field].clone()).collect()
    }
}

/// Sends bytes as they are and reads what comes until the end.
pub fn raw(address: SocketAddr, request: &str) -> Reply {
    let mut stream = TcpStream::connect(address).expect("the API listens");
    stream.set_read_timeout(Some(Duration::from_secs(40))).expect("a timeout");
    // Whoever refuses a long body may not read it to its end.
    let _ = stream.write_all(request.as_bytes());
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(": "));
    Reply {
        status: status.unwrap_or_default(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        text: body.to_owned(),
        json: serde_json::from_str(body).unwrap_or_default(),
    }
}
