//! An error with all that caused it, on one line.

use std::{error::Error, fmt};

/// Shows an error and its sources, outermost first, with a colon between them. A source that its error already quotes is not said
/// twice.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let mut next = self.0.source();
        while let Some(source) = next {
            let words = source.to_string();
            if !said.ends_with(&words) {
                write!(f, ": {words}")?;
                said = words;
            }
            next = source.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Chain;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot write the journal")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn sources_follow_their_error() {
        let error = Outer(std::io::Error::other("disk full"));
        assert_eq!(
            Chain(&error).to_string(),
            "cannot write the journal: disk full"
        );
    }

    #[derive(Debug, thiserror::Error)]
    #[error("not sent: {0}")]
    struct Quoting(#[source] Outer);

    #[test]
    fn what_an_error_quotes_is_said_once() {
        let error = Quoting(Outer(std::io::Error::other("disk full")));
        assert_eq!(
            Chain(&error).to_string(),
            "not sent: cannot write the journal: disk full"
        );
    }
}
