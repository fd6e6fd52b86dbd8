//! Reading the configuration: file, then environment, then flags; the later one wins.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::Value as Schema;
use toml::{Table, Value};

use super::{
    apps::Apps,
    dev::DevApp,
    error::{ConfigError, Origin, Problem},
    flags::SettingFlags,
    schema::Config,
    setting::{Kind, Setting, VARIABLE_PREFIX, present, schema, sections, settings},
    validate::validate,
};

/// The variable that names the configuration file where `--config` does not.
pub(crate) const CONFIG_VARIABLE: &str = "BELLWIRE_CONFIG";

/// Settings of an app that hold secrets.
const SECRET: [&str; 5] = ["secrets", "secret", "api_secret", "api_keys", "private_key"];
/// Another one, whose name alone is that of many a setting.
const SECRET_KEY: &str = ".push.web.key";

/// Where the configuration comes from; kept, so that it can be read again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// The configuration file, if there is one.
    pub file: Option<PathBuf>,
    /// The environment. Only names that begin with `BELLWIRE_` matter.
    pub variables: Vec<(String, String)>,
    /// The flags given.
    pub flags: SettingFlags,
    /// Whether the development app is served.
    pub dev: bool,
    /// Whether the port has a certificate of the server's own making.
    pub dev_tls: bool,
}

/// What a second reading of the configuration brings.
#[derive(Debug)]
pub(crate) struct Reload {
    /// The apps as they are now.
    pub apps: Apps,
    /// Sections that differ but hold only from the next start on.
    pub restart: Vec<&'static str>,
}

impl Config {
    /// Reads the text of a configuration file alone, as with `--dev` but without its app.
    pub(crate) fn from_toml(text: &str) -> Result<(Self, Apps), ConfigError> {
        let table = parse(text).map_err(|says| ConfigError::one(Problem::new("", says)))?;
        let sources = Sources { dev: true, ..Sources::default() };
        let (config, merged) = sources.merge(table)?;
        sources.resolve(config, &merged)
    }

    /// Reads `sources` again. On an error everything stays as it is: the caller keeps what it has.
    pub(crate) fn reload(&self, sources: &Sources) -> Result<Reload, ConfigError> {
        let (new, apps) = sources.load()?;
        let whole = |c: &Self| {
            let l = &c.limits;
            let of_addresses = (
                l.connections_per_address,
                l.connects_per_address_s,
                l.sessions_per_address,
                l.failures_per_address_minute,
            );
            (l.connections, l.hello_s, l.header_s, of_addresses)
        };
        let changed = [
            ("server", self.server != new.server),
            ("tls", self.tls != new.tls),
            ("media", self.media != new.media),
            ("storage", self.storage != new.storage),
            ("limits", whole(self) != whole(&new)),
        ];
        let restart = changed.into_iter().filter_map(|(name, differs)| differs.then_some(name));
        Ok(Reload { apps, restart: restart.collect() })
    }
}

