#!/bin/sh
# The shipped policies are those of their README: each file with its SHA-256, no other, 8 MB at most.
#   tests/docs/check_policies.sh [SOURCE]
set -eu
cd "${1:-$(dirname "$0")/../..}/experiments/policies"
bad=0
files=$(find . -name '*.safetensors' | sed 's#^\./##' | sort)
[ -n "$files" ] || { echo "experiments/policies holds no policy"; exit 1; }
for file in $files; do
  digest=$(sha256sum "$file" | cut -c1-64)
  grep -q "^| \`$file\` .*\`$digest\` |\$" README.md ||
    { echo "README.md has no row of $file with SHA-256 $digest"; bad=1; }
done
for file in $(sed -n 's/^| `\([^`]*\.safetensors\)` .*/\1/p' README.md); do
  [ -e "$file" ] || { echo "README.md has a row of $file, which is not there"; bad=1; }
done
bytes=$(cat $files | wc -c)
[ "$bytes" -le 8000000 ] || { echo "the policies have $bytes bytes, more than 8 MB"; bad=1; }
[ "$bad" != 0 ] || echo "$(echo "$files" | wc -l) policies, $bytes bytes: as their README says"
exit $bad
