//! Where settings come from, which weighs more, and what is refused.

use std::fs;

use super::*;

const APP: &str = "[[apps]]\nkey = \"shop\"\nsecrets = [\"0123456789abcdef0123456789abcdef\"]\n";

/// Sources of a file with this text and these variables.
fn sources(dir: &std::path::Path, text: &str, variables: &[(&str, &str)]) -> Sources {
    let file = dir.join("bellwire.toml");
    fs::write(&file, text).expect("written");
    let variables = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Sources { file: Some(file), variables, ..Sources::default() }
}

pub(crate) fn load(text: &str, variables: &[(&str, &str)]) -> Result<(Config, Apps), ConfigError> {
    let dir = tempfile::tempdir().expect("a directory");
    sources(dir.path(), text, variables).load()
}

/// The problems, without the directory of the file.
pub(crate) fn problems(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let dir = tempfile::tempdir().expect("a directory");
    let error = sources(dir.path(), text, variables).load().expect_err("it is refused");
    let dir = format!("{}/", dir.path().display());
    error.problems.iter().map(|p| p.to_string().replace(&dir, "")).collect()
}

#[test]
fn the_later_source_wins() {
    let dir = tempfile::tempdir().expect("a directory");
    let text =
        format!("[server]\nlisten = \"1.1.1.1:1\"\ndrain_s = 1\nlog_level = \"warn\"\n{APP}");
    let variables = [("BELLWIRE_SERVER_LISTEN", "2.2.2.2:2"), ("BELLWIRE_SERVER_DRAIN_S", "2")];
    let mut sources = sources(dir.path(), &text, &variables);
    sources.flags.0.push(("server.listen", "3.3.3.3:3".to_owned()));
    let (config, apps) = sources.load().expect("a configuration");
    assert_eq!(config.server.listen.to_string(), "3.3.3.3:3");
    assert_eq!(config.server.drain_s, 2);
    assert_eq!(config.server.log_level, "warn");
    assert_eq!(config.storage.records_keep_days, 90);
    assert!(apps.get("shop").is_some());
}

#[test]
fn a_text_from_the_environment_stays_a_text() {
    let variables = [("BELLWIRE_SERVER_DATA", "2024"), ("BELLWIRE_CALLS_POLICY_END", "invited")];
    let (config, _) = load(APP, &variables).expect("a configuration");
    assert_eq!(config.server.data.to_str(), Some("2024"));
    assert_eq!(config.calls.policy.end, bellwire_core::Who::Invited);
}

#[test]
fn every_unknown_key_is_refused_with_its_path_and_a_hint() {
    let text = format!(
        "sever = 1\n'' = 1\n[server]\nlisen = \"x\"\n[calls.policy]\nany = 1\n{APP}naem = 1"
    );
    let variables = [
        ("BELLWIRE_SERVER_LISEN", "x"),
        ("BELLWIRE_APPS_KEY", "x"),
        ("BELLWIRE_SERVER_SERVICE_HOST", "10.0.0.1"),
        ("BELLWIRE_PORT", "tcp://10.0.0.1:2355"),
    ];
    assert_eq!(
        problems(&text, &variables),
        [
            "\"\" (file bellwire.toml): is no setting; known here: apps, calls, limits, livekit, \
             media, server, storage, tls",
            "apps[0].naem (file bellwire.toml): is no setting; did you mean name?",
            "calls.policy.any (file bellwire.toml): is no setting; known here: end, invite, join",
            "server.lisen (file bellwire.toml): is no setting; did you mean listen?",
            "sever (file bellwire.toml): is no setting; did you mean server?",
            "variable BELLWIRE_SERVER_LISEN: is no setting; did you mean BELLWIRE_SERVER_LISTEN?",
            "variable BELLWIRE_APPS_KEY: is no setting; apps are set in the file only",
        ]
    );
}

