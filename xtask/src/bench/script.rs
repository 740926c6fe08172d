//! What scripts in guests have in common.

/// `watch OUTPUT OPTIONS...` starts denyd and waits until it watches; `unwatch` ends it.
pub(super) const WATCH: &str = r#"
cd /run
watch() {
    output=$1; shift
    rm -f said; mkfifo said
    denyd run --no-pin "$@" >"$output" 2>said & watcher=$!
    exec 3<said; while read -r line <&3; do case $line in *watching*) break;; esac; done
}
unwatch() {
    kill -TERM $watcher; wait $watcher
    cat <&3; exec 3<&-
}
"#;
