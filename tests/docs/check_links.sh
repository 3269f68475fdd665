#!/bin/sh
# Follows every link in every Markdown file: the file or folder must be there, and the #anchor too.
#   check_links.sh FOLDER
# FOLDER is a checkout (its tracked and new files, without ignored ones) or any other folder, such as
# an installation's share/doc/labhost (all its files). Links of the web are not followed; a link that leaves FOLDER is broken.
# Prints FILE:LINE: what is wrong; exits 1 where a link is broken, 2 when called wrongly.
set -u
if [ $# -ne 1 ] || [ ! -d "$1" ]; then
  echo "usage: check_links.sh FOLDER" >&2
  exit 2
fi
cd "$1" || exit 2
export LC_ALL=C  # bytes: every awk then reads UTF-8 in the same way

files() {
  if [ -e .git ] && git -c core.quotePath=false ls-files --cached --others --exclude-standard 2>/dev/null; then return; fi
  find . \( -name .git -o -name build \) -prune -o \( -type f -o -type l \) -print | sed 's|^\./||'
}
there() { while IFS= read -r file; do [ ! -e "$file" ] || printf '%s\n' "$file"; done; }

files | there | sort -u | awk '
# --- text ---------------------------------------------------------------------------------------

# The line without `code`, in which nothing is a link.
function without_code(line,    out, run, rest, at) {
  out = ""
  while (match(line, /`+/)) {
    run = substr(line, RSTART, RLENGTH)
    out = out substr(line, 1, RSTART - 1)
    rest = substr(line, RSTART + RLENGTH)
    at = closing(rest, length(run))
    if (at == 0) { out = out run; line = rest; continue }
    line = substr(rest, at + length(run))
  }
  return out line
}
# Where a run of exactly `count` backticks begins in `text`; 0: nowhere.
function closing(text, count,    offset) {
  offset = 0
  while (match(text, /`+/)) {
    if (RLENGTH == count) return offset + RSTART
    offset += RSTART + RLENGTH - 1
    text = substr(text, RSTART + RLENGTH)
  }
  return 0
}
function decoded(text,    out, code) {
  out = ""
  while (match(text, /%[0-9A-Fa-f][0-9A-Fa-f]/)) {
    code = tolower(substr(text, RSTART + 1, 2))
    out = out substr(text, 1, RSTART - 1)
    out = out sprintf("%c", 16 * (index(digits, substr(code, 1, 1)) - 1) + index(digits, substr(code, 2, 1)) - 1)
    text = substr(text, RSTART + 3)
  }
  return out text
}
# The anchor that GitHub gives a heading: lower case, punctuation dropped, - for spaces.
function anchor_of(heading,    before) {
  do {  # of a link only the text is shown
    before = heading
    if (match(heading, /!?\[[^][]*\]\([^()]*\)/)) {
      before = substr(heading, RSTART, RLENGTH)
      sub(/^!?\[/, "", before); sub(/\]\(.*$/, "", before)
      heading = substr(heading, 1, RSTART - 1) before substr(heading, RSTART + RLENGTH)
      before = ""
    }
  } while (before != heading)
  gsub(/<[^<>]*>/, "", heading)
  gsub(/^[ \t]+|[ \t]+$/, "", heading)
  heading = tolower(heading)
  gsub(/[!-,.\/:-@\[-^`{-~]/, "", heading)                 # ASCII, but for - and _
  gsub(/\302[\200-\277]|\303[\227\267]/, "", heading)     # Latin-1: signs such as the middle dot
  gsub(/\342[\200-\257][\200-\277]/, "", heading)         # dashes, quotes, arrows, mathematics
  gsub(/[ \t]/, "-", heading)
  return heading
}
function add_anchor(file, heading,    name) {
  name = anchor_of(heading)
  if ((file, name) in times) {
    times[file, name]++
    name = name "-" times[file, name]
  }
  if (!((file, name) in times)) times[file, name] = 0
  anchors[file, name] = 1
}

# --- files --------------------------------------------------------------------------------------

# "docs/../a.md" -> "a.md"; ".." where it leaves the folder.
function normal(path,    parts, count, i, kept, depth, out) {
  count = split(path, parts, "/")
  depth = 0
  for (i = 1; i <= count; ++i) {
    if (parts[i] == "" || parts[i] == ".") continue
    if (parts[i] != "..") { kept[++depth] = parts[i]; continue }
    if (depth-- == 0) return ".."
  }
  out = ""
  for (i = 1; i <= depth; ++i) out = out (i > 1 ? "/" : "") kept[i]
  return out
}
function folder_of(path) { return path ~ /\// ? substr(path, 1, match(path, /\/[^\/]*$/)) : "" }

function read(file,    line, number, fence, mark, before) {
  number = 0; fence = ""; before = ""
  while ((getline line < file) > 0) {
    ++number
    sub(/\r$/, "", line)
    if (fence != "") {
      mark = line; gsub(/^[ \t>]+|[ \t]+$/, "", mark)
      if (mark ~ /^(```+|~~~+)$/ && substr(mark, 1, length(fence)) == fence) fence = ""
      continue
    }
    if (match(line, /^[ \t>*+-]*(```+|~~~+)/)) {
      fence = substr(line, RSTART, RLENGTH); gsub(/[^`~]/, "", fence)
      before = ""
      continue
    }
    if (line ~ /^ ? ? ?#+([ \t]|$)/) {
      before = line
      sub(/^ *#+[ \t]*/, "", before); sub(/[ \t]+#+[ \t]*$/, "", before)
      add_anchor(file, before)
      before = ""
    } else if (line ~ /^ ? ? ?(==+|--+)[ \t]*$/ && before ~ /[^ \t]/ && before !~ /^[ \t]*[|>*+-]/) {
      add_anchor(file, before)
      before = ""
    } else {
      before = line
    }
    line = without_code(line)
    while (match(line, /<[^<>]*[ \t](id|name)="[^"]*"/)) {
      mark = substr(line, RSTART, RLENGTH); line = substr(line, RSTART + RLENGTH)
      sub(/^.*(id|name)="/, "", mark); sub(/"$/, "", mark)
      anchors[file, mark] = 1
    }
    find_links(file, number, line)
  }
  close(file)
}
function find_links(file, number, line,    text, target) {
  text = line
  while (match(text, /\]\(([^()]|\([^()]*\))*\)/)) {  # [text](target "title"), and pictures
    target = substr(text, RSTART + 2, RLENGTH - 3); text = substr(text, RSTART + RLENGTH)
    gsub(/^[ \t]+|[ \t]+$/, "", target)
    if (target ~ /^</) { sub(/^</, "", target); sub(/>.*$/, "", target) } else sub(/[ \t].*$/, "", target)
    add_link(file, number, target)
  }
  text = line
  while (match(text, /[ \t](href|src)="[^"]*"/)) {
    target = substr(text, RSTART, RLENGTH); text = substr(text, RSTART + RLENGTH)
    sub(/^.*="/, "", target); sub(/"$/, "", target)
    add_link(file, number, target)
  }
  if (line ~ /^ ? ? ?\[[^]^][^]]*\]:[ \t]*[^ \t]/) {  # [name]: target
    target = line
    sub(/^ *\[[^]]*\]:[ \t]*/, "", target); sub(/[ \t].*$/, "", target); gsub(/^<|>$/, "", target)
    add_link(file, number, target)
  }
}
function add_link(file, number, target) {
  ++links
  link_file[links] = file; link_line[links] = number; link_target[links] = target
}