#[test]
fn a_wrong_type_names_the_setting_and_its_source() {
    let of_file = problems("[limits]\nconnections = \"many\"", &[]);
    assert_eq!(
        of_file,
        ["limits.connections (file bellwire.toml): invalid type: string \"many\", expected u32; \
             write it as 15000"]
    );
    let of_env = problems(APP, &[("BELLWIRE_LIMITS_CONNECTIONS", "many")]);
    assert_eq!(
        of_env,
        ["limits.connections (variable BELLWIRE_LIMITS_CONNECTIONS): invalid type: string \
         \"many\", expected u32; write it as 15000"]
    );
    let dir = tempfile::tempdir().expect("a directory");
    let mut sources = sources(dir.path(), APP, &[]);
    sources.flags.0.push(("limits.connections", "-1".to_owned()));
    let of_flag = sources.load().expect_err("refused").problems[0].to_string();
    assert!(of_flag.starts_with("limits.connections (flag --limits-connections): "), "{of_flag}");
    let of_app = problems("[[apps]]\nkey = 3", &[]);
    assert!(of_app[0].starts_with("apps[0].key (file bellwire.toml): "), "{of_app:?}");
}

#[test]
fn what_is_no_toml_is_refused_by_line_without_quoting_it() {
    let text = "[[apps]]\nsecrets = [\"hunter2hunter2\", oops]\n";
    let found = problems(text, &[]).join("\n");
    assert!(found.starts_with("file bellwire.toml: is not TOML: line 2: "), "{found}");
    assert!(!found.contains("hunter2"));
    let missing = Sources { file: Some("/nowhere/b.toml".into()), ..Sources::default() };
    let found = missing.load().expect_err("refused").to_string();
    assert!(found.contains("/nowhere/b.toml: cannot be read"), "{found}");
}

#[test]
fn a_secret_of_the_wrong_type_is_not_quoted() {
    for name in ["secrets", "api_keys", "private_key"] {
        let value = if name == "private_key" { "[\"hunter2\"]" } else { "\"hunter2\"" };
        let found =
            problems(&format!("[[apps]]\nkey = \"shop\"\n{name} = {value}\n"), &[]).join("");
        assert!(found.starts_with(&format!("apps[0].{name} ")), "{found}");
        assert!(found.contains("is of the wrong type") && !found.contains("hunter2"), "{found}");
    }
    let text = "[[apps]]\nkey = \"shop\"\n[apps.push.web]\nkey = [\"hunter2\"]\n";
    let found = problems(text, &[]).join("");
    assert!(found.contains("apps[0].push.web.key") && !found.contains("hunter2"), "{found}");
    let secret = "secrets = [\"0123456789abcdef0123456789abcdef\"]\n";
    let text = format!("[[apps]]\nkey = \"shop\"\n{secret}[apps.livekit]\napi_secret = 4711\n");
    let found = problems(&text, &[]).join("");
    assert!(found.contains("apps[0].livekit.api_secret") && !found.contains("4711"), "{found}");
}

#[test]
fn all_problems_are_told_at_once() {
    let text = r#"
        [server]
        drain_s = 60
        log_level = "chatty=maybe"
        [limits]
        starts_per_minute = 0
        [calls]
        ring_time_s = 4
        group_size = 1
        [[apps]]
        key = "shop"
        secrets = ["short"]
        origins = ["shop.example", "https://shop.example/"]
        [apps.calls]
        ring_time_s = 601
        [apps.limits]
        hello_s = 3
        [apps.hooks]
        ask = ["session.login"]
        url = "ftp://shop.example"
        secrets = ["plain"]
        timeout_ms = 20
        [[apps]]
        key = "shop"
        algorithm = "EdDSA"
        secrets = ["short"]
        public_keys = ["not a key"]
        api_keys = ["0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"]
    "#;
    let found = problems(text, &[]);
    let paths: Vec<&str> = found.iter().map(|p| p.split(' ').next().unwrap_or(p)).collect();
    assert_eq!(
        paths,
        [
            "server.drain_s",
            "server.log_level",
            "limits.starts_per_minute",
            "calls.ring_time_s",
            "calls.group_size",
            "apps[1].key",
            "apps[1].api_keys[1]",
            "apps[0].secrets[0]",
            "apps[0].origins[0]",
            "apps[0].origins[1]",
            "apps[0].hooks.absent",
            "apps[0].hooks.ask",
            "apps[0].hooks.timeout_ms",
            "apps[0].hooks.url",
            "apps[0].hooks.secrets[0]",
            "apps[0].limits.hello_s",
            "apps[0].calls.ring_time_s",
            "apps[1].secrets",
            "apps[1].public_keys[0]",
        ]
    );
    assert!(!found.join("").contains("short\""), "no secret is shown");
    assert_eq!(
        found[10],
        "apps[0].hooks.absent (file bellwire.toml): is missing; say \"allow\" or \"deny\""
    );
}

