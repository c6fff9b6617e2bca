# What packages of both kinds are made of; sourced.

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
summary='Broker module that serves the state of a Flux instance to Prometheus'
homepage=https://flux-framework.org

# stage DIR COMMAND...: the command installs below $DESTDIR; and what goes with it
stage() {
    DESTDIR=$1
    export DESTDIR
    shift
    "$@" >/dev/null
    doc=$DESTDIR/usr/share/doc/flux-prometheus
    install -d "$doc/dashboards" "$doc/rules"
    install -m 644 README.md SECURITY.md CHANGELOG.md "$doc/"
    install -m 644 LICENSE "$doc/copyright"
    install -m 644 dashboards/*.json "$doc/dashboards/"
    install -m 644 rules/recording.yml rules/alerts.yml "$doc/rules/"
    cp -r docs examples "$doc/"
    find "$DESTDIR" -type d -exec chmod 755 {} +
}
