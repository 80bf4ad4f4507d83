# Shared by the scripts beside it: a virtual environment of the checkout's own, made once and kept up to date.

# --help of any script is the comment at its beginning; nothing is set up for it.
case "${1:-}" in
    -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "scripts/${0##*/}"; exit 0 ;;
esac

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }

# patiently WHAT COMMAND...: run it, and say every ten seconds that it still runs.
patiently() {
    local what=$1 start=$SECONDS status=0 ticking
    shift
    say "$what"
    while sleep 10; do say "$what, $((SECONDS - start)) s"; done &
    ticking=$!
    "$@" || status=$?
    kill "$ticking" 2>/dev/null
    wait "$ticking" 2>/dev/null || true
    return "$status"
}

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
        [ -n "$candidate" ] || continue
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$candidate"; return; }
    done
    die "needs Python 3.11 or newer, and found none; on Debian: apt-get install python3 python3-venv"
}

# setup EXTRA: make .venv hold this checkout with its EXTRA dependencies; does nothing when it already does.
setup() {
    local extra=$1 venv=.venv stamp
    stamp="$extra $(cksum < pyproject.toml)"
    if [ "$(cat "$venv/.ready-$extra" 2>/dev/null)" = "$stamp" ]; then return; fi
    if [ ! -x "$venv/bin/python" ]; then
        local python
        python=$(find_python) || exit 1
        say "making a virtual environment in $venv ($("$python" --version))"
        "$python" -m venv "$venv" || die "no virtual environment could be made; on Debian: apt-get install python3-venv"
    fi
    patiently "installing cellwarden[$extra] into $venv (a minute or two the first time)" \
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile --editable ".[$extra]" \
        || die "pip could not install the dependencies (see above); check the network and run this again"
    echo "$stamp" > "$venv/.ready-$extra"
}

# system_packages COMMAND=PACKAGE...: install what is missing, where that is allowed; say so where it is not.
system_packages() {
    local pair missing=() sudo=()
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null; then
        say "not installed, and there is no apt-get here: ${missing[*]} (the tests that need them will skip)"
        return 0
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            say "not installed, and may not install: ${missing[*]} (the tests that need them will skip)"
            return 0
        fi
        sudo=(sudo -n)
    fi
    say "installing with apt-get: ${missing[*]}"
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive sh -c \
        "apt-get update -qq && apt-get install -y -qq --no-install-recommends ${missing[*]}" >/dev/null \
        || say "apt-get could not install ${missing[*]} (the tests that need them will skip)"
}

# with_uv: uv in .venv; it resolves and installs for machines other than this one, as pip cannot.
with_uv() {
    setup dev
    [ -x .venv/bin/uv ] || .venv/bin/python -m pip install --quiet --disable-pip-version-check uv \
        || die "pip could not install uv (see above)"
}