#[test]
fn no_app_is_refused_unless_there_is_the_development_app() {
    assert!(problems("", &[])[0].starts_with("apps: there is no app to serve"));
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().display().to_string();
    let mut dev = sources(dir.path(), "", &[("BELLWIRE_SERVER_DATA", &data)]);
    dev.dev = true;
    let (_, apps) = dev.load().expect("a configuration");
    let app = apps.get("dev").expect("the app");
    assert!(app.allows_origin(Some("http://localhost:5173")));
    let own = apps.by_api_key(app.api_keys[0].secret.expose()).expect("the app");
    assert_eq!(own.0.key, app.key);
    dev.file = Some(dir.path().join("own.toml"));
    fs::write(dir.path().join("own.toml"), APP.replace("shop", "dev")).expect("written");
    assert!(dev.load().expect_err("refused").to_string().contains("apps[0].key"));
}

#[test]
fn an_app_has_its_own_times_and_limits_over_the_servers() {
    let text = format!(
        "[calls]\nring_time_s = 30\ngrace_s = 20\n[limits]\ncalls_per_user = 3\n{APP}\
         origins = [\"https://shop.example\"]\n\
         [apps.calls]\nring_time_s = 45\npolicy = {{ end = \"joined\" }}\n\
         [apps.limits]\ncalls_per_app = 7\n"
    );
    let (_, apps) = load(&text, &[]).expect("a configuration");
    let app = apps.get("shop").expect("the app");
    assert_eq!((app.settings.ring_ms, app.settings.grace_ms), (45_000, 20_000));
    assert_eq!(app.settings.policy.end, bellwire_core::Who::Joined);
    assert_eq!(app.settings.policy.join, bellwire_core::Who::Invited);
    assert_eq!((app.limits.calls_per_app, app.limits.calls_per_user), (7, 3));
    assert!(app.allows_origin(None));
    assert!(app.allows_origin(Some("https://shop.example")));
    assert!(!app.allows_origin(Some("https://shop.example.evil.example")));
    let wrong = problems(&format!("{APP}[apps.calls]\nring_time = 3\n"), &[]);
    assert_eq!(
        wrong,
        ["apps[0].calls.ring_time (file bellwire.toml): is no setting; did you mean ring_time_s?"]
    );
    let typed = problems(&format!("{APP}[apps.calls]\nring_time_s = true\n"), &[]);
    assert!(typed[0].starts_with("apps[0].calls.ring_time_s (file bellwire.toml): "), "{typed:?}");
}

#[test]
fn reading_again_brings_new_apps_and_names_what_waits_for_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let sources = sources(dir.path(), APP, &[]);
    let (config, apps) = sources.load().expect("a configuration");
    let file = dir.path().join("bellwire.toml");

    fs::write(&file, format!("{APP}secrets = 3")).expect("written");
    assert!(config.reload(&sources).is_err());
    assert!(apps.get("shop").is_some());

    let more = format!("[server]\ndrain_s = 3\n{APP}{}", APP.replace("shop", "bank"));
    fs::write(&file, more).expect("written");
    let reload = config.reload(&sources).expect("a configuration");
    apps.replace(&reload.apps);
    assert!(apps.get("bank").is_some());
    assert_eq!(reload.restart, ["server"]);
}
