//! Compiles the C parts, and lets modules find `flux_*` in the program, as
//! they find it in a broker.

fn main() {
    let source = "src/abi/parts.c";
    println!("cargo::rerun-if-changed={source}");
    cc::Build::new()
        .file(source)
        .warnings(true)
        // nothing in Rust asks for what only modules call
        .link_lib_modifier("+whole-archive")
        .compile("standin_c");
    println!("cargo::rustc-link-arg-bins=-Wl,--export-dynamic-symbol=flux_*");
}