impl Sources {
    /// The sources of this process: `file` or else the file the environment names, its variables,
    /// and `flags`.
    pub(crate) fn of_process(file: Option<PathBuf>, flags: SettingFlags) -> Self {
        let variables: Vec<_> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with(VARIABLE_PREFIX))
            .collect();
        let named = || variables.iter().find(|(n, _)| n == CONFIG_VARIABLE).map(|(_, v)| v.into());
        Self { file: file.or_else(named), variables, flags, ..Self::default() }
    }

    /// Reads everything, and says all that is wrong with it. With [`Sources::dev`] the development
    /// app is among the apps, and its keys are made if this is their first use.
    pub(crate) fn load(&self) -> Result<(Config, Apps), ConfigError> {
        let (config, merged) = self.read()?;
        let (config, mut apps) = self.resolve(config, &merged)?;
        if self.dev {
            let dev = DevApp::open(&config.server.data)
                .map_err(|e| ConfigError::one(Problem::new("server.data", e.to_string())))?;
            apps.add_dev(&dev, &config).map_err(|problems| ConfigError { problems })?;
        }
        Ok((config, apps))
    }

    fn resolve(&self, config: Config, merged: &Merged) -> Result<(Config, Apps), ConfigError> {
        let mut problems = validate(&config, self.dev);
        let (apps, of_apps) = Apps::resolve(&config);
        problems.extend(of_apps);
        if !problems.is_empty() {
            for problem in &mut problems {
                problem.origin = merged.origin(&problem.path, self.file.as_ref());
            }
            return Err(ConfigError { problems });
        }
        Ok((config, apps))
    }

    /// Reads and merges without looking at ranges, keys and apps.
    pub(crate) fn read_unchecked(&self) -> Result<Config, ConfigError> {
        self.read().map(|(config, _)| config)
    }

    fn read(&self) -> Result<(Config, Merged), ConfigError> {
        self.merge(self.read_file()?)
    }

    /// Lays environment and flags over what the file says.
    fn merge(&self, table: Table) -> Result<(Config, Merged), ConfigError> {
        let mut merged = Merged { table, origins: BTreeMap::new() };
        let mut problems = Vec::new();
        unknown_keys(&Value::Table(merged.table.clone()), schema(), "", &mut problems);
        for problem in &mut problems {
            problem.origin = self.file.clone().map(Origin::File);
        }
        for (name, text) in &self.variables {
            match settings().find(|s| s.variable() == *name) {
                Some(setting) => merged.set(setting, text, Origin::Variable(name.clone())),
                None => problems.extend(unknown_variable(name)),
            }
        }
        for (path, text) in &self.flags.0 {
            if let Some(setting) = settings().find(|s| s.path == *path) {
                merged.set(setting, text, Origin::Flag(format!("--{}", setting.flag())));
            }
        }
        if !problems.is_empty() {
            return Err(ConfigError { problems });
        }
        match serde_path_to_error::deserialize(Value::Table(merged.table.clone())) {
            Ok(config) => Ok((config, merged)),
            Err(error) => {
                let path = error.path().to_string();
                let origin = merged.origin(&path, self.file.as_ref());
                let message = error.into_inner().message().to_owned();
                let message = if is_secret(&path) { without_value(&message) } else { message };
                let setting = settings().find(|s| s.path == path);
                let says = match setting.and_then(|s| s.default.as_ref().or(s.example.as_ref())) {
                    Some(value) => format!("{message}; write it as {value}"),
                    None => message,
                };
                Err(ConfigError::one(Problem { path, origin, says }))
            }
        }
    }

    fn read_file(&self) -> Result<Table, ConfigError> {
        let Some(path) = &self.file else {
            return Ok(Table::new());
        };
        let problem =
            |says| ConfigError::one(Problem::new("", says).from(Origin::File(path.clone())));
        let text = std::fs::read_to_string(path).map_err(|e| {
            problem(format!("cannot be read: {e}; name another file with --config"))
        })?;
        parse(&text).map_err(problem)
    }
}

fn parse(text: &str) -> Result<Table, String> {
    // The whole error would quote the line, and the line may hold a secret.
    text.parse::<Table>().map_err(|e| {
        let line = e.span().map_or(1, |at| line_of(text, at.start));
        format!("is not TOML: line {line}: {}", e.message())
    })
}

/// Whether the value at `path` must not be shown, wrong as it may be.
pub(super) fn is_secret(path: &str) -> bool {
    path.split(['.', '[']).any(|name| SECRET.contains(&name)) || path.ends_with(SECRET_KEY)
}

/// What serde says of a value that is wrong, without the value, which it quotes.
pub(super) fn without_value(message: &str) -> String {
    if message.starts_with("missing field ") {
        return message.to_owned();
    }
    let wrong = if message.starts_with("unknown variant ") {
        "is none of the words it may be"
    } else {
        "is of the wrong type"
    };
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("{wrong}: expected {expected}"),
        None => wrong.to_owned(),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
}

