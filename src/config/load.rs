//! Layers into one.

use std::{
    ffi::OsString,
    fs, io, iter,
    path::{Path, PathBuf},
};

use serde::Deserialize as _;

use super::{
    Config,
    error::{ConfigError, Place, Problem},
    layer::{Layer, PREFIX},
    schema::Fault,
    validate::{self, Finding},
    warn,
};

/// Where settings come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file that was named. It must be there; beside it may be a folder `conf.d`.
    pub file: Option<PathBuf>,
    /// The environment; only `TRADINGD__…` is looked at.
    pub environment: Vec<(OsString, OsString)>,
    /// `section.key=value`, in order.
    pub arguments: Vec<String>,
}

/// A valid config.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The config.
    pub config: Config,
    /// The files that were read, in order.
    pub files: Vec<PathBuf>,
    /// What is allowed and worth a word.
    pub warnings: Vec<String>,
}

/// Reads all sources, checks each, merges them, and validates the whole.
///
/// # Errors
///
/// At the first document that is wrong; else with everything that is wrong with the whole.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let files = files(sources.file.as_deref())?;
    let mut layers = Vec::new();
    for file in &files {
        layers.push(Layer::file(file)?);
    }
    for (name, value) in variables(&sources.environment)? {
        layers.push(Layer::variable(&name, &value)?);
    }
    for argument in &sources.arguments {
        layers.push(Layer::argument(argument)?);
    }
    let config = merge(&layers)?;
    let problems: Vec<Problem> = validate::findings(&config)
        .into_iter()
        .map(|finding| told(&layers, finding))
        .collect();
    if !problems.is_empty() {
        return Err(ConfigError { problems });
    }
    Ok(Loaded {
        warnings: warn::warnings(&config),
        config,
        files,
    })
}

/// A finding with its place; a variable or an argument names its key already.
fn told(layers: &[Layer], finding: Finding) -> Problem {
    let (path, place) = locate(layers, &finding);
    let message = match place {
        Place::File { .. } | Place::Nowhere => {
            format!("{}: {}", path.join("."), finding.message)
        }
        Place::Variable(_) | Place::Argument(_) => finding.message,
    };
    Problem {
        place,
        message,
        suggestion: finding.suggestion,
    }
}

fn files(main: Option<&Path>) -> Result<Vec<PathBuf>, Problem> {
    let Some(main) = main else {
        return Ok(Vec::new());
    };
    let directory = main.parent().unwrap_or(Path::new("")).join("conf.d");
    let failed = |error: io::Error| Problem {
        place: Place::File {
            path: directory.clone(),
            line: 0,
            column: 0,
        },
        message: format!("cannot be read: {error}"),
        suggestion: None,
    };
    let mut beside = Vec::new();
    match fs::read_dir(&directory) {
        Ok(entries) => {
            for entry in entries {
                beside.push(entry.map_err(failed)?.path());
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    beside.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    beside.sort();
    Ok([main.to_owned()].into_iter().chain(beside).collect())
}

fn variables(environment: &[(OsString, OsString)]) -> Result<Vec<(String, String)>, Problem> {
    let mut ours = Vec::new();
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
            continue;
        };
        let value = value.to_str().ok_or_else(|| Problem {
            place: Place::Variable(name.to_owned()),
            message: "not valid UTF-8".to_owned(),
            suggestion: None,
        })?;
        ours.push((name.to_owned(), value.to_owned()));
    }
    ours.sort();
    Ok(ours)
}

/// Merges the defaults and checked layers through the `config` crate and reads the result as strictly as each of them.
fn merge(layers: &[Layer]) -> Result<Config, Problem> {
    let failed = |message: String| Problem {
        place: Place::Nowhere,
        message,
        suggestion: None,
    };
    let defaults = config::File::from_str(super::DEFAULT_TOML, config::FileFormat::Toml);
    let mut builder = config::Config::builder().add_source(defaults);
    for layer in layers {
        let text = toml::to_string(&layer.table).map_err(|error| failed(error.to_string()))?;
        builder = builder.add_source(config::File::from_str(&text, config::FileFormat::Toml));
    }
    let merged: toml::Table = builder
        .build()
        .and_then(config::Config::try_deserialize)
        .map_err(|error| failed(error.to_string()))?;
    Config::deserialize(toml::Value::Table(merged)).map_err(|error| {
        let fault = Fault::new(error.message(), None);
        Problem {
            place: Place::Nowhere,
            message: fault.message,
            suggestion: fault.suggestion,
        }
    })
}

/// The key that a finding is about, and where it was set: in the last layer that has it; of two keys, the one that was set last. One
/// that no layer has is missing: where most of its path was set.
fn locate<'a>(layers: &[Layer], finding: &'a Finding) -> (&'a [String], Place) {
    let whole = layers.iter().rev().find_map(|layer| {
        let mut paths = iter::once(&finding.path).chain(&finding.other);
        paths.find_map(|path| {
            let (depth, place) = layer.locate(path);
            (depth == path.len()).then_some((path, place))
        })
    });
    if let Some((path, place)) = whole {
        return (path, place);
    }
    let places = layers.iter().map(|layer| layer.locate(&finding.path));
    let most = places.max_by_key(|(depth, _)| *depth);
    let place = most
        .filter(|(depth, _)| *depth > 0)
        .map_or(Place::Nowhere, |(_, place)| place);
    (&finding.path, place)
}
