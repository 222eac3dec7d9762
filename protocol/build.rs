//! Compiles `proto/*.proto` with protox, so that no system tool is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = ["proto/records.proto", "proto/signals.proto", "proto/messages.proto"];
    for file in files {
        println!("cargo:rerun-if-changed={file}");
    }
    let descriptors = protox::compile(files, ["proto"])?;
    prost_build::Config::new().bytes(["."]).compile_fds(descriptors)?;
    Ok(())
}
