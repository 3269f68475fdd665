#!/bin/sh
# The results page in headless Chromium, used by driver.js.
#   tests/page/run.sh BUILT_LABHOST FOLDER_OF_THE_FIXTURE_NAN_UPDATE    runs a small experiment and writes its page
#   tests/page/run.sh PAGE.html                                         a page that is there already
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

browser=
for name in chromium-headless-shell chromium; do
  [ -n "$browser" ] || browser=$(command -v $name || true)
done
[ -n "$browser" ] || { echo "page test: chromium-headless-shell is not installed (cmake/packages-test.txt)" >&2; exit 1; }

case $1 in
  *.html) cp "$1" "$work/page.html" ;;
  *) . "$here/experiment.sh" ;;
esac

{
  sed '/<script id="data"/i <script>window.pageErrors = []; addEventListener("error", (e) => pageErrors.push(e.message));</script>' \
    "$work/page.html" | sed '$d' | sed '$d'
  echo '<script>'; cat "$here/driver.js"; echo '</script></body></html>'
} >"$work/test.html"
# Virtual time costs nothing once the driver is done; `timeout` is for one that never is.
verdict=$(timeout 100 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/profile" --window-size=1200,900 \
  --virtual-time-budget=1000000000 --dump-dom "file://$work/test.html" 2>"$work/browser.log" |
  grep -o 'PAGE-TEST [^<]*' | tail -n 1 || true)
echo "${verdict:-PAGE-TEST failed: no verdict; $(tail -n 3 "$work/browser.log")}"
case $verdict in "PAGE-TEST ok"*) ;; *) exit 1 ;; esac
