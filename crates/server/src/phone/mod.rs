//! `bellwire phone`: a phone for a terminal.
//!
//! It calls and is called through a real server, over the same SDK an app uses, and prints one
//! line for each thing that happens. There is no sound and no picture: what it publishes of
//! microphone and camera is told to the others and nothing more.

mod calls;
mod display;
mod input;
mod wish;

use std::{
    future::Future,
    io::{BufRead, IsTerminal, Write},
    pin::Pin,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bellwire_client::{Client, Connection, Event, Events};
use bellwire_core::CallId;
use tokio::sync::mpsc;

use calls::{Calls, Part};
use input::Input;
use wish::Done;

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// `bellwire phone`.
#[derive(Debug, clap::Args)]
pub(crate) struct PhoneArgs {
    /// Who you are, where the app lets everybody log in by name (the development app does).
    user: Option<String>,
    /// A token to log in with instead; `bellwire token USER` prints one. [env: `BELLWIRE_TOKEN`]
    #[arg(long, conflicts_with = "user")]
    token: Option<String>,
    /// The server.
    #[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:2355")]
    server: String,
    /// The app to log in to by name.
    #[arg(long, value_name = "KEY", default_value = "dev")]
    app: String,
    /// The name of this device; the same name is the same device. Random where not given.
    #[arg(long, value_name = "ID")]
    device: Option<String>,
}

/// Runs the phone until `quit`, Ctrl-C, or the server sends it away. When its input is a pipe
/// that ends, it stays until its calls are over.
pub(crate) async fn run(args: PhoneArgs) -> anyhow::Result<ExitCode> {
    let device = match args.device {
        Some(device) => device,
        None => format!("phone-{:04x}", rand::random::<u16>()),
    };
    let builder = Client::to(args.server).device(device).device_name("terminal");
    // Beside the flag, since everybody on the machine can read a command line.
    let token = args.token.or_else(|| std::env::var("BELLWIRE_TOKEN").ok());
    let builder = match (args.user, token) {
        (Some(user), _) => builder.login(args.app, user),
        (None, Some(token)) => builder.token(token),
        (None, None) => anyhow::bail!("who are you? bellwire phone USER, or --token TOKEN"),
    };
    let (client, events) = builder.connect().await?;
    let mut phone = Phone { client, calls: Calls::default(), open: true };
    Ok(phone.run(events).await)
}

type Wish = Pin<Box<dyn Future<Output = Done> + Send>>;

struct Phone {
    client: Client,
    calls: Calls,
    /// Whether anybody still reads what is printed.
    open: bool,
}

impl Phone {
    async fn run(&mut self, mut events: Events) -> ExitCode {
        let mut lines = typed();
        let mut typing = true;
        let mut wish: Option<Wish> = None;
        while self.open && (typing || wish.is_some() || self.calls.is_busy()) {
            // In this order: what a wish brought is known before the events it caused, and a line
            // is read when the one before is done.
            tokio::select! {
                biased;
                done = doing(&mut wish) => {
                    wish = None;
                    self.done(done);
                }
                event = events.next() => match event {
                    Some(Event::Connection(Connection::Closed(closed))) => {
                        self.say(&closed.to_string());
                        return ExitCode::FAILURE;
                    }
                    Some(event) => self.told(&event),
                    None => return ExitCode::FAILURE,
                },
                _ = tokio::signal::ctrl_c() => break,
                line = lines.recv(), if typing && wish.is_none() => match line {
                    Some(line) => match input::parse(&line) {
                        Ok(Input::Quit) => break,
                        Ok(input) => wish = self.wish(input),
                        Err(wrong) => self.say(&wrong),
                    },
                    None => typing = false,
                },
            }
        }
        // A server that does not answer must not hold a person back.
        let _ = tokio::time::timeout(FAREWELL, self.client.logout()).await;
        ExitCode::SUCCESS
    }

    /// Begins what a line asks for; none when it is done already.
    fn wish(&mut self, input: Input) -> Option<Wish> {
        if input == Input::Help {
            self.print(input::HELP);
            return None;
        }
        match wish::begin(&self.client, &mut self.calls, input) {
            Ok(wish) => wish,
            Err(wrong) => {
                self.say(wrong);
                None
            }
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Quietly => {}
            Done::Said(lines) => lines.iter().for_each(|line| self.say(line)),
            Done::Entered(call, info) => {
                self.learn(&call, &info);
                let short = display::short(&info);
                let part = self.calls.newest(|part| *part == Part::Calls);
                if part.is_some_and(|known| known.call.id() == call.id()) {
                    self.say(&format!("calling; this is call {short}"));
                }
            }
            Done::Moved(known) => {
                self.calls.put(&known.call, Part::Talks, known.media);
                self.publish(known.call.id());
                self.say("the call is here now");
            }
            Done::Failed(call, error) => {
                let over = error.refused().is_some_and(|refused| {
                    refused.code == bellwire_client::protocol::ErrorCode::NotInCall
                });
                if let (true, Some(call)) = (over, call) {
                    self.calls.forget(call);
                }
                self.say(&display::error(&error));
            }
        }
    }

    fn learn(&mut self, call: &bellwire_client::Call, info: &bellwire_client::protocol::CallInfo) {
        let (me, device) = (self.client.user().clone(), self.client.device().clone());
        if info.ended.is_some() {
            return;
        }
        self.calls.learn(call, info, &me, &device);
        self.publish(call.id());
    }

    fn publish(&mut self, call: CallId) {
        if let Some(known) = self.calls.begin_publishing(call) {
            wish::publish(known);
        }
    }

    fn told(&mut self, event: &Event) {
        let me = self.client.user().clone();
        match event {
            Event::Connection(connection) => {
                self.say(&display::connection(connection));
                if matches!(connection, Connection::Resumed { .. }) {
                    self.calls.talking().for_each(wish::publish);
                }
            }
            Event::Incoming(incoming) => {
                self.calls.put(incoming.call(), Part::Rings, incoming.info.media);
                if std::io::stdout().is_terminal() {
                    self.print("\x07");
                }
                self.say(&display::incoming(incoming, &me));
            }
            Event::Found(call, info) => {
                self.learn(call, info);
                self.say(&display::found(info, &me));
            }
            Event::Call(call, event) => {
                self.calls.apply(call, event);
                self.publish(call.id());
                if let Some(line) = display::event(event, &me) {
                    self.say(&line);
                }
            }
            Event::State(state) => {
                if let Some(line) = display::state(&self.calls.news(state)) {
                    self.say(&line);
                }
            }
            Event::CallMessage(message) => {
                self.say(&format!("{}: {}", message.from, text(&message.body)));
            }
            Event::Message(message) => {
                self.say(&format!("message from {}: {}", message.from, text(&message.body)));
            }
            Event::Presence(event) => {
                for (user, presence) in &event.users {
                    self.say(&display::presence(user, presence));
                }
            }
            Event::Record(event) => {
                self.say(&format!("recorded: {}", display::record(&event.record, &me)));
            }
            Event::TokenExpiring(_) => {
                self.say("your token runs out soon; start again with a new one");
            }
            // Quality comes every few seconds and says nothing without media.
            _ => {}
        }
    }

    /// Prints a line with the time (UTC).
    fn say(&mut self, line: &str) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let s = since.as_secs() % 86_400;
        self.print(&format!("{:02}:{:02}:{:02}  {line}\n", s / 3_600, s / 60 % 60, s % 60));
    }

    fn print(&mut self, text: &str) {
        let mut out = std::io::stdout().lock();
        let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        self.open &= printed.is_ok();
    }
}

/// Text as it is, anything else as JSON.
fn text(body: &bellwire_client::protocol::Body) -> String {
    body.text().unwrap_or_else(|| body.json().to_owned())
}

async fn doing(wish: &mut Option<Wish>) -> Done {
    match wish {
        Some(wish) => wish.await,
        None => std::future::pending().await,
    }
}

/// Lines as they are typed. They are read by a thread of its own, which the end of the process
/// does not wait for; tokio's standard input would hold it until one more line is typed.
fn typed() -> mpsc::Receiver<String> {
    let (to, lines) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut line = Vec::new();
        while input.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).into_owned();
            if to.blocking_send(text).is_err() {
                return;
            }
            line.clear();
        }
    });
    lines
}
