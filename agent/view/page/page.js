'use strict';
(() => {
  const $ = id => document.getElementById(id), body = document.body;
  if (!$('hl')) return void setTimeout(() => location.reload(), 30000);  // a page below: as it does without scripts
  const tiles = document.querySelector('.tiles');
  const refresh = 1000 * body.dataset.refresh;
  let heard = performance.now(), lostFor = 0, said = sessionStorage.said || $('hl').dataset.state, saidAt = -1e9, first = true;

  sessionStorage.removeItem('said');  // what was last said before the page read itself again

  const fill = (text, n) => text.replace(/\{\w+\}/, n), [S, MIN, H, DAYS] = body.dataset.ages.split('|');
  const age = s => s < 90 ? fill(S, Math.max(0, s).toFixed(0)) : s < 5400 ? fill(MIN, (s / 60).toFixed(0))  // as duration.py
    : s < 172800 ? fill(H, (s / 3600).toFixed(1)) : fill(DAYS, (s / 86400).toFixed(0));

  // Make element a like b, without touching what the reader has opened, focused or chosen.
  const morph = (a, b) => {
    if (a.nodeName !== b.nodeName || a.id !== b.id) return void a.replaceWith(b);
    if (a.nodeType === 3) return void (a.data !== b.data && (a.data = b.data));
    for (const {name, value} of [...b.attributes])
      if (name !== 'tabindex' && a.getAttribute(name) !== value) a.setAttribute(name, value);
    for (const {name} of [...a.attributes])
      if (name !== 'tabindex' && name !== 'open' && !b.hasAttribute(name)) a.removeAttribute(name);
    const x = [...a.childNodes], y = [...b.childNodes];
    y.forEach((n, i) => x[i] ? morph(x[i], n) : a.append(n));
    x.slice(y.length).forEach(n => n.remove());
  };

  const put = (id, html) => {
    const t = document.createElement('template');
    t.innerHTML = html;
    for (const el of t.content.querySelectorAll('[data-kept]')) if ($(el.id)) el.replaceWith($(el.id).cloneNode(true));
    t.content.firstChild.id = id;  // a box of a map comes without
    morph($(id), t.content.firstChild);
    for (const el of $(id).querySelectorAll('[data-age]')) el.since = heard;
  };
  // The alarms stay as they are, for 10 s at most, while somebody aims at a button: it must not become another one's.
  const aims = () => document.querySelector('.ack:is(:hover,:active,:focus-visible)');
  let later = [], since = 0;
  const alarms = html => {
    if (!later.length) since = performance.now();
    if (html) later.push(html);
    if (aims() && performance.now() - since < 10000) return;
    later.forEach(one => put('al', one));
    later = [];
  };

  const sort = worst => {
    worst.forEach(id => {
      const pack = $('p' + id.slice(2));
      tiles.append($(id));
      if (pack) pack.parentNode.append(pack);
    });
    document.querySelector('.cells h2').after(document.querySelector('.modes'));
  };

  const heardOf = e => {
    const m = JSON.parse(e.data);
    if (m.shape !== body.dataset.shape) { sessionStorage.said = said; return void location.reload(); }
    heard = performance.now();
    for (const [id, html] of Object.entries(m.slots)) id === 'al' ? alarms(html) : put(id, html);
    if (tiles && m.tiles.some((id, i) => tiles.children[i].id !== id)) sort(m.tiles);
    $('made').textContent = m.made;
    document.title = m.title;
    $('icon').href = m.icon;
    if (first) { first = false; roving(); }
    describe(document.activeElement);
    tick();
  };
  const events = window.EventSource && new EventSource('events' + body.dataset.query);
  if (events) events.onmessage = heardOf;
  else setTimeout(() => location.reload(), 30000);  // as the page does without scripts

  const tick = () => {
    const now = performance.now();
    if (later.length) alarms();
    const lost = Boolean(events) && now - heard > 2 * refresh;
    body.classList.toggle('lost', lost);
    if (lost) return void ($('strip').textContent = fill(body.dataset.lost, age((now - heard) / 1000)));
    for (const el of document.querySelectorAll('[data-age]'))
      el.textContent = age(+el.dataset.age + (now - (el.since || 0)) / 1000);
    const state = $('hl').dataset.state;
    if (state !== said && now - saidAt > 10000) { said = state; saidAt = now; $('say').textContent = state; }
  };
  setInterval(tick, 1000);

  // The maps: one tab stop each; arrows, Home and End move, Enter opens the cell.
  const roving = () => document.querySelectorAll('.map').forEach(map => {
    map.querySelectorAll('.k').forEach((k, i) => { k.id = `c${map.dataset.u}-${i}`; k.hasAttribute('tabindex') || (k.tabIndex = -1); });
    if (!map.querySelector('.k[tabindex="0"]')) ['.m1', '.m2', '.m3', '.k'].map(s => map.querySelector(s)).find(Boolean)?.setAttribute('tabindex', 0);
  });
  const centre = el => { const r = el.getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; };
  const vertical = (all, from, down) => {
    const [x, y] = centre(from);
    let best = from, least = Infinity;
    for (const el of all) {
      const [a, b] = centre(el), d = down ? b - y : y - b;
      if (d > 4 && d * 1000 + Math.abs(a - x) < least) { least = d * 1000 + Math.abs(a - x); best = el; }
    }
    return best;
  };
  document.addEventListener('keydown', e => {
    const at = e.target.closest('.k');
    if (!at || e.ctrlKey || e.altKey || e.metaKey) return;
    const map = at.closest('.map'), all = [...map.querySelectorAll('.k')], i = all.indexOf(at);
    const to = {ArrowRight: () => all[i + 1], ArrowLeft: () => all[i - 1], Home: () => all[0], End: () => all.at(-1),
      ArrowDown: () => vertical(all, at, true), ArrowUp: () => vertical(all, at, false)}[e.key];
    if (!to) return;
    e.preventDefault();
    const next = to() || at;
    at.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  const aged = new RegExp(`, ${fill(body.dataset.old, '\\d+')}$`);
  const describe = el => {
    const cell = el.closest('.k');
    if (!cell) return;
    const base = cell.getAttribute('aria-label').replace(aged, '');
    const seconds = +cell.closest('section').querySelector('[data-seconds]').dataset.seconds;
    const text = cell.dataset.a || !seconds ? base : `${base}, ${fill(body.dataset.old, Math.round(seconds))}`;
    cell.setAttribute('aria-label', text);
    cell.closest('section').querySelector('.now').textContent = text;
  };
  document.addEventListener('focusin', e => describe(e.target));
  roving();
  if (matchMedia('(min-width:1100px)').matches) $('more')?.setAttribute('open', '');
})();
