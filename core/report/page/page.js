// The results page. Everything that comes from the data is put in as text, never as markup: names
// and errors are users' own. The page asks for nothing but itself.
'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);

  // Colours and dashes as in core/report/line_chart.cpp, so that a series looks alike in both.
  const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#808080', '#b0457b'];
  const dashes = [[], [7, 3], [2, 2], [9, 3, 2, 3]];
  const styleOf = (i) => ({
    colour: colours[i % colours.length],
    dash: dashes[(i + Math.floor(i / colours.length)) % dashes.length],
  });

  // uPlot paints onto a canvas, so paper needs its own width and ink: half a page's, black.
  const kHeight = 240, kPrintedWidth = 320;
  let printing = false;
  const ink = () => printing ? '#000' : getComputedStyle(document.body).color;

  // --- small helpers ---------------------------------------------------------------------------

  // element('td', {class: 'best'}, 'text', child, ...)
  function element(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
      else if (value !== null && value !== undefined) made.setAttribute(key, value);
    }
    for (const child of children.flat()) {
      if (child === null || child === undefined) continue;
      made.append(child instanceof Node ? child : document.createTextNode(String(child)));
    }
    return made;
  }

  const number = (value, digits = 2) =>
    value === null || value === undefined ? '–' : typeof value === 'number' ? value.toFixed(digits) : value;

  function duration(seconds) {
    if (seconds < 60) return `${seconds.toFixed(1)} s`;
    const minutes = Math.round(seconds / 60);
    return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }

  const time = (seconds) =>
    seconds === null ? '–' : new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ') + ' UTC';

  const quoted = (text) => `'${text.replaceAll("'", "''")}'`;

  // Neighbours with the same value: [value, how many].
  function spans(values) {
    const found = [];
    for (const value of values) {
      if (found.length && found[found.length - 1][0] === value) found[found.length - 1][1] += 1;
      else found.push([value, 1]);
    }
    return found;
  }

  // --- the runs behind a cell ------------------------------------------------------------------

  // Parameters in which the runs of a cell are not alike, the seed's own aside.
  function differing(runs) {
    const names = new Set(runs.flatMap((run) => Object.keys(run.params)));
    return new Set([...names].filter((name) => new Set(runs.map((run) => run.params[name])).size > 1));
  }

  function pairsTable(title, pairs, marked) {
    const rows = Object.entries(pairs).map(([name, value]) =>
      element('tr', {class: marked.has(name) ? 'differs' : null},
        element('th', {scope: 'row'}, name), element('td', {class: 'left'}, value)));
    return rows.length === 0 ? null
      : element('details', {}, element('summary', {}, `${title} (${rows.length})`),
        element('div', {class: 'scroll'}, element('table', {}, element('tbody', {}, rows))));
  }

  function needsList(run) {
    if (run.needs.length === 0) return null;
    const items = run.needs.map((need) => {
      const needed = data.runs[need.run];
      if (!needed) return element('li', {}, `${need.role}: run ${need.run}`);
      const item = element('details', {}, element('summary', {},
        `${need.role}: run ${need.run}, ${needed.algorithm} on ${needed.task}, seed ${needed.seed}, ${needed.status}`));
      // Made when it is asked for: many runs need the same dataset, and that has needs in turn.
      item.addEventListener('toggle', () => item.append(runDetails(needed, new Set())), {once: true});
      return element('li', {}, item);
    });
    return element('details', {}, element('summary', {}, `needs (${items.length})`), element('ul', {}, items));
  }

  function runDetails(run, marked) {
    return element('div', {},
      run.error ? element('div', {class: 'error'}, run.error) : null,
      pairsTable('parameters', run.params, marked),
      pairsTable('provenance', run.provenance, new Set()),
      needsList(run),
      run.videos.map((video) => element('figure', {},
        element('figcaption', {}, video.name),
        element('video', {controls: '', src: `data:video/mp4;base64,${video.data}`}))));
  }

  function runRow(run, marked) {
    const heads = [`run ${run.id}`, `seed ${run.seed}`, run.status, `score ${number(run.score, 3)}`,
      `${run.step} of ${run.total_steps} steps`, duration(run.seconds), time(run.started_at)];
    return element('details', {class: 'run', 'data-run': run.id},
      element('summary', {}, heads.join(' · ')), runDetails(run, marked));
  }

  function sqlOf(experiment, row, algorithm) {
    return 'SELECT run.* FROM experiment_run AS e JOIN run ON run.id = e.run_id\n' +
      `WHERE e.experiment = ${quoted(experiment.name)} AND e.profile = ${quoted(experiment.profile)}\n` +
      `  AND e.task = ${quoted(row.name)} AND e.algorithm = ${quoted(algorithm)} AND e.reported = 1`;
  }

  // Selects the text as well, for a browser that lets no page copy.
  function copyButton(text) {
    const button = element('button', {type: 'button', class: 'copy'}, 'copy');
    button.addEventListener('click', () => {
      getSelection().selectAllChildren(text);
      button.textContent = document.execCommand('copy') ? 'copied' : 'selected';
    });
    return button;
  }

  function cellPanel(experiment, row, column, cell) {
    const runs = cell.runs.map((id) => data.runs[id]).filter(Boolean);
    const marked = differing(runs);
    const sql = element('pre', {}, sqlOf(experiment, row, cell.algorithm));
    return element('div', {class: 'panel', role: 'region', 'aria-label': 'runs behind the cell'},
      element('h3', {}, `${column.label}, ${row.label}: ${cell.text}`),
      runs.length === 0 ? element('p', {}, 'No run yet.') : runs.map((run) => runRow(run, marked)),
      marked.size === 0 ? null
        : element('p', {class: 'differs'}, `The runs differ in: ${[...marked].join(', ')}`),
      element('p', {class: 'soft'}, 'The same from the store: ', copyButton(sql)), sql);
  }

  // --- the table -------------------------------------------------------------------------------

  function headRows(experiment, rowGroups) {
    const blank = () => element('td', {colspan: rowGroups ? 2 : 1});
    const groups = experiment.columns.map((column) => column.group || '');
    const rows = [];
    if (groups.some((group) => group !== '')) {
      rows.push(element('tr', {}, blank(), spans(groups).map(([group, count]) =>
        element('th', {scope: 'colgroup', colspan: count}, group))));
    }
    rows.push(element('tr', {}, blank(),
      experiment.columns.map((column) => element('th', {scope: 'col'}, column.label))));
    return element('thead', {}, rows);
  }

  function cellOf(experiment, r, c, open) {
    const cell = experiment.cells[r][c];
    const button = element('button', {class: 'cell', type: 'button', 'aria-expanded': 'false'}, cell.text);
    button.addEventListener('click', () => open(button, r, c));
    const paper = cell.paper === null ? null : element('span', {class: 'paper'},
      `paper ${cell.paper}${cell.difference === null ? '' : ` (${cell.difference})`}`);
    return element('td', {class: cell.best ? 'best' : null}, button, paper);
  }

  function tableOf(experiment, panelPlace) {
    const groups = experiment.rows.map((row) => row.group || '');
    const rowGroups = groups.some((group) => group !== '');
    let opened = null;
    const open = (button, r, c) => {
      if (opened) opened.setAttribute('aria-expanded', 'false');
      panelPlace.replaceChildren();
      opened = opened === button ? null : button;
      if (!opened) return;
      button.setAttribute('aria-expanded', 'true');
      panelPlace.append(cellPanel(experiment, experiment.rows[r], experiment.columns[c], experiment.cells[r][c]));
    };
    const starts = new Map();
    let at = 0;
    for (const [group, count] of spans(groups)) {
      starts.set(at, [group, count]);
      at += count;
    }
    const body = experiment.rows.map((row, r) => element('tr', {},
      rowGroups && starts.has(r)
        ? element('th', {scope: 'rowgroup', rowspan: starts.get(r)[1]}, starts.get(r)[0]) : null,
      element('th', {scope: 'row'}, row.label),
      experiment.columns.map((_, c) => cellOf(experiment, r, c, open))));
    return element('table', {class: 'scores'}, headRows(experiment, rowGroups), element('tbody', {}, body));
  }

  // --- claims and statistics -------------------------------------------------------------------

  function claimsOf(experiment) {
    if (experiment.claims.length === 0) return null;
    const looks = {holds: 'holds', 'does not hold': 'fails'};
    return element('div', {}, element('h3', {}, "The paper's claims on these runs"),
      element('ul', {class: 'claims'}, experiment.claims.map((claim) => element('li', {},
        element('span', {class: `badge ${looks[claim.verdict] || 'open'}`}, claim.verdict),
        `${claim.text} (${claim.source})`, element('div', {class: 'soft'}, claim.why)))));
  }

  function interval(value, low, high, digits) {
    return low === null ? number(value, digits)
      : `${number(value, digits)} [${number(low, digits)}, ${number(high, digits)}]`;
  }

  // A line from low to high with a dot at the value, on a scale that the table shares.
  function intervalPlot(row, least, most) {
    const width = 160;
    const x = (value) => 6 + (width - 12) * (most > least ? (value - least) / (most - least) : 0.5);
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    const add = (name, attributes) => {
      const made = document.createElementNS('http://www.w3.org/2000/svg', name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      svg.append(made);
    };
    svg.setAttribute('width', width);
    svg.setAttribute('height', 16);
    svg.setAttribute('aria-hidden', 'true');
    if (row.low !== null) {
      add('line', {x1: x(row.low), x2: x(row.high), y1: 8, y2: 8, stroke: 'currentColor', 'stroke-width': 2});
    }
    if (row.iqm !== null) add('circle', {cx: x(row.iqm), cy: 8, r: 4, fill: 'var(--accent)'});
    return svg;
  }

  function statisticsOf(experiment) {
    const statistics = experiment.statistics;
    if (!statistics) return null;
    const digits = experiment.digits ?? 2;
    const ends = statistics.algorithms.flatMap((row) => [row.iqm, row.low, row.high]).filter(Number.isFinite);
    const least = Math.min(...ends), most = Math.max(...ends);
    const fine = number(least, digits) === number(most, digits) ? digits + 3 : digits;
    const scale = ends.length ? `from ${number(least, fine)} to ${number(most, fine)}` : 'interval';
    const heads = ['algorithm', 'IQM, last score', scale, 'IQM, best evaluation (optimistic)',
      `P(${statistics.reference_label} better)`, 'runs'];
    const rows = statistics.algorithms.map((row) => element('tr', {},
      element('th', {scope: 'row'}, row.label),
      element('td', {}, interval(row.iqm, row.low, row.high, digits)),
      element('td', {}, intervalPlot(row, least, most)),
      element('td', {}, number(row.best_iqm, digits)),
      element('td', {}, row.improvement
        ? interval(row.improvement.p, row.improvement.low, row.improvement.high) : '–'),
      element('td', {}, row.runs)));
    return element('div', {}, element('h3', {}, 'Over all tasks'),
      element('div', {class: 'scroll'}, element('table', {},
        element('thead', {}, element('tr', {}, heads.map((head) => element('th', {scope: 'col'}, head)))),
        element('tbody', {}, rows))),
      element('p', {class: 'legend'}, 'IQM: interquartile mean over all runs [95 % stratified bootstrap interval]. ' +
        'P: of a run of the reference against one of the row, on the tasks of both.'));
  }

  // --- curves ----------------------------------------------------------------------------------

  function smoothed(y, weight) {
    let last = null;
    return y.map((value) => {
      last = last === null ? value : weight * last + (1 - weight) * value;
      return last;
    });
  }

  // Linear between a run's own points; null outside of them. As core/report/curves.cpp.
  function readOff(x, y, at) {
    if (at < x[0] || at > x[x.length - 1]) return null;
    let low = 0, high = x.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (x[middle] < at) low = middle + 1; else high = middle;
    }
    if (x[low] === at || low === 0) return y[low];
    const weight = (at - x[low - 1]) / (x[low] - x[low - 1]);
    return y[low - 1] * (1 - weight) + y[low] * weight;
  }

  // Mean -+ standard error over the runs that have reached each x, and how many those are.
  function band(runs, xs, weight) {
    const smooth = runs.map((run) => smoothed(run.y, weight));
    const mean = [], low = [], high = [], count = [];
    for (const at of xs) {
      const values = runs.map((run, i) => readOff(run.x, smooth[i], at)).filter((value) => value !== null);
      const n = values.length;
      count.push(n);
      if (n === 0) {
        for (const list of [mean, low, high]) list.push(null);
        continue;
      }
      const centre = values.reduce((sum, value) => sum + value, 0) / n;
      const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
      const error = n > 1 ? Math.sqrt(squares / (n - 1) / n) : 0;
      mean.push(centre);
      low.push(centre - error);
      high.push(centre + error);
    }
    return {mean, low, high, count};
  }

  // Columns and series of one panel for uPlot, which of them belong to which of our series, and
  // what each of ours says at an index.
  function chartData(panel, state) {
    const xs = [...new Set(panel.series.flatMap((one) => one.runs.flatMap((run) => run.x)))].sort((a, b) => a - b);
    const drawn = {columns: [xs], series: [{}], bands: [], owners: [null], says: new Map()};
    panel.series.forEach((one, i) => {
      if (one.runs.length === 0) return;
      const {colour, dash} = styleOf(i);
      const line = {stroke: colour, dash, width: 1.8, spanGaps: true, points: {show: xs.length < 3}};
      const add = (values, options) => {
        drawn.columns.push(values);
        drawn.series.push({show: !state.hidden.has(i), ...options});
        drawn.owners.push(i);
        return drawn.columns.length - 1;
      };
      drawn.says.set(i, state.single ? singleLines(one, xs, state, line, add)
        : meanLine(one, xs, state, line, add, drawn.bands));
    });
    return drawn;
  }

  function singleLines(one, xs, state, line, add) {
    const lines = one.runs.map((run) => {
      const smooth = smoothed(run.y, state.smoothing);
      return xs.map((at) => readOff(run.x, smooth, at));
    });
    for (const values of lines) add(values, line);
    return (at) => lines.map((values) => number(values[at], 3)).join(', ');
  }

  function meanLine(one, xs, state, line, add, bands) {
    const {mean, low, high, count} = band(one.runs, xs, state.smoothing);
    if (one.runs.length > 1) {
      const edge = {width: 0, points: {show: false}, spanGaps: true};
      const above = add(high, edge), below = add(low, edge);
      bands.push({series: [above, below], fill: line.stroke + '29'});
    }
    add(mean, line);
    return (at) => count[at] < 2 ? number(mean[at], 3)
      : `${number(mean[at], 3)} ± ${number(high[at] - mean[at], 3)} (${count[at]})`;
  }

  function shortNumber(value) {
    const size = Math.abs(value);
    if (size >= 1e6) return `${+(value / 1e6).toPrecision(6)}M`;
    if (size >= 1e3) return `${+(value / 1e3).toPrecision(6)}k`;
    return String(+value.toPrecision(6));
  }

  // As many digits as the step between ticks has, 2 for 0.25: no tick is rounded.
  function tickTexts(ticks, step) {
    let digits = 0;
    while (digits < 8 && Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-6) digits += 1;
    return ticks.map((tick) => Math.abs(tick) >= 1e3 ? shortNumber(tick) : tick.toFixed(digits));
  }

  // What the lines are worth under the cursor: a row per series, which is there without a cursor
  // too, so that nothing on the page moves.
  class Readout {
    constructor(panel, curves) {
      this.x = element('td', {}, '–');
      this.rows = new Map();
      const body = element('tbody', {}, element('tr', {}, element('th', {scope: 'row'}, curves.x_label), this.x));
      panel.series.forEach((one, i) => {
        if (one.runs.length === 0) return;
        const value = element('td', {}, '–');
        const line = element('tr', {}, element('th', {scope: 'row'}, keySample(i), ' ', one.label), value);
        body.append(line);
        this.rows.set(i, {line, value});
      });
      this.table = element('table', {class: 'readout'}, body);
    }
    tell(plot, says) {
      const at = plot.cursor.idx;
      const none = at === null || at === undefined;
      this.x.textContent = none ? '–' : shortNumber(plot.data[0][at]);
      for (const [i, say] of says) this.rows.get(i).value.textContent = none ? '–' : say(at);
    }
    show(i, visible) {
      const row = this.rows.get(i);
      if (row) row.line.hidden = !visible;
    }
  }

  class Chart {
    constructor(panel, curves, state, place) {
      Object.assign(this, {panel, curves, state, place, plot: null});
      const title = `${curves.y_label} along ${curves.x_label}, ${panel.label}`;
      this.canvas = element('div', {role: 'img', 'aria-label': title});
      this.readout = new Readout(panel, curves);
      place.append(element('h4', {}, panel.label), this.canvas, this.readout.table);
    }
    // Made anew for other data, as the number of lines changes with single runs. A zoom stays.
    draw() {
      const drawn = chartData(this.panel, this.state);
      const zoom = this.zoom();
      if (this.plot) this.plot.destroy();
      this.plot = null;
      this.canvas.replaceChildren();
      this.owners = drawn.owners;
      if (drawn.columns[0].length === 0) {
        this.readout.table.remove();
        this.canvas.append(element('p', {class: 'soft'}, 'no runs yet'));
        return;
      }
      this.plot = new uPlot(this.options(drawn), drawn.columns, this.canvas);
      if (zoom) this.plot.setScale('x', zoom);
    }
    options(drawn) {
      const grid = {stroke: '#8884', width: 1}, ticks = {stroke: '#8888', width: 1};
      const axis = {stroke: ink(), grid, ticks, labelSize: 20};
      const widest = (_, texts) => 22 + 7 * Math.max(3, ...(texts || []).map((text) => text.length));
      return {
        width: this.width(), height: kHeight, bands: drawn.bands, series: drawn.series,
        legend: {show: false}, scales: {x: {time: false}},
        cursor: {sync: {key: this.state.key}, drag: {x: true, y: false}},
        axes: [{...axis, label: this.curves.x_label, size: 34, values: (_, at) => at.map(shortNumber)},
          {...axis, label: this.curves.y_label, size: widest, values: (_, at, __, ___, step) => tickTexts(at, step)}],
        hooks: {setCursor: [(plot) => this.readout.tell(plot, drawn.says)],
          ready: [(plot) => { this.whole ??= {min: plot.scales.x.min, max: plot.scales.x.max}; }]},
      };
    }
    width() {
      return printing ? kPrintedWidth : Math.max(280, this.place.clientWidth);
    }
    zoom() {
      if (!this.plot || !this.whole) return null;
      const {min, max} = this.plot.scales.x;
      return min === this.whole.min && max === this.whole.max ? null : {min, max};
    }
    fit() {
      const width = this.width();
      if (this.plot && !printing && this.plot.width !== width) this.plot.setSize({width, height: kHeight});
    }
    show(owner, visible) {
      this.readout.show(owner, visible);
      if (!this.plot) return;
      this.owners.forEach((one, i) => { if (one === owner) this.plot.setSeries(i, {show: visible}); });
    }
  }

  function keySample(i) {
    const {colour, dash} = styleOf(i);
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    const line = document.createElementNS('http://www.w3.org/2000/svg', 'line');
    for (const [key, value] of Object.entries({x1: 0, x2: 30, y1: 4, y2: 4, stroke: colour, 'stroke-width': 2.5,
      'stroke-dasharray': dash.join(' ')})) line.setAttribute(key, value);
    svg.setAttribute('aria-hidden', 'true');
    svg.append(line);
    return svg;
  }

  function legendKeys(experiment, state, own) {
    return element('div', {class: 'keys'}, experiment.columns.map((column, i) => {
      const button = element('button', {type: 'button', 'aria-pressed': 'true'}, keySample(i), column.label);
      button.addEventListener('click', () => {
        const visible = state.hidden.delete(i) || (state.hidden.add(i), false);
        button.setAttribute('aria-pressed', String(visible));
        own.forEach((chart) => chart.show(i, visible));
      });
      return button;
    }));
  }

  function curveControls(curves, state, changed) {
    const shown = element('output', {}, number(state.smoothing));
    const slider = element('input', {type: 'range', min: 0, max: 0.99, step: 0.01, value: state.smoothing, class: 'smoothing'});
    slider.addEventListener('input', () => {
      state.smoothing = Number(slider.value);
      shown.replaceChildren(number(state.smoothing));
      changed();
    });
    const single = element('input', {type: 'checkbox', class: 'single'});
    single.checked = state.single;
    single.addEventListener('change', () => {
      state.single = single.checked;
      changed();
    });
    return element('div', {class: 'controls'}, element('label', {}, 'smoothing', slider, shown),
      element('label', {}, single, 'single runs'),
      element('span', {class: 'soft'}, 'drag to zoom, double click to reset'));
  }

  // Charts are drawn when they come into view, or are printed: a page may hold hundreds. Until then
  // they are of the class "waiting".
  const charts = new Map();  // by the element that they stand in
  const seen = new Set();
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) seen.add(entry.target); else seen.delete(entry.target);
      drawSeen(entry.target);
    }
  }, {rootMargin: '300px'});
  const fitter = new ResizeObserver((entries) => entries.forEach((entry) => charts.get(entry.target).fit()));
  function drawSeen(place) {
    if (!place.classList.contains('waiting') || !(printing || seen.has(place))) return;
    place.classList.remove('waiting');
    charts.get(place).draw();
  }
  // Other data, or other ink.
  function redraw(places) {
    for (const place of places) {
      place.classList.add('waiting');
      drawSeen(place);
    }
  }
  function print(on) {
    printing = on;
    redraw(charts.keys());
  }
  window.addEventListener('beforeprint', () => print(true));
  window.addEventListener('afterprint', () => print(false));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => redraw(charts.keys()));

  function curvesOf(experiment) {
    const curves = experiment.curves;
    if (!curves) return null;
    const state = {smoothing: curves.smoothing, single: curves.individual, hidden: new Set(),
      key: `${experiment.name} ${experiment.profile}`};
    const places = element('div', {class: 'charts'});
    const own = curves.panels.map((panel) => {
      const place = element('div', {class: 'chart waiting'});
      places.append(place);
      const chart = new Chart(panel, curves, state, place);
      charts.set(place, chart);
      watcher.observe(place);
      fitter.observe(place);
      return chart;
    });
    return element('div', {class: 'curves'}, element('h3', {}, 'Learning curves'),
      curveControls(curves, state, () => redraw(places.children)), legendKeys(experiment, state, own), places);
  }

  // --- the page --------------------------------------------------------------------------------

  function comparison(experiment, section) {
    if (!experiment.cells.flat().some((cell) => cell.paper !== null)) return null;
    const box = element('input', {type: 'checkbox', class: 'compare'});
    box.checked = true;
    box.addEventListener('change', () => section.classList.toggle('hide-paper', !box.checked));
    return element('div', {class: 'controls'}, element('label', {}, box, 'compare with the paper'));
  }

  function sectionOf(experiment, i) {
    const section = element('section', {class: 'experiment', id: `experiment-${i}`});
    const panelPlace = element('div', {class: 'panel-place', 'aria-live': 'polite'});
    const parts = [
      element('h2', {}, experiment.title),
      element('p', {class: 'soft'}, `${experiment.name}, profile ${experiment.profile}`),
      comparison(experiment, section),
      element('div', {class: 'scroll'}, tableOf(experiment, panelPlace)),
      element('p', {class: 'legend'}, experiment.legend, '; click a number to see its runs'),
      panelPlace,
      experiment.notes.length === 0 ? null
        : element('ul', {class: 'notes'}, experiment.notes.map((note) => element('li', {}, note))),
      claimsOf(experiment), statisticsOf(experiment), curvesOf(experiment)];
    section.append(...parts.filter((part) => part !== null));
    return section;
  }

  document.title = data.title;
  document.getElementById('top').append(element('h1', {}, data.title),
    element('p', {class: 'soft'}, `${data.store}, ${data.generated_at}, labhost ${data.labhost}`));
  data.experiments.forEach((experiment, i) => {
    document.getElementById('contents').append(element('li', {},
      element('a', {href: `#experiment-${i}`}, `${experiment.name} (${experiment.profile})`)));
    document.getElementById('experiments').append(sectionOf(experiment, i));
  });
  if (data.experiments.length === 0) {
    document.getElementById('experiments').append(element('p', {}, 'No experiment has been recorded yet.'));
  }
})();
