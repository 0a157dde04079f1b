//! Writes the folder of libtorch into the binaries of this package, so that they start without LD_LIBRARY_PATH. `torch-sys`
//! hands the folder on; only a package that depends on it directly, and only its own targets, can use it.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    if let Ok(folder) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        // the link in the checkout may be moved; what it points to stays
        let folder = Path::new(&folder).canonicalize().unwrap_or_else(|_| folder.clone().into());
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", folder.display());
        println!("cargo:rustc-env=LANGEVIN_LIBTORCH_LIB={}", folder.display());
    }
}
