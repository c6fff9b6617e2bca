//! A package installs what `make install` installs, is loaded by a broker when
//! it starts, and goes away with all that it brought.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::instance::tempdir::TempDir;
use super::instance::{self, Host, skip};
use super::tools;

const DOC: &str = "usr/share/doc/flux-prometheus/";

/// What one copies; it is no documentation, which slim images leave out.
const SHARE: &str = "usr/share/flux-prometheus/";

#[test]
fn a_debian_package_comes_and_goes() {
    let test = "packages::a_debian_package_comes_and_goes";
    let Some(dpkg) = tools::find("dpkg-deb", test) else { return };
    let dir = TempDir::new();
    let package = make("deb", dir.path());
    let root = dir.path().join("root");
    std::fs::create_dir(&root).unwrap();
    if !is_root() {
        tools::skipped(test, "not root: unpacked, but not installed");
        tools::run(Command::new(dpkg).arg("-x").args([&package, &root]));
        has_what_make_installs(&root);
        loads(&root);
        return;
    }
    let admin = root.join("var/lib/dpkg");
    for folder in ["info", "updates"] {
        std::fs::create_dir_all(admin.join(folder)).unwrap();
    }
    std::fs::write(admin.join("status"), "").unwrap();
    let dpkg = |what: &str, name: &Path| {
        let mut command = Command::new("dpkg");
        command.arg(format!("--root={}", root.display()));
        // the C library that it depends on is outside
        command.args(["--force-depends", "--log=/dev/null", what]).arg(name);
        tools::run(&mut command);
    };
    dpkg("--install", &package);
    has_what_make_installs(&root);
    loads(&root);
    dpkg("--remove", Path::new("flux-prometheus"));
    assert_eq!(files(&root, &["var/lib/dpkg/"]), BTreeSet::new());
}

#[test]
fn an_rpm_package_comes_and_goes() {
    let test = "packages::an_rpm_package_comes_and_goes";
    if tools::find("rpmbuild", test).is_none() {
        return;
    }
    let dir = TempDir::new();
    let package = make("rpm", dir.path());
    let root = dir.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let rpm = |options: &[&str], name: &Path| {
        let mut command = Command::new("rpm");
        command.args(["--dbpath", "/rpmdb", "--root"]).arg(&root);
        // libraries are outside
        tools::run(command.args(options).arg(name));
    };
    if !is_root() {
        tools::skipped(test, "not root: listed, but not installed");
        let list = Command::new("rpm").arg("-qlp").arg(&package).output();
        let list = String::from_utf8(list.unwrap().stdout).unwrap();
        assert!(list.contains("/prometheus.so\n"), "{list}");
        return;
    }
    rpm(&["--nodeps", "--install"], &package);
    has_what_make_installs(&root);
    loads(&root);
    rpm(&["--erase"], Path::new("flux-prometheus"));
    assert_eq!(files(&root, &["rpmdb/"]), BTreeSet::new());
}

fn is_root() -> bool {
    tools::run(Command::new("id").arg("-u")).trim() == "0"
}

/// `make` here, for the Flux that is here, or where there is none for /usr.
fn make_command(target: &str) -> Command {
    let mut make = Command::new("make");
    make.current_dir(tools::file("."));
    make.args(["--silent", target]).env_remove("MAKEFLAGS");
    make.arg(format!("MODULE={}", instance::module().display()));
    let found = Command::new("pkg-config").arg("flux-core").status();
    if !found.is_ok_and(|status| status.success()) {
        make.arg("prefix=/usr");
    }
    make
}

/// Makes a package and returns its file.
fn make(kind: &str, dir: &Path) -> PathBuf {
    let mut command = make_command(kind);
    let said = command.arg(format!("PACKAGES={}", dir.display())).output();
    let output = said.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "make {kind}: {error}");
    let said = String::from_utf8(output.stdout).unwrap();
    let file = PathBuf::from(said.lines().last().unwrap());
    assert!(file.is_file(), "make {kind}: {said}");
    println!("{}", file.display());
    file
}

/// All files below a folder, but some.
fn files(root: &Path, without: &[&str]) -> BTreeSet<String> {
    let found = tools::run(
        Command::new("find")
            .arg(root)
            .args(["!", "-type", "d", "-printf"])
            .arg("%P\n"),
    );
    let is_wanted = |file: &&str| !without.iter().any(|w| file.starts_with(w));
    found.lines().filter(is_wanted).map(str::to_owned).collect()
}

