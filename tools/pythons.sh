# Sourced by test-pythons and test-lowest, from the project's folder: which Pythons there are.

# The versions that the project supports, oldest first: its classifiers.
supported() {
    sed -n 's/.*"Programming Language :: Python :: \(3\.[0-9]*\)".*/\1/p' pyproject.toml
}

# find_python 3.12: the path of that interpreter, from PATH, or from pyenv's versions that are not
# on it (the newest).
find_python() {
    local found
    for found in "$(command -v "python$1")" $(ls -dv "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python3 2> /dev/null | tac); do
        if [[ -n $found && "$("$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2> /dev/null)" == "$1" ]]; then
            echo "$found"
            return
        fi
    done
    return 1
}
