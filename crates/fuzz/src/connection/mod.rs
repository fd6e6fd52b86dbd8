//! Target `connection`: whole connections to a real node, one of them honest.

mod device;
mod script;

use std::time::Duration;

use bellwire::{Node, Recovered, Tenants};
use bellwire_core::AppKey;

use crate::house;
use device::Device;
use script::{Act, Line, SECRET, token};

/// How many hostile devices there are: two of mallory and one of bob.
const HOSTILE: [(&str, &str); 3] = [("mallory", "m1"), ("mallory", "m2"), ("bob", "b1")];
/// Pings come every 5 s at most and two may be missed, so honest devices look twice as often.
const LOOK: Duration = Duration::from_millis(2_500);
/// Long enough for everything that does not wait for a deadline.
const MOMENT: Duration = Duration::from_millis(1);

/// Each line is an act of a hostile device, in the letters of `script.rs`.
///
/// The node survives. Each request of a connection that lives is answered once, every frame that
/// is sent can be read, events of a call come once and in order. The honest device of the same app
/// keeps its connection and gets its answers; the one of another app hears nothing at all.
pub fn connection(data: &[u8]) {
    house::on_virtual_time(play(Line::read(data)));
}

async fn play(lines: Vec<Line<'_>>) {
    let node = house::open(tenants(), Recovered::default()).await;
    let mut honest = Device::connect(&node, "zoe", "z1");
    let mut far = Device::connect(&node, "yves", "y1");
    for (device, app) in [(&mut honest, "shop"), (&mut far, "bank")] {
        device.hello(&token(app, device.user()), "");
    }
    let mut hostile = HOSTILE.map(|(user, name)| Device::connect(&node, user, name));
    settle(&mut hostile, &mut honest, &mut far).await;
    for line in lines {
        let device = &mut hostile[line.by];
        match line.act {
            Act::Hello(more) => {
                let more = more.replace("$Z", honest.session());
                device.hello(&token("shop", device.user()), &more);
            }
            Act::Text(text) => device.text(&text.replace("$Z", honest.session())),
            Act::Bytes(bytes) => device.bytes(bytes),
            Act::Drop => device.hang_up(),
            Act::Reconnect => device.reconnect(&node),
            Act::Wait(time) => {
                let mut left = time;
                while !left.is_zero() {
                    let step = left.min(LOOK);
                    tokio::time::sleep(step).await;
                    left -= step;
                    settle(&mut hostile, &mut honest, &mut far).await;
                }
            }
        }
        settle(&mut hostile, &mut honest, &mut far).await;
    }
    for device in &hostile {
        device.check_answers();
    }
    for device in [&mut honest, &mut far] {
        device.text(r#"{"id":$I,"do":"ping"}"#);
    }
    settle(&mut hostile, &mut honest, &mut far).await;
    for device in [&honest, &far] {
        assert!(device.is_open(), "an honest device lost its connection: {}", device.user());
        device.check_answers();
    }
    assert_eq!(far.events(), 0, "something crossed from one app into another");
    check_claims(&node);
}

/// Lets everything happen that needs no time, and reads what came of it.
async fn settle(hostile: &mut [Device; 3], honest: &mut Device, far: &mut Device) {
    // Twice: the first time may bring pings, and what their pongs lead to is read too.
    for _ in 0..2 {
        tokio::time::sleep(MOMENT).await;
        for device in hostile.iter_mut().chain([&mut *honest, &mut *far]) {
            device.read().await;
        }
    }
}

/// I1: whoever is claimed is in the live call that claims them.
fn check_claims(node: &Node) {
    let live = node.live_calls();
    let app = AppKey::parse("shop").expect("a name");
    for (user, id) in node.claims(&app) {
        let call = live.iter().find(|call| call.id == id);
        let call = call.expect("I1: claimed by a call that does not live");
        assert!(
            call.ended.is_none() && call.participant(&user).is_some(),
            "I1: {user} in {call:?}"
        );
    }
}

fn tenants() -> Tenants {
    let text = format!(
        "[[apps]]\nkey = \"shop\"\nsecrets = [\"{SECRET}\"]\n\
         [[apps]]\nkey = \"bank\"\nsecrets = [\"{SECRET}\"]\n"
    );
    Tenants::from_toml(&text).expect("the apps of this target are well formed")
}
