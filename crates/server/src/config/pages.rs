//! The sample file and the page of the docs, both made from the schema.

use std::fmt::Write;

use super::setting::{Kind, SEVERAL, Section, Setting, sections};

/// The widest line of a comment in the sample.
const WIDTH: usize = 96;

/// `config-sample.toml`: every setting, explained in place, commented out.
pub(crate) fn sample() -> String {
    let mut out = String::from(
        "# Bellwire, every setting. A setting that is commented out shows its default, or an\n\
         # example where there is none. Generated from the server's own description.\n\
         #\n\
         # Each setting outside of [[apps]] can also be given by a variable\n\
         # (BELLWIRE_SERVER_LISTEN) or a flag (--server-listen). A flag weighs more than a\n\
         # variable, a variable more than this file. `bellwire config check` looks at it all.\n",
    );
    for section in sections() {
        out.push('\n');
        comment(&mut out, &section.about);
        let header =
            if section.repeated { format!("#[[{}]]", section.name) } else { table(&section.name) };
        put(&mut out, format_args!("{header}\n"));
        let mut open = section.name.as_str();
        for setting in &section.settings {
            let (parent, name) = split(setting);
            if parent != open {
                // Apps themselves are commented out.
                let mark = if section.repeated { "#" } else { "" };
                let header =
                    if SEVERAL.contains(&parent) { format!("[[{parent}]]") } else { table(parent) };
                put(&mut out, format_args!("\n{mark}{header}\n"));
                open = parent;
            }
            put(&mut out, format_args!("\n"));
            comment(&mut out, &with_words(setting));
            put(&mut out, format_args!("#{}\n", assignment(section, setting, name)));
        }
    }
    out
}

/// `docs/configuration.md`: the settings as tables.
pub(crate) fn docs_page() -> String {
    let mut out = String::from(
        "# Configuration\n\n\
         <!-- Generated from the server's own description of its settings. -->\n\n\
         Settings come from a TOML file (`--config FILE`, or the variable `BELLWIRE_CONFIG`),\n\
         from variables of the environment, and from flags of `bellwire serve`. A flag weighs\n\
         more than a variable, a variable more than the file. The flag of `server.listen` is\n\
         `--server-listen`; `--listen` and `--data` are short for the two that are typed most.\n\n\
         A setting nobody knows is refused, in the file, as a flag, and as a variable that begins\n\
         with the name of a section. `bellwire config check` names everything that is wrong and\n\
         where it came from; `bellwire config sample` prints a file with every setting.\n\n\
         On SIGHUP the file is read again: apps, their keys, limits, times and policies change\n\
         for what begins afterwards, and no call is dropped. A change of `server`, `tls`,\n\
         `media`, `storage` or of a limit for the whole server waits for the next start, and\n\
         the log says so. A file that cannot be used changes nothing.\n",
    );
    for section in sections() {
        let brackets = if section.repeated {
            format!("[[{}]]", section.name)
        } else {
            format!("[{}]", section.name)
        };
        put(&mut out, format_args!("\n## `{brackets}`\n\n{}\n\n", section.about));
        let head = if section.repeated {
            "| setting | default | meaning |\n|---|---|---|\n"
        } else {
            "| setting | default | variable | meaning |\n|---|---|---|---|\n"
        };
        out.push_str(head);
        for setting in &section.settings {
            let name = setting.path.split_once('.').map_or(setting.path.as_str(), |(_, n)| n);
            let default = setting.default.as_ref().filter(|d| **d != serde_json::json!([]));
            let default = default.map_or("none".to_owned(), |d| format!("`{d}`"));
            put(&mut out, format_args!("| `{name}` | {default} | "));
            if !section.repeated {
                put(&mut out, format_args!("`{}` | ", setting.variable()));
            }
            put(&mut out, format_args!("{} |\n", with_words(setting).replace('|', "\\|")));
        }
    }
    out
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}

fn table(name: &str) -> String {
    format!("[{name}]")
}

fn split(setting: &Setting) -> (&str, &str) {
    setting.path.rsplit_once('.').unwrap_or(("", &setting.path))
}

/// The setting's meaning, and that of each word it may be.
fn with_words(setting: &Setting) -> String {
    let mut text = setting.about.clone();
    if let Kind::Choice(words) = &setting.kind {
        let mut before = " ";
        for (word, about) in words {
            let about = about.trim_end_matches('.');
            let (first, rest) = about.split_at(about.chars().next().map_or(0, char::len_utf8));
            put(&mut text, format_args!("{before}`{word}`: {}{rest}", first.to_lowercase()));
            before = "; ";
        }
        text.push('.');
    }
    text
}

