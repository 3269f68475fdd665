// Uses a results page as a reader would, within headless Chromium, and leaves its verdict in the
// document. run.sh appends it to a page that `labhost report --html` wrote.
(async () => {
  let checks = 0;
  const check = (condition, what) => {
    checks += 1;
    if (!condition) throw new Error(what);
  };
  // Virtual time runs ahead of the browser's frames, in which charts notice that they are seen, by as
  // much as the machine is busy: what waits for a frame counts frames, not milliseconds.
  let frames = 0;
  const count = () => { frames += 1; requestAnimationFrame(count); };
  requestAnimationFrame(count);
  const soon = () => new Promise((resolve) => setTimeout(resolve, 10));
  const until = async (done, most = 120) => {
    for (const first = frames; !done() && frames < first + most;) await soon();
  };
  const frame = () => { const first = frames; return until(() => frames >= first + 2); };
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const data = JSON.parse(document.getElementById('data').textContent);

  function checkTable(section, experiment) {
    const cells = all('table.scores tbody tr', section).map((row) => all('button.cell', row));
    check(cells.length === experiment.rows.length, `${experiment.name}: a row per task`);
    experiment.cells.forEach((row, r) => row.forEach((cell, c) => {
      check(cells[r][c].textContent === cell.text, `${experiment.name}: cell ${r} ${c} says ${cell.text}`);
      check(cells[r][c].closest('td').classList.contains('best') === cell.best, 'best cells are marked');
    }));
    return cells;
  }

  async function checkNeeds(details, run) {
    const known = run.needs.map((need) => data.runs[need.run]).filter(Boolean);
    const items = all('li > details', details);
    check(items.length === known.length, 'a run tells its needs');
    if (items.length === 0) return;
    for (const item of items) item.open = true;
    await soon();
    items.forEach((item, i) => check(Object.keys(known[i].params).every((name) => item.textContent.includes(name)),
      'a needed run opens'));
  }

  async function checkPanel(section, button, experiment, r, c) {
    button.click();
    const panel = section.querySelector('.panel');
    check(panel !== null && button.getAttribute('aria-expanded') === 'true', 'a cell opens its panel');
    const runs = experiment.cells[r][c].runs;
    const shown = all('details.run', panel).map((run) => Number(run.dataset.run));
    check(JSON.stringify(shown) === JSON.stringify(runs), 'the panel has the runs behind the cell');
    for (const id of runs) {
      const text = panel.querySelector(`details.run[data-run="${id}"]`).textContent;
      check(text.includes(data.runs[id].status), 'a run tells its status');
      for (const [name, value] of Object.entries(data.runs[id].params)) {
        check(text.includes(name) && text.includes(value), `run ${id} tells ${name}`);
      }
      check(data.runs[id].error === null || text.includes(data.runs[id].error), 'a failure tells its error');
    }
    const sql = panel.querySelector('pre').textContent;
    check(sql.includes(`e.task = '${experiment.rows[r].name.replaceAll("'", "''")}'`), 'the SQL names the task');
    const copy = panel.querySelector('button.copy');
    copy.click();
    check(getSelection().toString().trim() === sql.trim() && copy.textContent !== 'copy', 'the SQL can be copied');
    const names = [...new Set(runs.flatMap((id) => Object.keys(data.runs[id].params)))];
    const differ = names.filter((name) => new Set(runs.map((id) => data.runs[id].params[name])).size > 1);
    const marked = [...new Set(all('tr.differs th', panel).map((head) => head.textContent))];
    check(JSON.stringify(marked.sort()) === JSON.stringify(differ.sort()), 'parameters that differ are marked');
    const videos = runs.reduce((sum, id) => sum + data.runs[id].videos.length, 0);
    check(all('video[controls]', panel).length === videos, 'videos are shown');
    for (const id of runs) await checkNeeds(panel.querySelector(`details.run[data-run="${id}"]`), data.runs[id]);
    button.click();
    check(section.querySelector('.panel') === null, 'a second click closes the panel');
  }

  function checkComparison(section) {
    const box = section.querySelector('input.compare');
    if (!box) return;
    const paper = section.querySelector('.paper');
    check(getComputedStyle(paper).display !== 'none', "the paper's cells are shown");
    box.click();
    check(getComputedStyle(paper).display === 'none', "the paper's cells can be hidden");
    box.click();
  }

  function checkClaims(section, experiment) {
    const badges = all('.badge', section).map((badge) => badge.textContent);
    check(JSON.stringify(badges) === JSON.stringify(experiment.claims.map((claim) => claim.verdict)), 'a verdict per claim');
    check(all('ul.notes li', section).length === experiment.notes.length, 'a line per note');
  }

  const plots = (section) => all('.uplot', section);
  // The pixels of a chart's canvas, as one text.
  const picture = (plot) => plot.querySelector('canvas').toDataURL();
  const pictures = (section) => plots(section).map(picture);
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

  // Charts are drawn when they are seen.
  async function seeAll(section) {
    for (const place of all('.chart', section)) {
      place.scrollIntoView({block: 'center'});
      await until(() => !place.classList.contains('waiting'));
    }
    await frame();
  }

  async function see(place) {
    place.scrollIntoView({block: 'center'});
    await until(() => !place.classList.contains('waiting'));
    await frame();
  }

  function smoothTo(section, weight) {
    const slider = section.querySelector('input.smoothing');
    slider.value = weight;
    slider.dispatchEvent(new Event('input'));
  }

  // A mouse over a chart; x in pixels from its left edge.
  function mouseOver(over) {
    const box = over.getBoundingClientRect();
    const at = (x) => ({bubbles: true, button: 0, movementX: 20, clientX: box.left + x, clientY: box.top + 20});
    return {width: box.width, send: async (type, x, target = over) => {
      target.dispatchEvent(new MouseEvent(type, at(x)));
      await soon();
    }};
  }

  // Mean, standard error and number of the runs that reach the last x, by the page's own words.
  function lastWords(series, last, weight) {
    const ends = series.runs.filter((run) => run.x[run.x.length - 1] === last)
      .map((run) => run.y.reduce((s, y) => weight * s + (1 - weight) * y, run.y[0]));
    const n = ends.length, mean = ends.reduce((sum, y) => sum + y, 0) / n;
    const error = Math.sqrt(ends.reduce((sum, y) => sum + (y - mean) ** 2, 0) / (n - 1) / n);
    return n === 0 ? '–' : n === 1 ? mean.toFixed(3) : `${mean.toFixed(3)} ± ${error.toFixed(3)} (${n})`;
  }

  async function checkReadout(section, experiment, panel, place) {
    const weight = Number(section.querySelector('input.smoothing').value);
    const last = Math.max(...panel.series.flatMap((one) => one.runs.flatMap((run) => run.x)));
    await see(place);
    const mouse = mouseOver(place.querySelector('.u-over'));
    await mouse.send('mouseenter', mouse.width - 1);
    await mouse.send('mousemove', mouse.width - 1);
    const rows = all('.readout tr', place).map((row) => [row.querySelector('th').textContent.trim(), row.querySelector('td').textContent]);
    check(rows[0][0] === experiment.curves.x_label && rows[0][1] !== '–', 'the cursor reads off x');
    const expected = panel.series.filter((one) => one.runs.length > 0).map((one) => [one.label, lastWords(one, last, weight)]);
    check(same(rows.slice(1), expected), `the cursor reads off ${JSON.stringify(expected)}, not ${JSON.stringify(rows.slice(1))}`);
    const others = all('.chart', section).filter((other) => other !== place && other.querySelector('.uplot'));
    check(others.every((other) => other.querySelector('.readout td').textContent !== '–'), 'the cursor goes along in every panel');
  }

  async function checkZoom(section, place) {
    const now = () => picture(place.querySelector('.uplot'));
    await see(place);
    const before = now();
    const mouse = mouseOver(place.querySelector('.u-over'));
    await mouse.send('mousedown', 10);
    await mouse.send('mousemove', 30);
    await mouse.send('mousemove', mouse.width / 2);
    await mouse.send('mouseup', mouse.width / 2, document);
    const zoomed = now();
    check(zoomed !== before, 'a drag zooms');
    const weight = section.querySelector('input.smoothing').value;
    for (const other of [0.3, 0.4, weight]) {
      smoothTo(section, other);
      await see(place);
    }
    check(now() === zoomed, 'a zoom stays when the smoothing changes');
    await mouseOver(place.querySelector('.u-over')).send('dblclick', 20);
    check(now() === before, 'a double click resets');
  }

  async function checkKey(section, experiment, drawn) {
    const before = pictures(section);
    const key = section.querySelector('.keys button');
    key.click();
    await soon();
    check(key.getAttribute('aria-pressed') === 'false', 'a key says that its series is hidden');
    const name = experiment.columns[0].name;
    const has = (panel) => panel.series.some((one) => one.name === name && one.runs.length > 0);
    const gone = () => pictures(section).every((one, i) => (one !== before[i]) === has(drawn[i]));
    check(gone(), 'a hidden series is gone from every panel that had it');
    check(all('.readout tr[hidden]', section).length === drawn.filter(has).length, 'and from what the cursor says');
    key.click();
    await soon();
    check(same(pictures(section), before), 'and comes back');
  }

  async function checkSmoothing(section, experiment, drawn) {
    const before = pictures(section);
    const initial = experiment.curves.smoothing;
    smoothTo(section, initial > 0 ? 0 : 0.9);
    await seeAll(section);
    const bends = (panel) => panel.series.some((one) => one.runs.some((run) => new Set(run.y).size > 1));
    check(pictures(section).every((one, i) => (one !== before[i]) === bends(drawn[i])), 'smoothing changes every panel');
    smoothTo(section, initial);
    await seeAll(section);
    check(same(pictures(section), before), 'and can be set back');
  }

  async function checkSingle(section, drawn) {
    const before = pictures(section);
    const box = section.querySelector('input.single');
    box.click();
    await seeAll(section);
    const several = drawn.some((panel) => panel.series.some((one) => one.runs.length > 1));
    check(!same(pictures(section), before) === several, 'single runs replace the mean');
    box.click();
    await seeAll(section);
    check(same(pictures(section), before), 'and the mean comes back');
  }

  async function checkPrint(section, drawn) {
    const wide = plots(section).map((plot) => plot.offsetWidth);
    window.dispatchEvent(new Event('beforeprint'));
    await soon();
    check(all('.uplot').length >= drawn.length, 'every chart is there on paper');
    check(plots(section).every((plot) => plot.offsetWidth <= 330), 'two charts fit beside each other on paper');
    window.dispatchEvent(new Event('afterprint'));
    await seeAll(section);
    check(same(plots(section).map((plot) => plot.offsetWidth), wide), 'after printing the charts are as before');
  }

  async function checkCurves(section, experiment) {
    if (!experiment.curves) return;
    await seeAll(section);
    const drawn = experiment.curves.panels.filter((panel) => panel.series.some((one) => one.runs.length > 0));
    check(plots(section).length === drawn.length, 'a chart per panel with runs');
    check(Number(section.querySelector('input.smoothing').value) === experiment.curves.smoothing,
      'smoothing starts as the data say');
    check(section.querySelector('input.single').checked === experiment.curves.individual, 'single runs as the data say');
    if (experiment.curves.individual) section.querySelector('input.single').click();
    await seeAll(section);
    const place = plots(section)[0].closest('.chart');
    await checkReadout(section, experiment, drawn[0], place);
    await checkZoom(section, place);
    await checkKey(section, experiment, drawn);
    await checkSmoothing(section, experiment, drawn);
    await checkSingle(section, drawn);
    await checkPrint(section, drawn);
  }

  try {
    check(data.experiments.length > 0, 'the page has an experiment');
    check(all('nav a').length === data.experiments.length, 'the contents list every experiment');
    for (const [i, experiment] of data.experiments.entries()) {
      const section = document.getElementById(`experiment-${i}`);
      const cells = checkTable(section, experiment);
      for (const [r, row] of experiment.cells.entries()) {
        for (const c of row.keys()) await checkPanel(section, cells[r][c], experiment, r, c);
      }
      checkComparison(section);
      checkClaims(section, experiment);
      await checkCurves(section, experiment);
    }
    check(document.querySelector('.hostile') === null, 'a label stays text');
    check(typeof window.hostile === 'undefined', 'a label runs no code');
    const asked = performance.getEntriesByType('resource').map((entry) => entry.name);
    check(asked.every((name) => name.startsWith('data:')), `the page asks for nothing: ${asked}`);
    const loading = all('[src], link[href], object[data]').filter((one) => !(one.getAttribute('src') || '').startsWith('data:'));
    check(loading.length === 0, `nothing on the page loads: ${loading.map((one) => one.outerHTML.slice(0, 80))}`);
    const error = [...(window.pageErrors || [])];
    check(error.length === 0, `no error was thrown: ${error}`);
    document.body.append(Object.assign(document.createElement('pre'),
      {id: 'page-test', textContent: `PAGE-TEST ok ${checks} checks`}));
  } catch (error) {
    document.body.append(Object.assign(document.createElement('pre'),
      {id: 'page-test', textContent: `PAGE-TEST failed: ${error.message}`}));
  }
})();
