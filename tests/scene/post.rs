//! A post office: takes every mail that comes by SMTP and keeps to whom it went.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The mails that came.
pub struct Post {
    address: SocketAddr,
    told: Arc<Mutex<Vec<String>>>,
}

impl Post {
    /// A post office on a port of its own.
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
        let address = listener.local_addr().expect("an address");
        let told = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&told);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || take(stream, &kept));
            }
        });
        Self { address, told }
    }

    /// The `[mail]` part of a configuration that names it.
    pub fn config(&self) -> String {
        let address = self.address;
        format!("[mail]\nsmtp = \"smtp://{address}\"\nfrom = \"licenses@example.com\"\n")
    }

    /// To whom mails went, one entry each, in the order of their addresses.
    pub fn told(&self) -> Vec<String> {
        let mut told = self.told.lock().expect("nobody panics with it").clone();
        told.sort_unstable();
        told
    }
}

/// One connection, until it quits. A mail counts once its last line was taken.
fn take(stream: TcpStream, told: &Mutex<Vec<String>>) -> Option<()> {
    let mut writer = stream.try_clone().ok()?;
    let mut lines = BufReader::new(stream).lines();
    let mut to = Vec::new();
    writer.write_all(b"220 post\r\n").ok()?;
    while let Some(Ok(line)) = lines.next() {
        let answer = match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" => "250 post",
            "RCPT" => {
                let (_, rest) = line.split_once('<')?;
                to.push(rest.split('>').next()?.to_owned());
                "250 ok"
            }
            "DATA" => {
                writer.write_all(b"354 go on\r\n").ok()?;
                while lines.next()?.ok()? != "." {}
                told.lock().ok()?.append(&mut to);
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        writer.write_all(format!("{answer}\r\n").as_bytes()).ok()?;
    }
    Some(())
}
