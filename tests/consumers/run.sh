#!/usr/bin/env bash
# Installs FastQueue into a folder of its own, then builds and runs a user's program in every way the docs offer.
# usage: tests/consumers/run.sh [BUILD]     BUILD: a build of ours to install from; without it one is configured here
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

say() { echo "---- consumer: $*"; }

check() {  # PROGRAM: runs it, and it must end well within its time and print the version
  local version
  version=$(sed -n 's/^#define FASTQUEUE_VERSION_[MP][A-Z]* \([0-9]*\)$/\1/p' "$root/include/fastqueue/version.hpp" | paste -sd.)
  timeout 60 "$1" | tee "$work/printed"
  grep -qF "FastQueue $version" "$work/printed"
}

say install
if [[ $# -gt 0 ]]; then
  build=$1
else
  build=$work/build
  cmake -S "$root" -B "$build" -G Ninja -DFASTQUEUE_BUILD_TESTS=OFF -DFASTQUEUE_BUILD_EXAMPLES=OFF >/dev/null
  cmake --build "$build"
fi
cmake --install "$build" --prefix "$prefix" >"$work/installed"
if grep -vF -e "$prefix/include/fastqueue" -e "$prefix/lib" -e "$prefix/share/pkgconfig" -e "$prefix/bin/fastqueue" \
    "$work/installed" | grep -F "$prefix"; then
  echo "these files have no place in an installation" >&2
  exit 1
fi
if [[ -x $prefix/bin/fastqueue ]]; then timeout 60 "$prefix/bin/fastqueue" --version; fi

for way in find_package add_subdirectory; do
  say "$way"
  cmake -S "$here/$way" -B "$work/$way" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
  cmake --build "$work/$way"
  check "$work/$way/app"
done
say find_package with the components sqlite, msgpack, spdlog and tzdb
check "$work/find_package/sqlite"
check "$work/find_package/components"
check "$work/find_package/tzdb"

say pkg-config
flags=$(PKG_CONFIG_PATH=$prefix/share/pkgconfig pkg-config --define-prefix --cflags --libs fastqueue)
# shellcheck disable=SC2086  # flags are words
g++ -std=c++20 "$here/app/main.cpp" $flags -o "$work/pkg-config"
check "$work/pkg-config"
say pkg-config with SQLite
# shellcheck disable=SC2046,SC2086
g++ -std=c++20 "$here/app/sqlite.cpp" $flags $(pkg-config --cflags --libs sqlite3) -o "$work/sqlite"
check "$work/sqlite"
say pkg-config with the date library, which has no file of its own for it
# shellcheck disable=SC2086
g++ -std=c++20 "$here/app/tzdb.cpp" $flags -ldate-tz -o "$work/tzdb"
check "$work/tzdb"

if [[ -f $root/single_include/fastqueue/fastqueue.hpp ]]; then
  say single header
  mkdir -p "$work/single/fastqueue"
  cp "$root/single_include/fastqueue/fastqueue.hpp" "$work/single/fastqueue/"
  sed 's,^#include <fastqueue/.*>,#include <fastqueue/fastqueue.hpp>,' "$here/app/main.cpp" >"$work/single/main.cpp"
  g++ -std=c++20 -DASIO_STANDALONE -I "$work/single" "$work/single/main.cpp" -pthread -ldl -o "$work/single/app"
  check "$work/single/app"
fi

own_policies() {  # PROGRAM: it prints what the example must
  timeout 60 "$1" | diff - "$root/examples/custom_policies/expected.txt"
}
say a program with policies of its own, from the installation
# shellcheck disable=SC2086
g++ -std=c++20 "$root/examples/custom_policies/main.cpp" $flags -o "$work/own_policies"
own_policies "$work/own_policies"
if [[ -d $work/single ]]; then
  say the same from the single header
  g++ -std=c++20 -DASIO_STANDALONE -I "$work/single" "$root/examples/custom_policies/main.cpp" -pthread -ldl -o "$work/single/own"
  own_policies "$work/single/own"
fi

say the whole command line with tasks of its own, from the installation
mkdir "$work/linked"
cp -r "$root/examples/fastqueue" "$root/examples/linked_tasks" "$work/linked/"
# shellcheck disable=SC2046,SC2086
g++ -std=c++20 "$work/linked/linked_tasks/main.cpp" $flags $(pkg-config --cflags --libs sqlite3) -ldate-tz -o "$work/linked/program"
timeout 60 "$work/linked/program" --version

if command -v meson >/dev/null; then
  say meson
  mkdir -p "$work/meson/subprojects"
  cp "$here/meson/meson.build" "$here/app/main.cpp" "$work/meson/"
  ln -s "$root" "$work/meson/subprojects/fastqueue"
  meson setup "$work/meson/build" "$work/meson" --wrap-mode=nofallback --force-fallback-for=fastqueue >"$work/meson.log" ||
    { cat "$work/meson.log"; exit 1; }
  meson compile -C "$work/meson/build"
  check "$work/meson/build/app"
fi
# What the README shows in C++ compiles as it stands there, and its first program prints what it says.
say README
/usr/bin/python3 - "$root/README.md" "$work" <<'PYTHON'
import pathlib, re, sys
readme, folder = map(pathlib.Path, sys.argv[1:])
blocks = re.findall(r"^```cpp\n(.*?)^```$", readme.read_text(), re.MULTILINE | re.DOTALL)
assert len(blocks) == 3, f"the README has {len(blocks)} programs in C++; this test knows 3"
for name, block in zip(("embedded", "policies", "module"), blocks):
    (folder / f"{name}.cpp").write_text(block)
PYTHON
# shellcheck disable=SC2086
g++ -std=c++20 "$work/embedded.cpp" $flags -o "$work/embedded"
[[ $(timeout 60 "$work/embedded") == $'8\n9\n23' ]] || { echo "the README's program prints something else" >&2; exit 1; }
for name in policies module; do
  # shellcheck disable=SC2086
  g++ -std=c++20 -fsyntax-only "$work/$name.cpp" $flags
done
say all passed
