# Sourced by the scripts beside it: what is the same for every step, so that two builds are the same to the byte.

source "$(dirname "${BASH_SOURCE[0]}")/../tests/template/venv.sh"
cd "$root"
version=$(release/version)
FAILURE_RELAY_COMMIT=$(git rev-parse HEAD)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export FAILURE_RELAY_COMMIT SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never PIP_DISABLE_PIP_VERSION_CHECK=1
umask 022

# with_compilers COMMAND…: with cargo-lambda, cargo-zigbuild and the one zig that both link with.
with_compilers() {
  local python
  python=$(python_at_least 10) || { echo 'release/ needs Python 3.10 or newer on PATH.' >&2; return 2; }
  venv release "$python" release/requirements.txt && PATH="$tools/release/bin:$PATH" "$@"
}
