//! What is shown of licenses and seats: the same shapes for the daemon's answers and for the command
//! line without one. It knows the domain, not where the figures come from.
