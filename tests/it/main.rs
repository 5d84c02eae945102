//! The whole, as its users meet it: real binaries, real processes, and the rules of the house.
#![forbid(unsafe_code)]

mod access;
mod advise;
mod book;
mod browser;
mod cli;
mod deaths;
mod docs;
mod ends;
mod files;
mod house;
mod imports;
mod instants;
mod labs;
mod limits;
mod machine;
mod made;
mod open_loop;
mod page;
mod plot;
mod pool;
mod quiz;
mod record;
mod tools;
mod trace;
mod wakeup;
