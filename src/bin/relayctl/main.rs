//! `relayctl`: the tool beside the relay. One file a verb.

use clap::Parser;

#[derive(Parser)]
#[command(name = "relayctl", version, about)]
struct Arguments {}

fn main() {
    Arguments::parse();
}
