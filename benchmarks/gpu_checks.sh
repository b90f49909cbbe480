#!/usr/bin/env bash
# All checks and figures of a real GPU, in less than ten minutes: `make cuda`, or this by itself.
#
# PYTHON has torch, torchvision, timm and what they need. Of the rest, what is in dist/wheels
# (`make cuda-wheels` on another machine) is put before it for this run alone; Ray, Optuna and
# plotly need not be there. Nothing is fetched. Results go to OUT, dist/gpu by default.
set -uo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
out=${OUT:-dist/gpu}
device=${DEVICE:-cuda}
mkdir -p "$out"
carried=$(mktemp -d)
trap 'rm -rf "$carried"' EXIT
if compgen -G "dist/wheels/*.whl" >/dev/null; then
    timeout --kill-after 5 20 "$python" -m pip install --quiet --no-index --no-deps \
        --target "$carried" dist/wheels/*.whl || exit 2
fi
export PYTHONPATH="$carried:$PWD${PYTHONPATH:+:$PYTHONPATH}" OMP_NUM_THREADS=1
# The real trials first. What needs no GPU has been run before it came here.
checks=(-m cuda tests/cuda/test_cuda_processes.py tests/cuda/test_cuda_trials.py tests/cuda)
tests_cap=180
figures_cap=365
if [ "$device" = cpu ]; then # it only checks itself, and takes as long as it takes
    checks=(tests/cuda)
    tests_cap=3000
    figures_cap=3000
fi
failed=0
# Interrupted, pytest still prints what failed.
timeout --signal INT --kill-after 10 "$tests_cap" "$python" -m pytest "${checks[@]}" -W default \
    -p no:cacheprovider --durations 10 2>&1 | tee "$out/checks.txt" || failed=1
timeout --signal INT --kill-after 10 "$figures_cap" "$python" benchmarks/gpu.py --device "$device" \
    --json "$out/gpu.json" 2>&1 | tee "$out/gpu.txt" || failed=1
exit $failed
