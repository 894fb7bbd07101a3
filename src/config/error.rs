//! What is wrong with a config, and where.

use std::{fmt, path::PathBuf};

use thiserror::Error;

/// A config that cannot be used.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub struct ConfigError {
    /// What is wrong; at least one thing. Values of secrets are never repeated.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What, in a sentence without period.
    pub message: String,
    /// The nearest valid key or value.
    pub suggestion: Option<String>,
}

/// Where something stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// In a file. Line and column count from 1; 0 is the file as a whole.
    File {
        /// The file.
        path: PathBuf,
        /// Line.
        line: usize,
        /// Column, in characters.
        column: usize,
    },
    /// In a variable of the environment.
    Variable(String),
    /// In an argument `--set`.
    Argument(String),
    /// Nowhere: it is missing, or a default.
    Nowhere,
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: 0, .. } => write!(f, "{}: ", path.display()),
            Self::File { path, line, column } => {
                write!(f, "{}:{line}:{column}: ", path.display())
            }
            Self::Variable(name) => write!(f, "variable {name}: "),
            Self::Argument(key) => write!(f, "--set {key}: "),
            Self::Nowhere => Ok(()),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.place, self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; did you mean `{suggestion}`?"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.problems.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}
