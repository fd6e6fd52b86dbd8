//! Calls bob on a development server (`bellwire serve --dev`) and prints what happens.

use bellwire_client::{Client, Error, Event};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let alice = Client::to("ws://127.0.0.1:2355").login("dev", "alice");
    let (client, mut events) = alice.connect().await?;
    client.call("bob").video().content("hi").start().await?;
    while let Some(event) = events.next().await {
        println!("{event:?}");
        if matches!(&event, Event::Call(_, event) if event.change.is_terminal()) {
            break;
        }
    }
    Ok(())
}
