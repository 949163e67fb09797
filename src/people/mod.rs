//! Who somebody is: passwords, sign-in, sessions, API tokens and the first administrator. What they may
//! is `license::roles`' to say; what a request looks like, `admin` knows.

mod secret;

pub use secret::Secret;
