#!/usr/bin/env bash
# From nothing to a running task queue: installs what is missing, builds, starts a control plane and three subworkers,
# submits tasks, loses a subworker on purpose, and stops everything. It checks what it shows and fails if it is not so.
# usage: examples/quickstart.sh          the build goes to build/quickstart
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
build=$root/build/quickstart
logs=$(mktemp -d "${TMPDIR:-/tmp}/fastqueue-quickstart.XXXXXX")
declare -A pids=()  # only what is started here is ended here

heading() { printf '\n== %s\n' "$1"; }
fail() {
  printf '\nquickstart: %s\n' "$1" >&2
  printf 'quickstart: what the processes said is in %s\n' "$logs" >&2
  trap - EXIT
  end_all
  exit 1
}
end_all() {
  for name in "${!pids[@]}"; do kill -KILL "${pids[$name]}" 2>/dev/null || true; done
}
trap 'fail "step failed: line $LINENO"' ERR
trap end_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

expect() {  # expect WHAT WANTED GOT
  [[ $2 == "$3" ]] || fail "$1: expected '$2', got '$3'"
}
await() {  # await SECONDS WHAT COMMAND...: until the command succeeds
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || fail "did not come about: $what"
    sleep 0.1
  done
}
start() {  # start NAME COMMAND...: in the background, its output in a log
  local name=$1
  shift
  printf '$ %s &\n' "$*"
  "$@" >"$logs/$name" 2>&1 </dev/null &
  pids[$name]=$!
  disown
}
show() { printf '$ %s\n' "$*"; "$@"; }
is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
range_is_free() {  # range_is_free FIRST LAST
  local port
  for ((port = $1; port <= $2; ++port)); do is_free "$port" || return 1; done
}

# ---- build -----------------------------------------------------------------------------------------------------------
heading 'What is needed, and the build (the first one takes a minute or two)'
tests/setup.sh build
generator=()
if command -v ninja >/dev/null && [[ ! -e $build/CMakeCache.txt ]]; then generator=(-G Ninja); fi
cmake -S . -B "$build" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release -DFASTQUEUE_BUILD_TESTS=OFF >"$logs/cmake" 2>&1 ||
  fail "CMake cannot configure: $(tail -n 5 "$logs/cmake")"
cmake --build "$build" --target example_fastqueue example_mytasks --parallel "$(nproc)" >"$logs/build" 2>&1 ||
  fail "the build failed: $(grep -m 3 -i error "$logs/build" || tail -n 5 "$logs/build")"
export PATH=$build/bin:$PATH
show fastqueue --version

# ---- ports -----------------------------------------------------------------------------------------------------------
discovery=5550 base=5555
if ! { is_free 5550 && range_is_free 5555 5572; }; then
  for ((base = 20005; ; base += 30)); do
    ((base < 32000)) || fail 'there are no 23 free ports'
    if range_is_free $((base - 5)) $((base + 17)); then break; fi
  done
  discovery=$((base - 5))
  echo "The worker guide's ports (5550, 5555-5572) are taken here: using $discovery and $base-$((base + 17)) instead."
fi
at=tcp://127.0.0.1
export FASTQUEUE_DISCOVERY_ADDRESS=$at:$discovery  # so that no command needs --discovery-address

# ---- start -----------------------------------------------------------------------------------------------------------
heading 'A control plane'
start control-plane fastqueue control-plane --worker-id control-plane --base-address $at:$base \
  --subworker-port $((base + 5)) --task-modules mytasks
await 20 'the control plane answers' fastqueue workers
cat "$logs/control-plane"

heading 'A task, without any subworker: the control plane runs it itself'
show fastqueue submit --task-name add --args 5 3 | tee "$logs/eight"
expect 'add 5 3' 8 "$(tail -n 1 "$logs/eight")"

heading 'Three subworkers'
for i in 1 2 3; do
  start sw$i fastqueue subworker --worker-id sw$i --control-plane-address $at:$base \
    --base-address $at:$((base + 2 + 4 * i)) --task-modules mytasks
done
three_are_active() { [[ $(fastqueue workers | grep -Ec '^sw[123] +active') == 3 ]]; }
await 20 'three subworkers are registered' three_are_active
show fastqueue list

heading 'Tasks of every priority'
for level in critical high normal low; do
  show fastqueue submit --task-name greet --args "$level" --priority $level | tee "$logs/greeting"
  expect "greet $level" "\"Hello, $level!\"" "$(tail -n 1 "$logs/greeting")"
done
show fastqueue submit --task-name crc32 --args "$root/LICENSE"

heading 'A failure is told, and has an exit code'
printf '$ fastqueue submit --task-name fail --args boom\n'
code=0
fastqueue submit --task-name fail --args boom 2>&1 || code=$?
expect 'the exit code of a failed task' 1 $code
echo "exit code: $code"

heading 'Not waiting, and asking later'
id=$(fastqueue submit --task-name primes --args 200000 --non-blocking)
printf '$ fastqueue submit --task-name primes --args 200000 --non-blocking\n%s\n' "$id"
show fastqueue status --task-id "$id" --wait 30 | tee "$logs/status"
expect 'primes below 200000' 17984 "$(sed -n 's/^value *//p' "$logs/status")"

heading 'How work is spread: 30 tasks of 50 ms'
submit_many() {  # submit_many COUNT MILLISECONDS: prints the ids
  local i
  for ((i = 0; i < $1; ++i)); do fastqueue submit --task-name sleep_ms --args "$2" --non-blocking --priority low; done
}
results_of() {  # reads ids; prints how many ended well, and fails if one did not
  local id count=0
  while read -r id; do
    fastqueue status --task-id "$id" --wait 60 | grep -q '^state *success' || fail "task $id did not end well"
    count=$((count + 1))
  done
  echo $count
}
submit_many 30 50 >"$logs/ids"
expect 'results' 30 "$(results_of <"$logs/ids")"
show fastqueue workers | tee "$logs/workers"
idle=$(awk '$1 ~ /^sw/ && $4 < 3 { print $1 }' "$logs/workers")
expect 'subworkers that got hardly any task' '' "$idle"

heading 'A subworker is killed (-9) with tasks in flight: all results arrive all the same'
submit_many 12 400 >"$logs/ids"
has_work() { fastqueue workers | grep -Eq '^sw2 +active +[1-9]'; }
await 20 'sw2 has tasks' has_work
show fastqueue workers
printf '$ kill -9 %s   (sw2)\n' "${pids[sw2]}"
kill -KILL "${pids[sw2]}"
unset 'pids[sw2]'
echo "results: $(results_of <"$logs/ids" | tee "$logs/count") of 12"
expect 'results' 12 "$(cat "$logs/count")"
again=$(while read -r id; do fastqueue status --task-id "$id"; done <"$logs/ids" | grep -Ec '^attempt +[2-9]' || true)
echo "tasks that were run again elsewhere: $again"
((again > 0)) || fail 'no task of the killed subworker was run again'
show fastqueue workers

heading 'Everything stops in good order (as by Ctrl+C)'
for name in sw1 sw3 control-plane; do
  kill -INT "${pids[$name]}"
  has_ended() { ! kill -0 "${pids[$name]}"; }
  await 35 "$name has ended" has_ended
  unset "pids[$name]"
  tail -n 1 "$logs/$name" | tee "$logs/last"
  grep -q 'has stopped' "$logs/last" || fail "$name did not stop in good order"
done
trap - EXIT
rm -rf "$logs"
printf '\nThat is all. Next: the README, and examples/mytasks for tasks of your own.\n'
