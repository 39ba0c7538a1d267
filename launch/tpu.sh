#!/usr/bin/env bash
# Runs one study on a TPU slice; start it on every host of the slice: launch/tpu.sh [flags of pmjax.launch]
# The hosts find each other by the slice's own metadata.
set -euo pipefail

PMJAX_DISTRIBUTED=auto exec "${PYTHON:-$(dirname "$0")/../.venv/bin/python}" -m pmjax.launch "$@"
