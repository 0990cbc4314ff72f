# Sourced by .ci/local-lambda and .ci/arm64: programs that run beside the script, and end with it.

groups=()
stop() {
  # Whole process groups: cargo starts children of its own.
  for group in "${groups[@]}"; do kill -- -"$group" 2>/dev/null || true; done
}
trap stop EXIT
set -m # each program is a group of its own

# beside <file for its output> <file for its errors> <command…>
beside() {
  local output=$1 errors=$2
  shift 2
  "$@" >"$output" 2>"$errors" </dev/null &
  groups+=($!)
}

# wait_for <file> <text> <seconds>: until the text is in the file.
wait_for() {
  local file=$1 text=$2 seconds=$3
  for _ in $(seq "$seconds"); do
    grep -q -- "$text" "$file" 2>/dev/null && return 0
    sleep 1
  done
  echo "nothing like '$text' in $file after $seconds s:"
  tail -n 20 "$file"
  return 1
}
