#![doc = "x"]
pub mod code;
pub mod key;
pub mod lv;
pub mod random;
pub mod transcript;
pub mod wire;