/// The sources laid over each other, and who said what.
struct Merged {
    table: Table,
    origins: BTreeMap<String, Origin>,
}

impl Merged {
    fn set(&mut self, setting: &Setting, text: &str, origin: Origin) {
        let value = match setting.kind {
            Kind::Text | Kind::Choice(_) => Value::String(text.to_owned()),
            Kind::Number | Kind::Switch | Kind::List => {
                text.parse().unwrap_or_else(|_| Value::String(text.to_owned()))
            }
        };
        let mut table = &mut self.table;
        let mut path = setting.path.split('.').peekable();
        while let Some(name) = path.next() {
            if path.peek().is_none() {
                table.insert(name.to_owned(), value);
                break;
            }
            let inner = table.entry(name).or_insert_with(|| Value::Table(Table::new()));
            // A file that has something else here is refused for it when types are looked at.
            let Value::Table(inner) = inner else { return };
            table = inner;
        }
        self.origins.insert(setting.path.clone(), origin);
    }

    /// Who gave the value at `path`; none if nobody did.
    fn origin(&self, path: &str, file: Option<&PathBuf>) -> Option<Origin> {
        let first = path.split(['.', '[']).next().unwrap_or_default().trim_matches('"');
        let in_file = || self.table.contains_key(first).then(|| file.cloned().map(Origin::File));
        self.origins.get(path).cloned().or_else(|| in_file().flatten())
    }
}

/// A key as TOML has it: in quotes where it is not bare.
fn shown(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !key.is_empty() && key.chars().all(is_bare) { key.to_owned() } else { format!("{key:?}") }
}

/// Collects the keys of `value` that the schema does not have.
fn unknown_keys(value: &Value, schema: &Schema, path: &str, problems: &mut Vec<Problem>) {
    match value {
        Value::Table(table) => {
            let Some(known) = present(schema).get("properties").and_then(Schema::as_object) else {
                return;
            };
            for (key, value) in table {
                let shown = shown(key);
                let path = if path.is_empty() { shown } else { format!("{path}.{shown}") };
                if let Some(schema) = known.get(key) {
                    unknown_keys(value, schema, &path, problems);
                } else {
                    let hint = hint(key, known.keys().map(String::as_str));
                    problems.push(Problem::new(path, format!("is no setting; {hint}")));
                }
            }
        }
        Value::Array(items) => {
            let Some(schema) = schema.get("items") else { return };
            for (i, item) in items.iter().enumerate() {
                unknown_keys(item, schema, &format!("{path}[{i}]"), problems);
            }
        }
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_) => {}
    }
}

/// A variable in one of our sections that is no setting. Others may be somebody else's: what
/// Kubernetes sets for a service named `bellwire` begins alike.
fn unknown_variable(name: &str) -> Option<Problem> {
    let rest = name.strip_prefix(VARIABLE_PREFIX)?;
    let ours = sections().iter().any(|s| {
        let after = rest.strip_prefix(&s.name.to_uppercase());
        after.is_some_and(|after| after.starts_with('_'))
    });
    let foreign = rest.contains("_SERVICE_") || rest.contains("_PORT");
    if !ours || foreign {
        return None;
    }
    let names: Vec<String> = settings().map(Setting::variable).collect();
    let hint = if rest.starts_with("APPS_") {
        "apps are set in the file only".to_owned()
    } else {
        hint(name, names.iter().map(String::as_str))
    };
    let says = format!("is no setting; {hint}");
    Some(Problem::new("", says).from(Origin::Variable(name.to_owned())))
}

/// The nearest known word, or all of them.
fn hint<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let near = known.iter().map(|k| (distance(word, k), k)).min();
    match near {
        // A third of the letters wrong is still a slip of the finger; more is another word.
        Some((slips, word)) if slips <= word.len().div_ceil(3) => format!("did you mean {word}?"),
        _ => format!("known here: {}", known.join(", ")),
    }
}

/// The number of letters to insert, remove or change to get from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
#[path = "sources_tests.rs"]
pub(super) mod tests;
