'use strict';
// Makes each drawing of a history one that zooms (drag; twice: all of it again) and tells its values under the pointer.
(() => {
  const style = getComputedStyle(document.body), ink = name => style.getPropertyValue(name).trim() || style.color;
  const text = style.color, faint = ink('--off'), edge = ink('--edge'), alarm = ink('--p1');
  const px = devicePixelRatio || 1, plots = [];

  // As the drawing without scripts has them; d.offset: of the box's local time.
  const local = d => s => new Date(1e3 * (s + d.offset) + 6e4 * new Date(1e3 * s).getTimezoneOffset());
  const [day, minute, second] = ['{DD} {MMM}', '{HH}:{mm}', '{HH}:{mm}:{ss}'].map(form => uPlot.fmtDate(form));

  const line = (u, x0, y0, x1, y1, colour, dash) => {
    const c = u.ctx;
    c.save(); c.beginPath(); c.strokeStyle = colour; c.lineWidth = 1.5 * px; c.setLineDash(dash.map(d => d * px));
    c.moveTo(x0, y0); c.lineTo(x1, y1); c.stroke(); c.restore();
  };

  const hatched = (u, gaps) => {
    const c = u.ctx, {left, top, width, height} = u.bbox;
    c.save(); c.beginPath(); c.rect(left, top, width, height); c.clip();
    c.strokeStyle = edge; c.lineWidth = px;
    for (const [a, b] of gaps) {
      const from = u.valToPos(a, 'x', true), to = u.valToPos(b, 'x', true);
      c.save(); c.beginPath(); c.rect(from, top, Math.max(to - from, px), height); c.clip(); c.beginPath();
      for (let x = from - height; x < to; x += 8 * px) { c.moveTo(x, top + height); c.lineTo(x + height, top); }
      c.stroke(); c.restore();
    }
    c.restore();
  };

  const marked = (u, d) => {
    const c = u.ctx, {left, top, width, height} = u.bbox;
    c.save(); c.fillStyle = text; c.font = `${12 * px}px sans-serif`; c.textAlign = 'left';
    for (const [limit, value] of d.limits) {
      const y = u.valToPos(value, 'y', true);
      if (y < top || y > top + height) continue;
      line(u, left, y, left + width, y, text, [2, 4]);
      c.fillText(`${limit} ${d.unit}`, left + 4 * px, y - 4 * px);
    }
    if (d.ahead) {
      const [now, soonest, likely, latest] = d.ahead.slice(0, 4).map(s => u.valToPos(d.begin + s, 'x', true));
      const [value, to] = d.ahead.slice(4).map(v => u.valToPos(v, 'y', true));
      c.save(); c.beginPath(); c.rect(left, top, width, height); c.clip();
      c.beginPath(); c.globalAlpha = .18; c.fillStyle = alarm;
      c.moveTo(now, value); c.lineTo(soonest, to); c.lineTo(latest, to); c.fill(); c.globalAlpha = 1;
      line(u, now, value, likely, to, alarm, [9, 5]);
      c.restore();
    }
    c.fillStyle = alarm;
    for (const [at, priority] of d.marks) {
      const x = u.valToPos(d.begin + at, 'x', true);
      if (x < left || x > left + width) continue;
      line(u, x, top, x, top + height, alarm, []);
      c.fillText(`▼ ${priority}`, x - 5 * px, top - 2 * px);
    }
    c.restore();
  };

  // What leads to this stretch, or takes it away as a file, follows the zoom.
  const follow = ({min, max}) => {
    for (const a of document.querySelectorAll('a[data-stretch]')) {
      const to = new URL(a.href);
      to.searchParams.set('end', Math.ceil(max));
      to.searchParams.set('span', Math.max(Math.ceil(max - min), 10));
      a.href = to;
    }
  };

  for (const figure of document.querySelectorAll('.hist')) {
    const d = JSON.parse(figure.querySelector('script').textContent), svg = figure.querySelector('svg');
    if (!d.t.length) continue;
    const gaps = d.gaps.map(gap => gap.map(s => d.begin + s));
    const told = (u, v) => v == null ? '--' : `${v} ${d.unit}`;
    const box = document.createElement('div');
    box.setAttribute('role', 'img');
    box.setAttribute('aria-label', svg.getAttribute('aria-label'));
    const axis = {stroke: text, grid: {stroke: edge, width: .5}, ticks: {stroke: edge}, font: '12px sans-serif'};
    const plot = new uPlot({
      width: figure.clientWidth, height: 280,
      tzDate: local(d),
      cursor: {sync: {key: 'history'}, drag: {x: true, y: false}},
      scales: {x: {range: (u, min, max) => min === d.begin + d.t[0] && max === d.begin + d.t.at(-1) ? [d.begin, d.end] : [min, max]},
        ...(d.ahead && {y: {range: (u, min, max) => uPlot.rangeNum(min, Math.max(max, d.ahead[5]), .1, true)}})},
      axes: [{...axis, values: (u, splits, n, space, step) => splits.map(s => (step < 60 ? second : step < 86400 ? minute : day)(local(d)(s)))},
        {...axis, size: 64}],
      series: [
        {value: '{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}', label: d.labels[0]},
        {label: d.labels[1], stroke: faint, value: told, points: {show: false}},
        {label: d.labels[2], stroke: faint, value: told, points: {show: false}},
        {label: d.labels[3], stroke: text, dash: [6, 4], value: told, points: {show: false}},
        {label: d.labels[4], stroke: text, width: 2, value: told},
      ],
      bands: [{series: [2, 1], fill: faint}],
      hooks: {
        drawClear: [u => hatched(u, gaps)],
        draw: [u => marked(u, d)],
        setScale: [(u, key) => key === 'x' && follow(u.scales.x)],
      },
    }, [d.t.map(s => d.begin + s), d.low, d.high, d.middle, d.value], box);
    svg.replaceWith(box);
    plots.push([plot, figure]);
  }
  addEventListener('resize', () => plots.forEach(([plot, figure]) => plot.setSize({width: figure.clientWidth, height: 280})));
})();
