//! Modules and plugins that publish, from within the broker.

use super::*;

#[test]
fn a_module_in_python_publishes() {
    if skip("a_module_in_python_publishes") {
        return;
    }
    let instance = Instance::start(&["--test-size=2"]);
    let known = ["python", "-c", "import flux.brokermod"];
    if !instance.try_flux(&known).status.success() {
        let why = "this Flux has no modules in Python";
        instance::skipped("a_module_in_python_publishes", why);
        return;
    }
    load(&instance, &[]);
    let folder = instance::tempdir::TempDir::new();
    let file = folder.path().join("site.py");
    std::fs::write(&file, example("py")).unwrap();
    let all = ["exec", "-r", "all", "flux", "module"];
    let load = [&all[..], &["load", file.to_str().unwrap()]].concat();
    instance.flux(&load);
    wait_for("both ranks", || {
        let page = instance.scrape();
        let free = |rank| {
            let labels = [("rank", rank)];
            page.sum("flux_custom_tmp_free_bytes", &labels)
        };
        (free("0") > 0.0 && free("1") > 0.0).then_some(())
    });
    instance.flux(&["module", "remove", "prometheus"]);
    // it goes on, and may be unloaded
    instance.flux(&[&all[..], &["remove", "site"]].concat());
}

/// What the job manager runs, with the page's lines in it.
const PLUGIN: &str = r#"
#include <flux/core.h>
#include <flux/jobtap.h>
static int seen (flux_plugin_t *p, const char *topic,
                 flux_plugin_arg_t *args, void *data)
{
    flux_t *h = flux_jobtap_get_flux (p);
@EXAMPLE@
    return 0;
}
int flux_plugin_init (flux_plugin_t *p)
{
    return flux_plugin_add_handler (p, "job.state.run", seen, NULL);
}
"#;

#[test]
fn a_jobtap_plugin_publishes_without_waiting() {
    if skip("a_jobtap_plugin_publishes_without_waiting") {
        return;
    }
    let folder = instance::tempdir::TempDir::new();
    let Some(plugin) = compile(folder.path()) else {
        let why = "no compiler or no headers of flux-core";
        instance::skipped("a_jobtap_plugin_publishes_without_waiting", why);
        return;
    };
    let instance = Instance::start(&["--test-size=2"]);
    load(&instance, &[]);
    instance.flux(&["jobtap", "load", &plugin]);
    for _ in 0..3 {
        instance.flux(&["run", "true"]);
    }
    wait_for("the plugin's counter", || {
        let page = instance.scrape();
        let seen = page.sum("flux_custom_site_jobs_seen_total", &[]);
        (seen == 3.0).then_some(())
    });
    instance.flux(&["module", "remove", "prometheus"]);
    // and it harms nobody when the module is not there
    instance.flux(&["run", "true"]);
}

fn compile(folder: &Path) -> Option<String> {
    let cflags = Command::new("pkg-config")
        .args(["--cflags", "flux-core"])
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let source = folder.join("plugin.c");
    let code = PLUGIN.replace("@EXAMPLE@", example("c"));
    std::fs::write(&source, code).unwrap();
    let plugin = folder.join("plugin.so").to_str().unwrap().to_owned();
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-Wall", "-Werror", "-o", &plugin])
        .arg(source)
        .args(String::from_utf8(cflags.stdout).unwrap().split_whitespace())
        .stdin(Stdio::null())
        .status()
        .ok()?;
    assert!(compiled.success(), "the page's example does not compile");
    Some(plugin)
}
