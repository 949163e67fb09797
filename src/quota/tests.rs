//! The rules of counting as seen from outside: one number after another registers, and who gets in.

mod lasting;
mod limits;
mod model;
mod renewing;
mod settling;
