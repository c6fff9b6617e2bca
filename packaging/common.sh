# What packages of both kinds are made of; sourced.

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
summary='Broker module that serves the state of a Flux instance to Prometheus'
homepage=https://flux-framework.org

# where things are that one copies, which are no documentation: images of
# containers leave out what is below /usr/share/doc
share=/usr/share/flux-prometheus
doc=/usr/share/doc/flux-prometheus

# fill DIR COMMAND...: the command installs below $DESTDIR; and what goes with it
fill() {
    DESTDIR=$1
    export DESTDIR
    shift
    "$@" >/dev/null
    install -d "$DESTDIR$share/dashboards" "$DESTDIR$share/rules"
    install -m 644 dashboards/*.json "$DESTDIR$share/dashboards/"
    install -m 644 rules/recording.yml rules/alerts.yml "$DESTDIR$share/rules/"
    cp -r examples "$DESTDIR$share/"
    crates >"$DESTDIR$share/CRATES"
    install -d "$DESTDIR$doc"
    install -m 644 README.md SECURITY.md CHANGELOG.md LICENSE "$DESTDIR$doc/"
    ln -s LICENSE "$DESTDIR$doc/copyright"
    cp -r docs "$DESTDIR$doc/"
    # what the pages have links to
    for each in dashboards rules examples; do
        ln -s "../../flux-prometheus/$each" "$DESTDIR$doc/$each"
    done
    ln -s ../doc/flux-prometheus/docs "$DESTDIR$share/docs"
    for each in fuzz/README.md tests/standin/README.md tests/mutants/rules; do
        install -D -m 644 "$each" "$DESTDIR$doc/$each"
    done
    find "$DESTDIR" -type d -exec chmod 755 {} +
}

# What the module is linked with: name and version, licence, where it is from.
crates() {
    echo "prometheus.so contains these crates, under these licences:"
    echo
    cargo tree --quiet --locked --package flux-prometheus \
        --edges normal,no-proc-macro --no-dedupe --prefix none \
        --format '{p}|{l}|{r}' |
        grep -v '^flux-prometheus ' | sort -u | tr '|' '\t'
}
