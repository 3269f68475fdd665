#!/bin/sh
# check_links.sh finds what is broken in a small folder, at its place, and nothing else.
#   check_links_test.sh
set -u
check=$(cd "$(dirname "$0")" && pwd)/check_links.sh
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/pages/deep/empty" || exit 2
cd "$scratch" || exit 2

cat >pages/target.md <<'END'
# A title, with `code_here` & more (2.0)
## Twice
## Twice
## Twice ##
#hash is no heading
Underlined
----------
## See [the *title*](#twice) – or 95 % · not
## `[engine.slurm]`
<a id="by-hand"></a>
~~~text
## In a block
~~~
END
cat >pages/deep/good.md <<'END'
[1](../target.md) [2](../target.md#a-title-with-code_here--more-20) [3](../target.md#twice)
[4](../target.md#twice-2) [5](../target.md#underlined) [6](../target.md#see-the-title--or-95---not)
[7](../target.md#engineslurm) [8](../target.md#by-hand) [9](..) [10](<../my file.txt>) [11](../my%20file.txt "title")
[12](https://example.org/none) [13](mailto:nobody@example.org) [14](#here) ![15](../picture.svg) [16](a(b).txt)
`[no](link.md)` and ``[no ` more](link.md)``, [two
lines](../target.md#twice-1)
<img src="../picture.svg">
## Here
```sh
echo "[no](link.md)"
```
[name]: ../target.md#twice
END
touch pages/picture.svg "pages/my file.txt" "pages/deep/a(b).txt"
"$check" . >out 2>&1 || { echo "expected no broken link, found:"; cat out; exit 1; }
grep -q '^20 links in 2 Markdown files followed, 0 broken$' out || { echo "expected 20 links, found:"; cat out; exit 1; }

cat >pages/bad.md <<'END'
[1](absent.md)
text [2](target.md#absent) and [3](target.md#In-a-block)

![4](picture.png) [5](/pages/target.md)
[6](../../elsewhere.md) [7](target.md#twice-3)
<a href="absent.html">8</a> [9](#nowhere) [10](target.md#hash-is-no-heading)

[name]: absent.txt
END
cat >expected <<'END'
pages/bad.md:1: link "absent.md": there is no pages/absent.md
pages/bad.md:2: link "target.md#absent": pages/target.md has no heading for #absent
pages/bad.md:2: link "target.md#In-a-block": pages/target.md has no heading for #In-a-block
pages/bad.md:4: link "picture.png": there is no pages/picture.png
pages/bad.md:4: link "/pages/target.md": expected a path relative to the file
pages/bad.md:5: link "../../elsewhere.md": leaves the folder
pages/bad.md:5: link "target.md#twice-3": pages/target.md has no heading for #twice-3
pages/bad.md:6: link "#nowhere": pages/bad.md has no heading for #nowhere
pages/bad.md:6: link "target.md#hash-is-no-heading": pages/target.md has no heading for #hash-is-no-heading
pages/bad.md:6: link "absent.html": there is no pages/absent.html
pages/bad.md:8: link "absent.txt": there is no pages/absent.txt
31 links in 3 Markdown files followed, 11 broken
END
"$check" . >out 2>&1
[ $? -eq 1 ] || { echo "expected exit code 1"; exit 1; }
diff -u expected out || exit 1

rm -r pages/*
"$check" . >/dev/null 2>&1 && { echo "expected a folder without Markdown to be refused"; exit 1; }
"$check" absent >/dev/null 2>&1
[ $? -eq 2 ] || { echo "expected exit code 2 for a folder that is not there"; exit 1; }
echo "check_links.sh finds what it should"
