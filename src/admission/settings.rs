//! What an operator may set about admission. Plain values with safe defaults.

use std::collections::HashMap;
use std::time::Duration;

use ipnet::IpNet;

use super::Pattern;
use super::refusal::Refusals;

/// Host names and addresses, and the domain that each stands for.
pub type Domains = HashMap<String, String, foldhash::fast::RandomState>;

/// Settings of admission.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Every host name and address that is ours, lower-cased, with the domain that it stands for.
    pub domains: Domains,
    /// For `tel:` numbers without a domain of their own.
    pub default_domain: Option<String>,
    /// Whether users that differ in case only are one.
    pub fold_user_case: bool,
    /// User-Agents that are mobile apps though they send no push parameters.
    pub app_agents: Vec<Pattern>,
    /// Whether the upstream asks for credentials.
    pub challenges: bool,
    /// Whether a number without a registered device may call, with a call seat.
    pub calls_unregistered: bool,
    /// How long a call seat lasts without a sign of life.
    pub call_seat_max: Duration,
    /// Peers whose From is believed.
    pub trusted_from: Vec<IpNet>,
    /// Peers whose P-Asserted-Identity is believed.
    pub trusted_identity: Vec<IpNet>,
    /// Users that are an emergency service, besides `urn:service:sos`.
    pub emergency_users: Vec<String>,
    /// Bodies of MESSAGE and INFO that open a door.
    pub door_messages: Vec<Pattern>,
    /// What refused devices are told.
    pub refusals: Refusals,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            domains: Domains::default(),
            default_domain: None,
            fold_user_case: false,
            app_agents: Vec::new(),
            challenges: true,
            calls_unregistered: true,
            call_seat_max: Duration::from_secs(7_200),
            trusted_from: Vec::new(),
            trusted_identity: Vec::new(),
            emergency_users: Vec::new(),
            door_messages: Vec::new(),
            refusals: Refusals::default(),
        }
    }
}

impl Settings {
    /// The domain that a host stands for; `None` where it is none of ours.
    pub fn domain_of(&self, host: &str) -> Option<&str> {
        if host.is_empty() {
            return self.default_domain.as_deref();
        }
        self.domains.get(host).map(String::as_str)
    }
}
