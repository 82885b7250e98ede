# shellcheck shell=bash
# Set-up shared by packaging/run and packaging/test: system packages, then a virtual environment from the lock files.
# Sourced, not run. `set_up run` makes the checkout ready to start, `set_up test` ready to test; both are quick when
# nothing has changed since the last time. Afterwards $venv/bin/python is the interpreter.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="$root/.venv"

say() { printf '%s\n' "$*" >&2; }

# List the packages of the given kinds (python, run, test) that system_packages.txt names.
listed() {
    local kinds=" $* " kind package _
    while read -r kind package _; do
        if [[ -n $kind && $kinds == *" $kind "* ]]; then echo "$package"; fi
    done < <(sed 's/#.*//' "$root/packaging/system_packages.txt")
}

# List those of the given packages that this Debian does not have.
absent() {
    local package
    for package in "$@"; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
    done
}

# Print the interpreter to use: a Python 3.11 that can make virtual environments.
find_python() {
    local candidate
    for candidate in python3.11 python3; do
        if "$candidate" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# Install the given Debian packages where that is allowed; else say how, and fail.
install_packages() {
    local -a as_root=()
    if ((EUID != 0)); then as_root=(sudo -n); fi
    if ((EUID == 0)) || sudo -n true 2>/dev/null; then
        say "Installing system packages: $*"
        "${as_root[@]}" apt-get -qq update >/dev/null
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
            install --yes --no-install-recommends "$@" >/dev/null
    else
        say "These system packages are missing, and only root may install them: $*"
        say "Please run:  sudo apt-get update && sudo apt-get install --no-install-recommends $*"
        return 1
    fi
}

# Make sure of the system packages of the given kinds and of Python 3.11.
system_ready() {
    local -a wanted missing
    # Names of packages hold no blanks, and the bash of macOS knows no mapfile.
    # shellcheck disable=SC2207
    wanted=($(listed "$@"))
    if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
        # shellcheck disable=SC2207
        find_python >/dev/null || wanted+=($(listed python))
        # shellcheck disable=SC2207
        missing=($(absent "${wanted[@]}"))
        if ((${#missing[@]})); then install_packages "${missing[@]}"; fi
    elif [[ $(uname -s) == Linux ]]; then
        say "This system has no apt-get, so what these Debian packages hold is not checked: ${wanted[*]}"
    fi
    if ! find_python >/dev/null; then
        say "Python 3.11 with its venv module is needed; found: $(python3 --version 2>&1)."
        return 1
    fi
}

# Make or refresh the virtual environment from the given lock files, and put the project itself into it.
environment_ready() {
    local lock found
    local -a locks=()
    for lock in "$@"; do locks+=(--requirement "$root/packaging/$lock"); done
    if ! [[ $("$venv/bin/python" -c 'import sys; print(sys.version_info[:2])' 2>/dev/null) == "(3, 11)" ]]; then
        "$(find_python)" -m venv --clear "$venv"
    fi
    say "Installing Python packages into ${venv#"$PWD"/}"
    # The lists are complete, so pip is not to look for what they need: it would meet versions that came out since.
    "$venv/bin/python" -m pip -qq --disable-pip-version-check install \
        --no-deps --require-hashes --only-binary=:all: "${locks[@]}" >&2
    if ! found=$("$venv/bin/python" -m pip --disable-pip-version-check check); then
        say "$found"
        return 1
    fi
    "$venv/bin/python" -m pip -qq --disable-pip-version-check install \
        --no-deps --no-build-isolation --no-index --editable "$root" >&2
}

# Do all of the above for `run` or for `test`, unless the last set-up had the same lists and the same place.
set_up() {
    local kind="$1" stamp="$venv/set-up-for-$1" state
    local -a kinds=(run) locks=(requirements.lock)
    if [[ $kind == test ]]; then kinds+=(test) locks+=(requirements-test.lock); fi
    state="$root $(cd "$root" && cat pyproject.toml packaging/*.lock packaging/system_packages.txt | cksum)"
    if [[ -x $venv/bin/python && -f $stamp && $(<"$stamp") == "$state" ]]; then return; fi
    system_ready "${kinds[@]}"
    environment_ready "${locks[@]}"
    echo "$state" >"$stamp"
}
