#!/usr/bin/env bash
# Installs the Debian packages that FastQueue needs and that are missing; quick and silent where nothing is.
# usage: tests/setup.sh [build|test|ci]
#   build: for the library and its programs; test: for the tests as well (the default); ci: for all that CI does
set -euo pipefail

build_packages=(g++ cmake ninja-build pkg-config libasio-dev libcereal-dev rapidjson-dev libcli11-dev libsqlite3-dev
  libhowardhinnant-date-dev tzdata)
test_packages=(catch2 libzmq3-dev cppzmq-dev libmsgpack-cxx-dev libspdlog-dev libsodium-dev python3 python3-zmq tmux ccache)
ci_packages=(meson clang-16 clang-tidy-16 clang-format-14 libbenchmark-dev libhiredis-dev redis-server)

case "${1:-test}" in
  build) wanted=("${build_packages[@]}") ;;
  test) wanted=("${build_packages[@]}" "${test_packages[@]}") ;;
  ci) wanted=("${build_packages[@]}" "${test_packages[@]}" "${ci_packages[@]}") ;;
  *) sed -n '2,4s/^# //p' "$0" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "tests/setup.sh: not a Debian system: see that it has what these packages of Debian hold: ${wanted[*]}" >&2
  exit 0
fi

missing=()
for package in "${wanted[@]}"; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $state == installed ]] || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

echo "tests/setup.sh: installing ${missing[*]}"
as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "tests/setup.sh: neither root nor sudo: install yourself: ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0)
"${apt[@]}" update </dev/null
"${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null
