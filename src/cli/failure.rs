//! Why a command did not do what was asked: exit status 1, with every obstacle as data.

use serde::Serialize;
use serde_json::{Value, json};

use crate::license::Moment;
use crate::license::distribution::{Obstacle, Refused};
use crate::store;

/// A refusal, or something that is named and does not exist.
#[derive(Debug)]
pub struct Failure {
    pub error: String,
    pub obstacles: Vec<ObstacleRow>,
    /// What is wrong with a file, line by line; `error` then says it all.
    pub faults: Vec<Value>,
}

/// One sum that does not fit.
#[derive(Debug, Serialize)]
pub struct ObstacleRow {
    pub gate: String,
    pub resource: String,
    pub granted: Option<i64>,
    pub left: i64,
    pub asked: i64,
    pub last_date_that_fits: Option<String>,
}

impl Failure {
    /// Without obstacles.
    pub fn new(error: impl Into<String>) -> Self {
        Self { error: error.into(), obstacles: Vec::new(), faults: Vec::new() }
    }

    /// The form that programs read.
    pub fn json(&self) -> Value {
        let mut json = json!({"error": self.error, "obstacles": self.obstacles});
        if let Some(fields) = json.as_object_mut().filter(|_| !self.faults.is_empty()) {
            fields.insert("faults".to_owned(), Value::Array(self.faults.clone()));
        }
        json
    }
}

impl From<String> for Failure {
    fn from(error: String) -> Self {
        Self::new(error)
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Refused(refused) => refused.into(),
            // Its text holds the address, which may hold a password.
            store::Error::Url { reason, .. } => Self::new(format!("database: {reason}")),
            other => Self::new(other.to_string()),
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let obstacles = refused.obstacles.into_iter().map(obstacle).collect();
        Self { obstacles, ..Self::new(refused.error) }
    }
}

/// An obstacle as it is shown.
pub fn obstacle(obstacle: Obstacle) -> ObstacleRow {
    ObstacleRow {
        gate: obstacle.gate,
        resource: obstacle.resource,
        granted: obstacle.granted,
        // What is over is told in words; nobody has less than nothing left.
        left: obstacle.left.max(0),
        asked: obstacle.asked,
        last_date_that_fits: obstacle.last_date_that_fits.map(Moment::rfc3339),
    }
}
