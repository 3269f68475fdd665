#!/bin/sh
# Every plugin's README must hold its parameter table exactly as `labhost plugins show` prints it.
#   check_tables.sh LABHOST_BINARY SOURCE_FOLDER
# Prints a diff and exits 1 where a table is missing or differs; 2 when called wrongly.
set -u
if [ $# -ne 2 ] || [ ! -x "$1" ] || [ ! -d "$2/plugins" ]; then
  echo "usage: check_tables.sh LABHOST_BINARY SOURCE_FOLDER" >&2
  exit 2
fi
binary=$1 source=$2
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT

# The lines from the table's header to the first line that is no row. Anything after a second header
# belongs to another table and stays out.
table_of() {
  awk '/^\| parameter \| type \| default \|/ && !seen { inside = 1; seen = 1 }
       inside && !/^\|/ { inside = 0 }
       inside' "$1"
}

checked=0 wrong=0
for list in "$source"/plugins/*/*/CMakeLists.txt; do
  [ -e "$list" ] || continue
  folder=$(dirname "$list") name=$(basename "$(dirname "$list")")
  checked=$((checked + 1))
  if [ ! -e "$folder/README.md" ]; then
    echo "$folder/README.md: expected, found nothing"
    wrong=$((wrong + 1))
    continue
  fi
  if ! "$binary" plugins show "$name" --markdown >"$scratch/shown" 2>"$scratch/error"; then
    echo "$name: plugins show failed: $(cat "$scratch/error")"
    wrong=$((wrong + 1))
    continue
  fi
  table_of "$folder/README.md" >"$scratch/written"
  if ! diff -u -L "$folder/README.md" -L "labhost plugins show $name --markdown" \
      "$scratch/written" "$scratch/shown"; then
    wrong=$((wrong + 1))
  fi
done

if [ "$checked" -eq 0 ]; then
  echo "no plugin folder below $source/plugins"
  exit 1
fi
echo "$checked plugin READMEs checked, $wrong with another table than the plugin's"
[ "$wrong" -eq 0 ]
