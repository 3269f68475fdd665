#!/bin/sh
# Holds every #include "..." below core/ and plugins/ against cmake/layers.txt.
#   tests/layers/check.sh [SOURCE]     prints each include that the list does not allow; exit code 1 if any
set -eu
cd "${1:-$(dirname "$0")/../..}"
{
  sed 's/#.*//' cmake/layers.txt | awk 'NF { print "rule", $0 }'
  find core plugins -name '*.cpp' -o -name '*.hpp' | sort |
    xargs grep -HE '^#include "(core|plugins)/' |
    sed -E 's/^([^:]+):#include "([^"]+)".*/use \1 \2/'
} | awk '
  # The room of a file: the longest rule that its folder matches.
  function room(file,   folder, parent) {
    for (folder = file; sub(/\/[^\/]*$/, "", folder);) {
      if (folder in allowed) return folder
      parent = folder
      sub(/\/[^\/]*$/, "/*", parent)
      if (parent in allowed) return parent
    }
    return ""
  }
  function folder_of(file) { sub(/\/[^\/]*$/, "", file); return file }
  $1 == "rule" { allowed[$2] = " "; for (i = 3; i <= NF; ++i) allowed[$2] = allowed[$2] $i " "; next }
  {
    ++uses
    from = room($2)
    if (from == "") { print $2 ": its folder is not in cmake/layers.txt"; bad = 1; next }
    to = room($3)
    # A generated header lies in the folder of its plugin.
    if (to == from && (from !~ /\*$/ || folder_of($2) == folder_of($3))) next
    if (index(allowed[from], " " to " ") > 0 && to !~ /\*$/) next
    if (index(allowed[from], " " $3 " ") > 0) next
    print $2 ": includes " $3 ", but " from " may include" (allowed[from] == " " ? " nothing" : allowed[from]) "(cmake/layers.txt)"
    bad = 1
  }
  END {
    if (uses == 0) { print "no include was found: is this the source folder?"; exit 1 }
    if (!bad) print uses " includes: as cmake/layers.txt says"
    exit bad
  }'
