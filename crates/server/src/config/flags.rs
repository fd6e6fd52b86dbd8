//! One command-line flag for each setting, with the setting's own words as its help.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, builder::PossibleValue};
use serde_json::Value;

use super::setting::{Kind, Section, Setting, sections, settings};

/// Values given by flags: the setting's path and the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SettingFlags(pub Vec<(&'static str, String)>);

impl SettingFlags {
    /// Flags as if `--data DIR` had been given, or none.
    pub(crate) fn data(dir: Option<&str>) -> Self {
        Self(dir.into_iter().map(|dir| ("server.data", dir.to_owned())).collect())
    }
}

fn arg(section: &'static Section, setting: &'static Setting) -> Arg {
    let mut help = setting.about.clone();
    if let Some(default) = &setting.default {
        let text = default.as_str().map_or_else(|| Value::to_string(default), str::to_owned);
        help = format!("{help} [default: {text}] [env: {}]", setting.variable());
    } else {
        help = format!("{help} [env: {}]", setting.variable());
    }
    let name = setting.path.rsplit('.').next().unwrap_or(&setting.path).to_uppercase();
    let arg = Arg::new(setting.path.as_str())
        .long(setting.flag())
        .help(help)
        .help_heading(format!("Settings: {}", section.name))
        .value_name(name);
    let arg = match &setting.kind {
        Kind::Text | Kind::Number | Kind::Switch | Kind::List => arg,
        Kind::Choice(words) => arg.value_parser(
            words
                .iter()
                .map(|(word, about)| PossibleValue::new(word.as_str()).help(about.as_str()))
                .collect::<Vec<_>>(),
        ),
    };
    match setting.alias() {
        Some(alias) => arg.visible_alias(alias),
        None => arg,
    }
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        sections()
            .iter()
            .filter(|s| !s.repeated)
            .flat_map(|section| section.settings.iter().map(move |s| arg(section, s)))
            .fold(command, Command::arg)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |s: &'static Setting| {
            Some((s.path.as_str(), matches.get_one::<String>(&s.path)?.clone()))
        };
        Ok(Self(settings().filter_map(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<SettingFlags, clap::Error> {
        let command = SettingFlags::augment_args(Command::new("serve").no_binary_name(true));
        SettingFlags::from_arg_matches(&command.try_get_matches_from(args)?)
    }

    #[test]
    fn long_names_and_short_ones_are_the_same_setting() {
        let long = parse(&["--server-listen", "[::]:1", "--server-data=/var/b"]).expect("flags");
        let short = parse(&["--listen", "[::]:1", "--data=/var/b"]).expect("flags");
        assert_eq!(long, short);
        assert_eq!(
            long.0,
            [("server.listen", "[::]:1".to_owned()), ("server.data", "/var/b".to_owned())]
        );
    }

    #[test]
    fn an_unknown_flag_or_word_is_refused() {
        assert!(parse(&["--server-lisen", "x"]).is_err());
        assert!(parse(&["--server-log-format", "xml"]).is_err());
    }
}
