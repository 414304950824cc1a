#!/usr/bin/env bash
# Installs what is missing, builds everything with a preset of CMakePresets.json and runs all tests.
# usage: tests/run.sh [PRESET [CMAKE-ARGUMENT...]]      the preset is ci unless told; the build goes to build/PRESET
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=${1:-ci}
tests/setup.sh test
cmake --preset "$preset" "${@:2}"
cmake --build --preset "$preset" -- -k 0
if [[ $preset == ci ]]; then  # each header alone: once is enough
  cmake --build --preset "$preset" --target all_verify_interface_header_sets -- -k 0
fi

run=()
if [[ $preset == tsan ]] && command -v setarch >/dev/null && setarch -R true 2>/dev/null; then
  run=(setarch -R)  # GCC 12's ThreadSanitizer cannot place its shadow where the kernel randomises 32 bits of an address
fi
# Processes, ports and clocks on a machine that others use as well: what fails is tried once more, and shown to have failed.
exec "${run[@]}" ctest --preset "$preset" -j "$(nproc)" --timeout 1200 --repeat until-pass:2 </dev/null
