#!/usr/bin/env bash
# Runs one study on N processes of this machine: launch/local.sh N [flags of pmjax.launch]
# TERM and INT reach every process; the exit code is that of the first that fails, and the rest are stopped.
set -euo pipefail

if [[ ! ${1:-} =~ ^[1-9][0-9]*$ ]]; then
  echo "usage: launch/local.sh N [flags of pmjax.launch]" >&2
  exit 2
fi
processes=$1
shift
python=${PYTHON:-$(dirname "$0")/../.venv/bin/python}
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export PMJAX_COORDINATOR=127.0.0.1:$port PMJAX_PROCESSES=$processes

running=()
# Bash lets its background processes ignore INT, so that they get TERM for it.
trap 'kill -TERM "${running[@]}" 2>/dev/null || true' TERM INT
for ((i = 0; i < processes; i++)); do
  PMJAX_PROCESS_ID=$i "$python" -m pmjax.launch "$@" &
  running+=("$!")
done

code=0
while ((${#running[@]} > 0)); do
  alive=()
  for pid in "${running[@]}"; do
    if kill -0 "$pid" 2>/dev/null; then
      alive+=("$pid")
    elif ((code == 0)); then
      wait "$pid" || code=$?
    fi
  done
  if ((code != 0)); then break; fi
  running=("${alive[@]+"${alive[@]}"}")
  sleep 0.2
done

# A process that waits for a lost one inside a collective does not hear TERM: after a while it gets KILL.
if ((${#alive[@]} > 0)); then
  kill -TERM "${alive[@]}" 2>/dev/null || true
  for ((i = 0; i < 50; i++)); do
    kill -0 "${alive[@]}" 2>/dev/null || break
    sleep 0.2
  done
  kill -KILL "${alive[@]}" 2>/dev/null || true
fi
wait
exit "$code"
