#!/bin/sh
# Installs, builds and runs the tests; ends with ctest's summary. Arguments go to ctest:
#   ./test.sh -L fast        the quick tests
#   LABHOST_PRESET=asan ./test.sh -L fast
set -eu
top=$(cd "$(dirname "$0")" && pwd)
preset=${LABHOST_PRESET:-release}
"$top/labhost" --build-only all
exec ctest --preset "$preset" --output-on-failure "$@"
