# Sourced by run.sh: $1 and $2 are its own, the page is written to $work/page.html.
labhost=$1
plugins=$2

# Labels that would be markup, claims on cells of the paper, curves, a second experiment without them, a failed run.
cat >"$work/paper.toml" <<'TOML'
table = "page"
[cells.neutral]
ibc = [0.5, 0.1]
[[claims]]
text = "cloning is <b class='hostile'>cloning</b>"
source = "Section 1"
conditions = [{ algorithms = ["ibc"], above = -1 }]
[[claims]]
text = "cloning is perfect"
source = "Section 2"
conditions = [{ algorithms = ["ibc"], above = 2 }]
TOML
cat >"$work/page.toml" <<'TOML'
[experiment]
title = "A page </script><script>window.hostile = 1</script><!--"
tasks = ["neutral", "favorable"]
algorithms = ["ibc", "iql", "diverging"]
seeds = 2
[task.neutral]
label = "<img class='hostile' src=x onerror='window.hostile=1'>"
environment = { plugin = "coordination-game" }
dataset = { plugin = "coordination", behaviour = "neutral" }
[task.favorable]
environment = { plugin = "coordination-game" }
dataset = { plugin = "coordination", behaviour = "favorable" }
[algorithm.ibc]
label = "<i class='hostile'>IBC</i>"
steps = 60
learning_rate = 0.003
[algorithm.iql]
steps = 40
[algorithm.diverging]
plugin = "misbehaving"
tasks = ["neutral"]
steps = 10
[evaluation]
episodes = 10
every = 10
[report]
paper = "paper.toml"
[report.groups]
"PO <&>" = ["favorable"]
CTDE = ["iql", "diverging"]
[figure]
smoothing = 0.5
TOML
sed 's/tasks = \["neutral", "favorable"\]/tasks = ["neutral"]/; s/, "iql", "diverging"\]$/]/; s/^every = 10/every = 0/; /^\[figure\]/,$d; /^\[report.groups\]/,/^CTDE/d' \
  "$work/page.toml" >"$work/bare.toml"
for name in page bare; do
  code=0
  "$labhost" run "$work/$name.toml" --plugin-path "$plugins" --store "$work/store.sqlite" >"$work/log" 2>&1 || code=$?
  [ "$code" -le 1 ] || { cat "$work/log" >&2; exit 1; }
done
"$labhost" report --html "$work/page.html" --store "$work/store.sqlite" >/dev/null
