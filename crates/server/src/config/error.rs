//! What is wrong with a configuration, and where it came from.

use std::{fmt, path::PathBuf};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A configuration file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// A command-line flag, with its dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The setting, such as `apps[0].secrets[1]`; empty where it is the whole file.
    pub path: String,
    /// Where the value came from; none where a value is missing.
    pub origin: Option<Origin>,
    /// What is wrong and what to do.
    pub says: String,
}

impl Problem {
    /// A problem with the setting at `path`, of yet unknown origin.
    pub(crate) fn new(path: impl Into<String>, says: impl Into<String>) -> Self {
        Self { path: path.into(), origin: None, says: says.into() }
    }

    /// The same problem, with where the value came from.
    #[must_use]
    pub(crate) fn from(self, origin: Origin) -> Self {
        Self { origin: Some(origin), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.path.is_empty(), &self.origin) {
            (true, None) => f.write_str(&self.says),
            (true, Some(origin)) => write!(f, "{origin}: {}", self.says),
            (false, None) => write!(f, "{}: {}", self.path, self.says),
            (false, Some(origin)) => write!(f, "{} ({origin}): {}", self.path, self.says),
        }
    }
}

/// Everything that is wrong with a configuration; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigError {
    /// The problems, in the order of the settings.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    /// An error of a single problem.
    pub(crate) fn one(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used:")?;
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