fn has_what_make_installs(root: &Path) {
    let dir = TempDir::new();
    let mut install = make_command("install");
    tools::run(install.arg(format!("DESTDIR={}", dir.path().display())));
    let installed = files(dir.path(), &[]);
    assert!(installed.iter().any(|f| f.ends_with("man7/flux-prometheus.7")));
    let others = [DOC, SHARE, "var/lib/dpkg/", "rpmdb/"];
    assert_eq!(files(root, &others), installed);
    for file in [
        "dashboards/queues.json",
        "rules/alerts.yml",
        "examples/prometheus.yml",
        "examples/grafana/provisioning/dashboards/flux.yml",
    ] {
        assert!(root.join(SHARE).join(file).is_file(), "{file}");
    }
    assert!(root.join(DOC).join("copyright").is_file());
    let crates = std::fs::read_to_string(root.join(SHARE).join("CRATES"));
    let crates = crates.unwrap();
    for name in ["hyper v", "rustls v", "tokio v"] {
        let line = crates.lines().find(|line| line.starts_with(name));
        let cells: Vec<_> = line.expect(name).split('\t').collect();
        assert!(cells[1].contains("MIT"), "{cells:?}");
        assert!(cells[2].starts_with("https://"), "{cells:?}");
    }
    assert!(!crates.contains("flux-prometheus v"), "{crates}");
    links_lead_somewhere(&root.join(DOC));
    let mut uninstall = make_command("uninstall");
    tools::run(uninstall.arg(format!("DESTDIR={}", dir.path().display())));
    assert_eq!(files(dir.path(), &[]), BTreeSet::new());
}

/// Those of the pages that the package has.
fn links_lead_somewhere(doc: &Path) {
    let all = files(doc, &[]);
    let pages = all.iter().filter(|file| file.ends_with(".md"));
    let mut checked = 0;
    for page in pages {
        let text = std::fs::read_to_string(doc.join(page)).unwrap();
        for rest in text.split("](").skip(1) {
            let link = rest.split([')', '#']).next().unwrap();
            if !link.starts_with("http") && !link.is_empty() {
                let path = doc.join(page).parent().unwrap().join(link);
                assert!(path.exists(), "{page}: {link}");
                checked += 1;
            }
        }
    }
    assert!(checked > 80, "{checked} links");
}

/// The folder, so many levels up, of the file that has this ending.
fn above(root: &Path, ending: &str, levels: usize) -> String {
    let all = files(root, &[DOC, SHARE]);
    let file = all.iter().find(|file| file.ends_with(ending)).expect(ending);
    let path = root.join(file);
    path.ancestors().nth(levels).unwrap().to_str().unwrap().to_owned()
}

/// An instance that looks into this root has the module from its start to its
/// end; the stand-in, which loads nothing by itself, loads the file.
fn loads(root: &Path) {
    let module = above(root, "/prometheus.so", 0);
    if skip("packages::loads") {
        let instance = Host::Standin.start(&[]);
        let args = ["module", "load", &module, "listen=127.0.0.1:0"];
        instance.flux(&args);
        assert!(instance.scrape().has("flux_jobs"));
        instance.flux(&["module", "remove", "prometheus"]);
        return;
    }
    let modules = above(root, "/prometheus.so", 1);
    let modprobe = [
        above(root, "modprobe.d/prometheus.toml", 2),
        above(root, "rc1.d/prometheus.py", 2),
    ]
    .join(":");
    let rc = above(root, "rc1.d/50-prometheus", 2);
    let instance = Host::Flux.start_with(
        &["--test-size=1"],
        "[modules]\nprometheus.args = [\"listen=127.0.0.1:0\"]\n",
        &[
            ("FLUX_MODULE_PATH_PREPEND", &modules),
            ("FLUX_MODPROBE_PATH_APPEND", &modprobe),
            ("FLUX_RC_EXTRA", &rc),
        ],
    );
    assert!(instance.scrape().has("flux_jobs"), "{}", instance.log());
    let (code, log) = instance.end();
    assert_eq!(code, Some(0), "{log}");
}
