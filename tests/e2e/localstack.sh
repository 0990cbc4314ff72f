# Sourced after tests/template/venv.sh by what starts LocalStack: makes its virtual environment, which needs a Python of its own.

python_3_13() {
  local candidate
  for candidate in python3.13 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python3 python3; do
    if [ "$("$candidate" -c 'import sys; print(*sys.version_info[:2])' 2>/dev/null)" = "3 13" ]; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

localstack_venv() {
  local python313
  python313=$(python_3_13) || {
    echo "LocalStack needs Python 3.13: put python3.13 on PATH, or 'pyenv install 3.13'." >&2
    exit 2
  }
  venv localstack "$python313" tests/e2e/requirements-localstack.txt
}