# --- links --------------------------------------------------------------------------------------

function complain(i, reason) {
  print link_file[i] ":" link_line[i] ": link \"" link_target[i] "\": " reason
  ++broken
}
function follow(i,    target, path, anchor, at) {
  target = link_target[i]
  if (target ~ /^[A-Za-z][A-Za-z0-9+.-]*:/ || target ~ /^\/\//) return
  if (target ~ /^\//) { complain(i, "expected a path relative to the file"); return }
  at = index(target, "#")
  anchor = at > 0 ? decoded(substr(target, at + 1)) : ""
  path = decoded(at > 0 ? substr(target, 1, at - 1) : target)
  sub(/\?.*$/, "", path)
  path = path == "" && at > 0 ? link_file[i] : normal(folder_of(link_file[i]) path)
  if (path == "..") { complain(i, "leaves the folder"); return }
  if (!(path in file_there) && !(path in folder_there)) { complain(i, "there is no " path); return }
  if (anchor != "" && path in pages && !((path, anchor) in anchors)) {
    complain(i, path " has no heading for #" anchor)
  }
}

BEGIN { digits = "0123456789abcdef"; folder_there[""] = 1 }
{
  file_there[$0] = 1
  if ($0 ~ /\.md$/) { pages[$0] = 1; order[++count] = $0 }
  path = $0
  while (sub(/\/[^\/]*$/, "", path)) folder_there[path] = 1
}
END {
  for (i = 1; i <= count; ++i) read(order[i])
  for (i = 1; i <= links; ++i) follow(i)
  print links + 0 " links in " count + 0 " Markdown files followed, " broken + 0 " broken"
  if (count == 0) print "expected Markdown files, found none"
  exit broken > 0 || count == 0
}'