fn assignment(section: &Section, setting: &Setting, name: &str) -> String {
    // Of a default the sample of an app would be no app: the example says more.
    let shown = if section.repeated {
        setting.example.as_ref().or(setting.default.as_ref())
    } else {
        setting.default.as_ref().or(setting.example.as_ref())
    };
    // JSON is TOML as well, on one line, except for its objects.
    let table = shown.filter(|v| v.is_object()).and_then(|v| toml::Value::try_from(v).ok());
    match (table, shown) {
        (Some(table), _) => format!("{name} = {table}"),
        (None, Some(value)) => format!("{name} = {value}"),
        (None, None) => format!("{name} = "),
    }
}

fn comment(out: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split(' ') {
        if line.len() + 1 + word.len() > WIDTH {
            put(out, format_args!("{line}\n"));
            line.truncate(1);
        }
        line.push(' ');
        line.push_str(word);
    }
    put(out, format_args!("{line}\n"));
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::config::{Sources, sources};

    /// Compares a file of the repository with what it should be; `UPDATE=1` writes it.
    fn fresh(file: &str, text: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, text).expect("written");
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == text, "{file} is not fresh; run the tests with UPDATE=1");
    }

    #[test]
    fn the_sample_file_is_fresh() {
        fresh("config-sample.toml", &sample());
    }

    #[test]
    fn the_page_of_the_docs_is_fresh() {
        fresh("docs/configuration.md", &docs_page());
    }

    #[test]
    fn the_sample_says_what_holds_without_it() {
        let read = |text: &str| {
            let dir = tempfile::tempdir().expect("a directory");
            let file = dir.path().join("config.toml");
            fs::write(&file, text).expect("written");
            let sources = Sources { file: Some(file), ..Sources::default() };
            sources.read_unchecked().expect("the sample reads")
        };
        let (server, _) = sample()
            .split_once("#[[apps]]")
            .map(|(a, b)| (a.to_owned(), b.len()))
            .expect("apps come last");
        read(&sample());
        let config = read(&server);
        let default = super::super::Config::default();
        assert_eq!((&config.server, &config.calls), (&default.server, &default.calls));

        let optional = [
            "#threads",
            "#ack_time_s",
            "#max_time_s",
            "#cert ",
            "#key ",
            "#email",
            "#directory_root",
        ];
        let uncommented: String = server
            .lines()
            .filter(|l| !optional.iter().any(|o| l.starts_with(o)))
            .map(|l| match l.strip_prefix('#') {
                Some(setting) if !setting.starts_with(' ') => format!("{setting}\n"),
                _ => format!("{l}\n"),
            })
            .collect();
        let config = read(&uncommented);
        assert_eq!(config.server, default.server);
        assert_eq!(config.limits, default.limits);
        assert_eq!(config.tls, default.tls);
        assert_eq!(config.storage, default.storage);
        assert_eq!(config.calls, default.calls);
    }

    #[test]
    fn the_sample_app_works_when_its_secrets_are_filled_in() {
        let sample = sample();
        let (_, app) = sample.split_once("#[[apps]]").expect("apps");
        let of_eddsa = ["#public_keys", "#private_key"];
        let app: String = app
            .lines()
            .filter(|l| !of_eddsa.iter().any(|o| l.starts_with(o)))
            .map(|l| match l.strip_prefix('#') {
                Some(setting) if !setting.starts_with(' ') => format!("{setting}\n"),
                _ => String::new(),
            })
            .collect();
        let refused = sources::tests::load(&format!("[[apps]]\n{app}"), &[]).expect_err("refused");
        assert_eq!(refused.problems.len(), 10, "what stands for the secrets is none: {refused}");
        let app = app.replace("`openssl rand -hex 32` is one", &"0123".repeat(8));
        let key = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let app = app.replace(" and what `openssl rand -base64 32` prints", key);
        let folder = tempfile::tempdir().expect("a directory");
        let app = app.replace("/etc/bellwire", folder.path().to_str().expect("UTF-8"));
        write_push_files(folder.path());
        // RFC 8291's, in its example.
        let vapid = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
        let app =
            app.replace("what `npx web-push generate-vapid-keys` prints as the private key", vapid);
        let (_, apps) = sources::tests::load(&format!("[[apps]]\n{app}"), &[]).expect("loads");
        assert_eq!(apps.all().len(), 1);
    }

    /// The files that the sample's push credentials are in.
    fn write_push_files(folder: &Path) {
        let put = |name: &str, text: &str| fs::write(folder.join(name), text).expect("written");
        let key = rcgen::KeyPair::generate().expect("a key");
        let root = rcgen::CertificateParams::new(Vec::new()).expect("no names");
        put("our-ca.pem", &root.self_signed(&key).expect("signed").pem());
        put("AuthKey_ABC123DEFG.p8", &key.serialize_pem());
        let rsa = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("a key");
        let account = serde_json::json!({
            "project_id": "shop", "private_key_id": "k", "private_key": rsa.serialize_pem(),
            "client_email": "push@shop.example", "token_uri": "https://oauth2.googleapis.com/token",
        });
        put("firebase.json", &account.to_string());
    }
}
