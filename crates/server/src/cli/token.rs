//! `bellwire token` and `bellwire apikey`. Both read the keys, and never ask the server: they work
//! while it runs and before it ever ran.

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, anyhow, bail};
use bellwire_core::UserId;
use clap::Args;

use super::when;
use crate::{
    auth::mint,
    config::{App, DEV_APP, DevApp, SettingFlags, Sources},
};

/// `bellwire token`.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// Whom the token is for.
    #[arg(value_parser = UserId::parse)]
    user: UserId,
    /// The data directory of the server with the development app. [default: ./data]
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    data: Option<String>,
    /// How long it is good, in seconds or as 90s, 15m, 1h, 7d.
    #[arg(long, default_value = "1h", value_parser = when::parse_ttl)]
    ttl: Duration,
    /// The configuration file of the app, for a token of another app than the development one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The app; needed where the file has several.
    #[arg(long, value_name = "KEY", requires = "config")]
    app: Option<String>,
    /// The user's name for people.
    #[arg(long)]
    name: Option<String>,
}

/// `bellwire apikey`.
#[derive(Debug, Args)]
pub(crate) struct ApikeyArgs {
    /// The data directory of the server with the development app. [default: ./data]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
}

/// Prints a token.
pub(crate) fn token(args: &TokenArgs) -> anyhow::Result<ExitCode> {
    let app = app(args)?;
    let now_s = when::now().0 / 1_000;
    let minted = mint(&app, &args.user, args.ttl, args.name.as_deref(), None, now_s)?;
    super::print(&format!("{}\n", minted.token))
}

/// Prints the development app's API key.
pub(crate) fn apikey(args: &ApikeyArgs) -> anyhow::Result<ExitCode> {
    let keys = DevApp::open(&data(args.data.as_deref())?)?;
    super::print(&format!("{}\n", keys.api_key.expose()))
}

/// The data directory that is meant: named here, or by the environment.
pub(crate) fn data(named: Option<&str>) -> anyhow::Result<PathBuf> {
    let mut sources = Sources::of_process(None, SettingFlags::data(named));
    // Where a file is configured for the server, it says where its data is.
    sources.file = sources.file.filter(|_| named.is_none());
    Ok(sources.read_unchecked()?.server.data)
}

fn app(args: &TokenArgs) -> anyhow::Result<Arc<App>> {
    let Some(file) = &args.config else {
        let data = data(args.data.as_deref())?;
        let flags =
            SettingFlags::data(Some(data.to_str().context("the path of data is not UTF-8")?));
        let dev = Sources { dev: true, flags, ..Sources::default() };
        return dev.load()?.1.get(DEV_APP).ok_or_else(|| anyhow!("the development app is missing"));
    };
    let sources = Sources::of_process(Some(file.clone()), SettingFlags::default());
    let (_, apps) = sources.load()?;
    let all = apps.all();
    match (&args.app, all.as_slice()) {
        (Some(key), _) => {
            apps.get(key).ok_or_else(|| anyhow!("{} has no app {key}", file.display()))
        }
        (None, [only]) => Ok(Arc::clone(only)),
        (None, many) => {
            let keys: Vec<&str> = many.iter().map(|app| app.key.as_str()).collect();
            bail!("{} has several apps; name one with --app: {}", file.display(), keys.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::verify;

    fn args(line: &[&str]) -> TokenArgs {
        use clap::{Command, FromArgMatches};
        let command = TokenArgs::augment_args(Command::new("token").no_binary_name(true));
        let matches = command.try_get_matches_from(line).expect("parses");
        TokenArgs::from_arg_matches(&matches).expect("arguments")
    }

    #[test]
    fn a_token_made_before_the_first_run_is_good_for_the_server() {
        let dir = tempfile::tempdir().expect("a directory");
        let data = dir.path().to_str().expect("a path");
        let before = app(&args(&["alice", "--data", data])).expect("the app");
        let user = UserId::parse("alice").expect("a name");
        let minted = mint(&before, &user, Duration::from_mins(1), None, None, 1_000).expect("made");
        let flags = SettingFlags::data(Some(data));
        let (_, apps) = Sources { dev: true, flags, ..Sources::default() }.load().expect("loads");
        assert_eq!(verify(&apps, &minted.token, 1_000).expect("good").user, user);
    }

    #[test]
    fn the_app_of_a_file_is_named_where_there_are_several() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("bellwire.toml");
        let file = path.to_str().expect("a path");
        let one =
            |key: &str| format!("[[apps]]\nkey = \"{key}\"\nsecrets = [\"{}\"]\n", "s".repeat(32));
        std::fs::write(&path, one("shop")).expect("written");
        assert_eq!(app(&args(&["a", "--config", file])).expect("the app").key.as_str(), "shop");
        std::fs::write(&path, one("shop") + &one("bank")).expect("written");
        let error = app(&args(&["a", "--config", file])).expect_err("refused").to_string();
        assert!(error.ends_with("name one with --app: bank, shop"), "{error}");
        let bank = app(&args(&["a", "--config", file, "--app", "bank"])).expect("the app");
        assert_eq!(bank.key.as_str(), "bank");
        assert!(app(&args(&["a", "--config", file, "--app", "pub"])).is_err());
    }
}
