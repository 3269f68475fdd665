// Uses a results page as a reader would, within headless Chromium, and leaves its verdict in the
// document. run.sh appends it to a page that `labhost report --html` wrote.
(async () => {
  let checks = 0;
  const check = (condition, what) => {
    checks += 1;
    if (!condition) throw new Error(what);
  };
  const soon = () => new Promise((resolve) => setTimeout(resolve, 50));
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

  function checkPanel(section, button, experiment, r, c) {
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

  async function checkCurves(section, experiment) {
    if (!experiment.curves) return;
    section.querySelector('.charts').scrollIntoView();
    await soon();
    window.dispatchEvent(new Event('beforeprint'));
    await soon();
    const drawn = experiment.curves.panels.filter((panel) => panel.series.some((one) => one.runs.length > 0));
    check(plots(section).length === drawn.length, 'a chart per panel with runs');
    const before = plots(section).map(picture);

    const place = plots(section)[0].closest('.chart'), over = place.querySelector('.u-over');
    const box = over.getBoundingClientRect();
    over.dispatchEvent(new MouseEvent('mouseenter', {bubbles: true}));
    over.dispatchEvent(new MouseEvent('mousemove', {bubbles: true, clientX: box.left + box.width - 2, clientY: box.top + 20}));
    await soon();
    const words = place.querySelector('.readout').textContent;
    check(words.startsWith(experiment.curves.x_label), 'the cursor reads off x');
    const first = drawn[0].series.find((one) => one.runs.length > 0);
    check(words.includes(first.label), 'and the series');

    const mouse = (type, target, x) => target.dispatchEvent(new MouseEvent(type,
      {bubbles: true, button: 0, movementX: 20, clientX: box.left + x, clientY: box.top + 20}));
    mouse('mousedown', over, 10);
    for (const x of [30, box.width / 2]) {
      mouse('mousemove', over, x);
      await soon();
    }
    mouse('mouseup', document, box.width / 2);
    await soon();
    check(picture(plots(section)[0]) !== before[0], 'a drag zooms');
    mouse('dblclick', over, 20);
    await soon();
    check(picture(plots(section)[0]) === before[0], 'a double click resets');

    const key = section.querySelector('.keys button');
    key.click();
    await soon();
    check(key.getAttribute('aria-pressed') === 'false', 'a key says that its series is hidden');
    const name = experiment.columns[0].name;
    plots(section).forEach((plot, i) => {
      const has = drawn[i].series.some((one) => one.name === name && one.runs.length > 0);
      check((picture(plot) !== before[i]) === has, 'a hidden series is gone from every panel that had it');
    });
    key.click();
    await soon();
    plots(section).forEach((plot, i) => check(picture(plot) === before[i], 'and comes back'));

    const slider = section.querySelector('input.smoothing');
    slider.value = experiment.curves.smoothing > 0 ? 0 : 0.9;
    slider.dispatchEvent(new Event('input'));
    await soon();
    const long = drawn.some((panel) => panel.series.some((one) => one.runs.some((run) => new Set(run.y).size > 1)));
    check(plots(section).some((plot, i) => picture(plot) !== before[i]) === long, 'smoothing changes the curves');
    slider.value = experiment.curves.smoothing;
    slider.dispatchEvent(new Event('input'));
    await soon();
    const single = section.querySelector('input.single');
    single.click();
    await soon();
    const several = drawn.some((panel) => panel.series.some((one) => one.runs.length > 1));
    check(plots(section).some((plot, i) => picture(plot) !== before[i]) === several, 'single runs replace the mean');
    single.click();
  }

  try {
    check(data.experiments.length > 0, 'the page has an experiment');
    check(all('nav a').length === data.experiments.length, 'the contents list every experiment');
    for (const [i, experiment] of data.experiments.entries()) {
      const section = document.getElementById(`experiment-${i}`);
      const cells = checkTable(section, experiment);
      experiment.cells.forEach((row, r) => row.forEach((_, c) => checkPanel(section, cells[r][c], experiment, r, c)));
      checkComparison(section);
      checkClaims(section, experiment);
      await checkCurves(section, experiment);
    }
    check(document.querySelector('.hostile') === null, 'a label stays text');
    check(typeof window.hostile === 'undefined', 'a label runs no code');
    const asked = performance.getEntriesByType('resource').map((entry) => entry.name);
    check(asked.every((name) => name.startsWith('data:')), `the page asks for nothing: ${asked}`);
    const error = [...(window.pageErrors || [])];
    check(error.length === 0, `no error was thrown: ${error}`);
    document.body.append(Object.assign(document.createElement('pre'),
      {id: 'page-test', textContent: `PAGE-TEST ok ${checks} checks`}));
  } catch (error) {
    document.body.append(Object.assign(document.createElement('pre'),
      {id: 'page-test', textContent: `PAGE-TEST failed: ${error.message}`}));
  }
})();
