# Sourced by tests/template/run, tests/e2e/run, tests/aws/run and others: makes the virtual environments that they need, once.
# They are kept in target/tools, or in FAILURE_RELAY_TOOLS, so that several clones can share them.

root=$(git -C "$(dirname "${BASH_SOURCE[0]}")" rev-parse --show-toplevel)
tools=${FAILURE_RELAY_TOOLS:-$root/target/tools}

# venv <name> <python> <requirements file>: a virtual environment with exactly what the file pins, each file by its hash.
venv() {
  local name=$1 python=$2 requirements=$3 stamp
  stamp=$(cat "$requirements" <("$python" --version) | sha256sum)
  if [ "$(cat "$tools/$name/.stamp" 2>/dev/null)" != "$stamp" ]; then
    echo "installing $(basename "$requirements") into $tools/$name" >&2
    rm -rf "${tools:?}/$name"
    # The file is complete: pip resolves nothing, and checks afterwards. Joined, for this may be called where `set -e` does not hold.
    "$python" -m venv "$tools/$name" &&
      "$tools/$name/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement "$requirements" &&
      "$tools/$name/bin/pip" check --disable-pip-version-check >&2 &&
      echo "$stamp" >"$tools/$name/.stamp"
  fi
}

# python_at_least <minor>: the first python3 that is new enough, or nothing.
python_at_least() {
  local candidate
  for candidate in python3 python3.13 python3.12 python3.11 python3.10; do
    if "$candidate" -c "import sys; sys.exit(sys.version_info < (3, $1))" 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}
