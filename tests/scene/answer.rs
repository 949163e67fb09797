//! A received SIP message, read by simple means of its own: not by the code under test.

/// A message as text: the tests' own reading of it.
#[derive(Clone, Debug)]
pub struct Message {
    pub start: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub text: String,
}

impl Message {
    /// Reads one whole message.
    pub fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").expect("a blank line ends the headers");
        let mut lines = head.split("\r\n");
        let start = lines.next().expect("a start line").to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let body = body.to_owned();
        Self { start, headers, body, text }
    }

    /// The status of a response; 0 for a request.
    pub fn status(&self) -> u16 {
        let mut words = self.start.split(' ');
        match words.next() {
            Some("SIP/2.0") => words.next().and_then(|code| code.parse().ok()).unwrap_or(0),
            _ => 0,
        }
    }

    /// The method of a request; empty for a response.
    pub fn method(&self) -> &str {
        if self.status() == 0 { self.start.split(' ').next().unwrap_or("") } else { "" }
    }

    /// The Request-URI.
    pub fn uri(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or("")
    }

    /// The first header of this name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// Every header of this name, line by line.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The `expires` that the answer gives to the contact holding `part`, else its Expires header.
    pub fn granted(&self, part: &str) -> Option<u32> {
        let of_contact = self
            .all("contact")
            .iter()
            .flat_map(|line| line.split(",<").map(str::to_owned).collect::<Vec<_>>())
            .find(|contact| contact.contains(part))
            .and_then(|contact| {
                let (_, rest) = contact.rsplit_once(";expires=")?;
                rest.split(';').next()?.trim().parse().ok()
            });
        of_contact.or_else(|| self.header("expires")?.parse().ok())
    }

    /// The tag of From or To.
    pub fn tag(&self, name: &str) -> Option<&str> {
        let (_, tag) = self.header(name)?.split_once(";tag=")?;
        tag.split(';').next()
    }
}
