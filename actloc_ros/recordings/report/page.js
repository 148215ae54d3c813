'use strict';
// Everything is in the page: typed columns as base64 in #data, sprite sheets in #sheet-N, clips in
// #clip-N. Names reach the document as text alone, never as markup.
(() => {
const $ = (id) => document.getElementById(id);
const data = JSON.parse($('data').textContent);
const KINDS = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };

function bytes(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const raw = atob(text), out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
  return out;
}
function column({ kind, data: text }) {
  const raw = bytes(text);
  return new KINDS[kind](raw.buffer, raw.byteOffset, raw.byteLength / KINDS[kind].BYTES_PER_ELEMENT);
}
const c = {};
for (const [name, each] of Object.entries(data.columns)) c[name] = column(each);
const N = c.view.length, views = data.views, labels = data.labels;
const dark = () => document.documentElement.dataset.theme === 'dark';
function element(tag, cls, text) {
  const e = document.createElement(tag);
  if (cls) e.className = cls;
  if (text !== undefined) e.textContent = text;
  return e;
}
function dot(label) {
  const e = element('i', 'dot');
  e.style.background = labels[label].colour;
  return e;
}
const spaced = (text) => text.replaceAll('_', ' ');

// Time. Starts are in s from data.origin; on the axis, cameras without times of day begin together at 0.
const two = (n) => String(n).padStart(2, '0');
function lasting(s) {
  if (s < 59.95) return s.toFixed(1) + ' s';
  const whole = Math.round(s), h = Math.floor(whole / 3600), m = Math.floor(whole / 60) % 60;
  return h ? `${h}:${two(m)}:${two(whole % 60)} h` : `${m}:${two(whole % 60)} min`;
}
function date(t, view) { return new Date((t + data.origin + view.offset) * 1000); }
function moment(t, view, withDay = true, tenths = false) {
  if (!data.wallClock) return lasting(t - view.zero);
  const d = date(t, view);
  const day = `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())} `;
  const time = `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`;
  return (withDay ? day : '') + time + (tenths ? '.' + Math.floor(d.getUTCMilliseconds() / 100) : '');
}
const at = (i) => data.wallClock ? c.start[i] : c.start[i] - views[c.view[i]].zero;
const first = Math.min(...views.map((v) => data.wallClock ? v.start : v.start - v.zero));
const last = Math.max(first + 1, ...views.map((v) => data.wallClock ? v.end : v.end - v.zero));

// Rows of the timeline: cameras; recordings where there is no time of day.
const rowOf = new Int32Array(views.length), rows = [];
{
  const known = new Map();
  views.forEach((v, n) => {
    const key = data.wallClock ? v.title : n;
    if (!known.has(key)) { known.set(key, rows.length); rows.push({ title: data.wallClock ? v.title : v.full, views: [], lanes: 1 }); }
    rowOf[n] = known.get(key);
    rows[rowOf[n]].views.push(n);
  });
}
// Lanes: each track has one of its own while it acts, as far as there are any; what it does at the same
// time as something else gets a half.
const MOST_LANES = 8, lane = new Uint8Array(N), half = new Uint8Array(N), byRow = rows.map(() => []);
for (let i = 0; i < N; i++) byRow[rowOf[c.view[i]]].push(i);
byRow.forEach((list, r) => {
  list.sort((a, b) => at(a) - at(b));
  const ends = new Map();
  for (const i of list) {
    const key = c.view[i] * 2 ** 32 + c.track[i];
    ends.set(key, Math.max(ends.get(key) ?? -Infinity, at(i) + c.duration[i]));
  }
  const free = [], given = new Map();
  for (const i of list) {
    const key = c.view[i] * 2 ** 32 + c.track[i];
    if (!given.has(key)) {
      let l = free.findIndex((end) => end <= at(i));
      if (l < 0) l = free.length < MOST_LANES ? free.length : free.indexOf(Math.min(...free));
      free[l] = ends.get(key);
      given.set(key, l);
    }
    lane[i] = given.get(key);
  }
  const now = new Map(); // of each track: the last actions of both halves
  for (const i of list) {
    const key = c.view[i] * 2 ** 32 + c.track[i], doing = now.get(key) ?? [];
    const [a, b] = doing, runs = (j) => j !== undefined && at(j) + c.duration[j] > at(i) + 0.02;
    if (runs(a)) { half[a] ||= 1; half[i] = 2; doing[1] = i; } else if (runs(b)) { half[i] = 1; doing[0] = i; } else { doing[0] = i; doing[1] = undefined; }
    now.set(key, doing);
  }
  rows[r].lanes = Math.max(1, free.length);
});

// Clips of each view by start.
const clipsOf = views.map(() => []);
data.clips.forEach((clip, n) => clipsOf[clip.view].push({ ...clip, n }));
clipsOf.forEach((list) => list.sort((a, b) => a.start - b.start));
function clipOf(i) {
  const list = clipsOf[c.view[i]], t = c.start[i] + 1e-6;
  let low = 0, high = list.length;
  while (low < high) { const m = (low + high) >> 1; if (list[m].start <= t) low = m + 1; else high = m; }
  return low && list[low - 1].end > t ? list[low - 1] : null;
}
const playable = new Uint8Array(N);
for (let i = 0; i < N; i++) playable[i] = clipOf(i) ? 1 : 0;
const files = new Map();
function urlOf(id, type) {
  if (!files.has(id)) {
    const source = $(id);
    if (!source) return null; // not parsed yet
    files.set(id, URL.createObjectURL(new Blob([bytes(source.textContent)], { type })));
    source.remove();
  }
  return files.get(id);
}
function setThumb(box, i) {
  const n = c.sprite[i], s = data.sprites;
  if (n < 0) { box.style.backgroundImage = ''; box.style.boxShadow = `inset 0 0 0 3px ${labels[c.label[i]].colour}`; return; }
  const url = urlOf('sheet-' + Math.floor(n / s.perSheet), 'image/webp'), k = n % s.perSheet;
  const w = box.clientWidth || 74, h = box.clientHeight || 56;
  box.style.boxShadow = '';
  box.style.backgroundImage = url ? `url("${url}")` : '';
  box.style.backgroundSize = `${w * s.columns}px auto`;
  box.style.backgroundPosition = `${-w * (k % s.columns)}px ${-h * Math.floor(k / s.columns)}px`;
}

// Filters.
const on = new Uint8Array(labels.length).fill(1);
const filter = { camera: '', score: 0, from: -Infinity, to: Infinity, playable: false };
let shown = [], ordered = [], chosen = -1;
const accepted = new Uint8Array(N);
function accepts(i) {
  const t = at(i);
  return on[c.label[i]] && c.score[i] >= filter.score && (!filter.camera || views[c.view[i]].key === filter.camera)
    && t <= filter.to && t + c.duration[i] >= filter.from && (!filter.playable || playable[i]);
}
function apply() {
  shown = [];
  for (let i = 0; i < N; i++) if ((accepted[i] = accepts(i) ? 1 : 0)) shown.push(i);
  $('count').textContent = `${shown.length.toLocaleString('en')} of ${N.toLocaleString('en')} actions`;
  sortList();
  drawTimeline();
  drawOverview();
  drawSide();
}
const ORDERS = {
  time: (a, b) => at(a) - at(b) || a - b,
  interest: (a, b) => c.interest[b] - c.interest[a] || a - b,
  score: (a, b) => c.score[b] - c.score[a] || a - b,
  duration: (a, b) => c.duration[b] - c.duration[a] || a - b,
};
function sortList() {
  ordered = [...shown].sort(ORDERS[$('order').value]);
  $('items').style.height = ordered.length * ITEM + 'px';
  drawn.forEach((e) => e.remove());
  drawn.clear();
  drawList();
}

// The list: only what is visible is in the document.
const ITEM = 64, drawn = new Map();
function drawList() {
  const box = $('list'), from = Math.max(0, Math.floor(box.scrollTop / ITEM) - 4);
  const to = Math.min(ordered.length, Math.ceil((box.scrollTop + box.clientHeight) / ITEM) + 4);
  for (const [n, e] of drawn) if (n < from || n >= to) { e.remove(); drawn.delete(n); }
  for (let n = from; n < to; n++) if (!drawn.has(n)) { const e = item(n); drawn.set(n, e); $('items').append(e); setThumb(e.firstChild, ordered[n]); }
  for (const [n, e] of drawn) e.setAttribute('aria-selected', ordered[n] === chosen);
  const now = ordered.indexOf(chosen);
  if (drawn.has(now)) $('list').setAttribute('aria-activedescendant', 'item-' + now);
  else $('list').removeAttribute('aria-activedescendant');
}
function item(n) {
  const i = ordered[n], v = views[c.view[i]], e = element('div', 'item');
  e.id = 'item-' + n;
  e.setAttribute('role', 'option');
  e.style.top = n * ITEM + 'px';
  e.dataset.row = i;
  e.append(element('div', 'thumb' + (playable[i] ? ' can' : '')));
  const text = element('div', 'text'), name = element('div', 'name');
  name.append(dot(c.label[i]), element('span', '', spaced(labels[c.label[i]].name)), element('span', 'faint', '#' + c.track[i]));
  text.append(name, element('div', 'when', moment(c.start[i], v)), element('div', 'faint', v.full));
  const numbers = element('div', 'numbers');
  numbers.append(element('div', '', c.score[i].toFixed(2)), element('div', '', lasting(c.duration[i])));
  e.append(text, numbers);
  return e;
}
function reveal(n) {
  const box = $('list'), top = n * ITEM;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + ITEM > box.scrollTop + box.clientHeight) box.scrollTop = top + ITEM - box.clientHeight;
}
$('list').addEventListener('scroll', () => requestAnimationFrame(drawList), { passive: true });
$('list').addEventListener('click', (event) => {
  const e = event.target.closest('.item');
  if (e) choose(Number(e.dataset.row), false);
});
$('list').addEventListener('keydown', (event) => {
  const now = ordered.indexOf(chosen), page = Math.max(1, Math.floor($('list').clientHeight / ITEM) - 1);
  const to = { ArrowDown: now + 1, ArrowUp: now - 1, PageDown: now + page, PageUp: now - page, Home: 0, End: ordered.length - 1, Enter: now, ' ': now }[event.key];
  if (to === undefined || !ordered.length) return;
  event.preventDefault();
  choose(ordered[Math.min(ordered.length - 1, Math.max(0, to))], true);
});

// The player.
const video = $('video');
function choose(i, show = true) {
  chosen = i;
  if (show) reveal(ordered.indexOf(i));
  drawList();
  play(i);
  describe(i);
  drawTimeline();
}
function play(i) {
  const clip = clipOf(i), still = $('still'), missing = $('missing');
  const url = clip && (clip.file || urlOf('clip-' + clip.n, 'video/mp4'));
  video.hidden = !url;
  still.hidden = Boolean(url) || c.sprite[i] < 0;
  missing.hidden = Boolean(url);
  if (url) {
    const begin = Math.max(0, c.start[i] - clip.start - 1);
    if (video.dataset.clip !== String(clip.n)) { video.dataset.clip = clip.n; video.src = url; }
    video.currentTime = begin;
    video.play().catch(() => {});
    return;
  }
  video.pause();
  missing.textContent = clip ? 'The clip is still being loaded; try again.' : data.noClip;
  if (!still.hidden) { // the thumbnail at its own size, enlarged
    const n = c.sprite[i], s = data.sprites, k = n % s.perSheet, image = new Image();
    image.onload = () => {
      const canvas = document.createElement('canvas');
      canvas.width = s.width; canvas.height = s.height;
      canvas.getContext('2d').drawImage(image, -s.width * (k % s.columns), -s.height * Math.floor(k / s.columns));
      still.style.backgroundImage = `url("${canvas.toDataURL()}")`;
    };
    const sheet = urlOf('sheet-' + Math.floor(n / s.perSheet), 'image/webp');
    if (sheet) image.src = sheet;
  }
}
video.addEventListener('error', () => {
  if (!video.src || video.hidden) return;
  video.hidden = true;
  $('missing').hidden = false;
  $('missing').textContent = 'This browser cannot play the clip (H.264), or its file is not beside the page.';
});
function describe(i) {
  const box = $('detail'), v = views[c.view[i]];
  const title = element('div', 'title'), name = element('span', '', `${spaced(labels[c.label[i]].name)}  #${c.track[i]}`);
  const back = element('button', '', '‹'), next = element('button', '', '›');
  back.title = 'The one before'; next.title = 'The next one';
  back.onclick = () => step(-1); next.onclick = () => step(1);
  title.append(dot(c.label[i]), name, back, next);
  box.replaceChildren(title);
  const facts = [['time', `${moment(c.start[i], v, true, true)}, for ${lasting(c.duration[i])}`], ['score', c.score[i].toFixed(2)], ['camera', v.camera], ['recording', v.recording]];
  if (data.wallClock) facts.push(['in it', 'at ' + lasting(c.start[i] - v.zero)]);
  for (const [key, value] of facts) if (value) box.append(element('span', 'key', key), element('span', 'value', value));
}
function step(by) {
  const n = ordered.indexOf(chosen) + by;
  if (n >= 0 && n < ordered.length) choose(ordered[n]);
}

// The timeline.
const plot = $('plot'), LEFT = 150, RULER = 24, LANE = 12, GAP = 10;
let t0 = first, t1 = last, tops = [], hover = null;
function layout() {
  let y = RULER + 6;
  tops = rows.map((row) => { const top = y; y += row.lanes * LANE + GAP; return top; });
  $('spacer').style.height = y + 'px';
  return y;
}
const bottom = layout();
function colours() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(['panel', 'rule', 'ink', 'faint', 'lane', 'alert', 'warn', 'accent'].map((n) => [n, style.getPropertyValue('--' + n).trim()]));
}
function prepare(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
    canvas.style.height = height + 'px';
  }
  const g = canvas.getContext('2d');
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  return g;
}
const plotWidth = () => $('rows').clientWidth - LEFT - 12;
const X = (t) => LEFT + (t - t0) / (t1 - t0) * plotWidth();
const T = (x) => t0 + (x - LEFT) / plotWidth() * (t1 - t0);
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000, 7776000, 31536000];
function marks() {
  const want = Math.max(2, Math.floor(plotWidth() / 110)), span = t1 - t0;
  const step = STEPS.find((s) => span / s <= want) ?? STEPS.at(-1);
  const shift = data.wallClock ? data.origin + views[0].offset : 0, out = [];
  for (let t = Math.ceil((t0 + shift) / step) * step - shift; t <= t1; t += step) out.push([t, markText(t, step)]);
  return out;
}
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
function markText(t, step) {
  if (!data.wallClock) return step < 1 ? t.toFixed(1) + ' s' : t < 60 ? Math.round(t) + ' s' : lasting(t).replace(/ (min|h)$/, '');
  const d = date(t, views[0]), day = `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]}`;
  if (step >= 86400) return day;
  const time = `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}` + (step < 60 ? ':' + two(d.getUTCSeconds()) : '');
  return time === '00:00' ? day : time;
}
let waiting = false;
function drawTimeline() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; paint(); });
}
function paint() {
  const box = $('rows'), width = box.clientWidth, height = Math.min(bottom, box.clientHeight || bottom);
  const g = prepare(plot, width, height), k = colours(), scrolled = box.scrollTop;
  g.fillStyle = k.panel; g.fillRect(0, 0, width, height);
  g.font = '12px system-ui, "DejaVu Sans", sans-serif';
  g.textBaseline = 'middle';
  g.save();
  g.beginPath(); g.rect(0, RULER, width, height - RULER); g.clip();
  rows.forEach((row, r) => {
    const top = tops[r] - scrolled, tall = row.lanes * LANE;
    if (top + tall < RULER || top > height) return;
    g.fillStyle = k.lane;
    for (const n of row.views) {
      const v = views[n], a = data.wallClock ? v.start : v.start - v.zero, b = data.wallClock ? v.end : v.end - v.zero;
      const x1 = Math.max(LEFT, X(a)), x2 = Math.min(width - 12, X(b));
      if (x2 > x1) g.fillRect(x1, top - 2, x2 - x1, tall + 3);
    }
  });
  const ticks = marks();
  g.fillStyle = k.rule;
  for (const [t] of ticks) g.fillRect(Math.round(X(t)), RULER, 1, height);
  rows.forEach((row, r) => {
    const top = tops[r] - scrolled, tall = row.lanes * LANE;
    if (top + tall < RULER || top > height) return;
    g.save();
    g.beginPath(); g.rect(LEFT, RULER, width - LEFT - 12, height); g.clip();
    paintRow(g, k, r, top);
    g.restore();
    g.fillStyle = k.ink; g.textAlign = 'right';
    g.fillText(fitted(g, row.title, LEFT - 22), LEFT - 10, top + tall / 2 - 1);
  });
  g.restore();
  g.fillStyle = k.panel; g.fillRect(0, 0, width, RULER);
  g.fillStyle = k.faint; g.textAlign = 'center'; g.font = '11px system-ui, "DejaVu Sans", sans-serif';
  for (const [t, text] of ticks) { const x = X(t); if (x > LEFT - 1 && x < width - 20) g.fillText(text, x, RULER / 2); }
}
function paintRow(g, k, r, top) {
  const scale = plotWidth() / (t1 - t0), painted = new Float64Array(rows[r].lanes * labels.length).fill(-1);
  const clear = [];
  for (const i of byRow[r]) {
    const t = at(i);
    if (t > t1) break;
    if (!accepted[i] || t + c.duration[i] < t0) continue;
    const x = LEFT + (t - t0) * scale, w = Math.max(1.5, c.duration[i] * scale), key = lane[i] * labels.length + c.label[i];
    if (x + w <= painted[key] + 0.75) continue; // within a pixel of what is there already
    painted[key] = x + w;
    g.fillStyle = labels[c.label[i]].colour;
    const tall = half[i] ? (LANE - 2) / 2 : LANE - 2, below = half[i] === 2 ? tall : 0;
    g.fillRect(x, top + lane[i] * LANE + below, w > 3 ? w - 0.75 : w, tall);
    if (w > 56 && !half[i]) clear.push([i, x, w]);
  }
  g.font = '10px system-ui, "DejaVu Sans", sans-serif'; g.textAlign = 'left';
  for (const [i, x, w] of clear) {
    const from = Math.max(x, LEFT) + 4, text = `#${c.track[i]} ${spaced(labels[c.label[i]].name)}`;
    g.fillStyle = labels[c.label[i]].ink;
    if (g.measureText(text).width < x + w - from - 3) g.fillText(text, from, top + lane[i] * LANE + (LANE - 2) / 2 + 0.5);
  }
  for (const alarm of data.alarms) {
    if (rowOf[alarm.view] !== r) continue;
    const x = X(data.wallClock ? alarm.start : alarm.start - views[alarm.view].zero), tall = rows[r].lanes * LANE;
    if (x < LEFT - 6 || x > LEFT + plotWidth() + 6) continue;
    g.fillStyle = alarm.severity === 'alert' ? k.alert : k.warn;
    g.fillRect(x - 0.75, top - 5, 1.5, tall + 6);
    g.beginPath(); g.moveTo(x - 4, top - 7); g.lineTo(x + 4, top - 7); g.lineTo(x, top - 1); g.fill();
  }
  for (const i of new Set([chosen, hover])) {
    if (i === null || i < 0 || rowOf[c.view[i]] !== r) continue;
    g.strokeStyle = k.ink; g.lineWidth = 1.5;
    g.strokeRect(X(at(i)) - 1.5, top + lane[i] * LANE - 1.5, Math.max(1.5, c.duration[i] * scale) + 3, LANE + 1);
  }
}
function fitted(g, text, width) {
  if (g.measureText(text).width <= width) return text;
  let most = text.length;
  const cut = () => text.slice(0, Math.ceil(most / 2)) + '…' + text.slice(text.length - Math.floor(most / 2));
  while (most > 2 && g.measureText(cut()).width > width) most--;
  return cut();
}
function hit(event) {
  const box = plot.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
  if (x < LEFT || y < RULER) return null;
  const down = y + $('rows').scrollTop, r = rows.findIndex((row, n) => down >= tops[n] - 2 && down < tops[n] + row.lanes * LANE + 2);
  if (r < 0) return null;
  const l = Math.min(rows[r].lanes - 1, Math.max(0, Math.floor((down - tops[r]) / LANE))), slack = 3 / plotWidth() * (t1 - t0), t = T(x);
  const lower = (down - tops[r]) / LANE - l > 0.4 ? 2 : 1;
  let best = null, nearest = slack;
  for (const i of byRow[r]) {
    if (at(i) - slack > t) break;
    if (!accepted[i] || lane[i] !== l || (half[i] && half[i] !== lower)) continue;
    const away = Math.max(0, at(i) - t, t - at(i) - c.duration[i]);
    if (away < nearest || (away === 0 && nearest === 0)) { best = i; nearest = away; }
  }
  return best;
}
function look(a, b) {
  const span = Math.min(Math.max(b - a, 0.5), last - first + 1e-9), limit = Math.min(Math.max(a, first), last - span);
  t0 = limit; t1 = limit + span;
  drawTimeline(); drawOverview();
}
function zoom(factor, centre = (t0 + t1) / 2) { look(centre - (centre - t0) * factor, centre + (t1 - centre) * factor); }
const move = (share) => look(t0 + share * (t1 - t0), t1 + share * (t1 - t0));
plot.addEventListener('wheel', (event) => {
  const across = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
  if (!across && event.offsetX < LEFT) return; // over the names: scroll the rows
  event.preventDefault();
  if (across) move((event.deltaX || event.deltaY) / 900);
  else zoom(Math.exp(Math.min(200, Math.max(-200, event.deltaY)) / 400), T(event.offsetX));
}, { passive: false });
let drag = null;
plot.addEventListener('pointerdown', (event) => {
  drag = { x: event.clientX, y: event.clientY, t0, t1, scroll: $('rows').scrollTop, far: false };
  plot.setPointerCapture(event.pointerId);
});
plot.addEventListener('pointermove', (event) => {
  if (drag) {
    const by = event.clientX - drag.x;
    if (Math.hypot(by, event.clientY - drag.y) > 4) { drag.far = true; plot.classList.add('moving'); }
    if (drag.far) {
      const shift = -by / plotWidth() * (drag.t1 - drag.t0);
      $('rows').scrollTop = drag.scroll - (event.clientY - drag.y);
      look(drag.t0 + shift, drag.t1 + shift);
    }
    return;
  }
  const i = hit(event);
  if (i !== hover) { hover = i; drawTimeline(); }
  plot.style.cursor = i === null ? '' : 'pointer';
  tip(event, i);
});
function release(event) {
  if (drag && !drag.far && event.type === 'pointerup') { const i = hit(event); if (i !== null) choose(i); }
  drag = null;
  plot.classList.remove('moving');
}
plot.addEventListener('pointerup', release);
plot.addEventListener('pointercancel', release);
plot.addEventListener('pointerleave', () => { hover = null; $('tip').hidden = true; drawTimeline(); });
plot.addEventListener('dblclick', (event) => zoom(0.4, T(event.offsetX)));
function tip(event, i) {
  const box = $('tip');
  box.hidden = i === null;
  if (i === null) return;
  const v = views[c.view[i]];
  box.textContent = `#${c.track[i]} ${spaced(labels[c.label[i]].name)} ${c.score[i].toFixed(2)} · ${moment(c.start[i], v)} · ${lasting(c.duration[i])}`;
  box.style.left = Math.min(event.clientX + 14, innerWidth - box.offsetWidth - 8) + 'px';
  box.style.top = Math.min(event.clientY + 16, innerHeight - box.offsetHeight - 8) + 'px';
}
$('rows').addEventListener('scroll', drawTimeline, { passive: true });
$('rows').addEventListener('keydown', (event) => {
  const act = { ArrowLeft: () => move(-0.2), ArrowRight: () => move(0.2), '+': () => zoom(0.6), '=': () => zoom(0.6), '-': () => zoom(1 / 0.6), 0: () => look(first, last) }[event.key];
  if (act && !event.ctrlKey && !event.metaKey) { event.preventDefault(); act(); }
});
function drawOverview() {
  const canvas = $('overview'), width = canvas.clientWidth, height = 34, g = prepare(canvas, width, height), k = colours();
  const inner = plotWidth(), counts = new Uint32Array(Math.max(1, Math.floor(inner / 3)));
  for (const i of shown) counts[Math.min(counts.length - 1, Math.floor((at(i) - first) / (last - first) * counts.length))]++;
  const most = Math.max(1, ...counts);
  g.clearRect(0, 0, width, height);
  const a = LEFT + (t0 - first) / (last - first) * inner, b = LEFT + (t1 - first) / (last - first) * inner;
  g.fillStyle = k.lane; g.fillRect(a, 0, Math.max(2, b - a), height);
  g.fillStyle = k.accent;
  counts.forEach((n, p) => { if (n) { const tall = 3 + 25 * n / most; g.fillRect(LEFT + p * inner / counts.length, height - 2 - tall, Math.max(1, inner / counts.length - 1), tall); } });
  g.fillStyle = k.faint; g.font = '11px system-ui, "DejaVu Sans", sans-serif'; g.textBaseline = 'middle'; g.textAlign = 'right';
  g.fillText('all', LEFT - 10, height / 2);
  if (b - a < inner - 1) { g.strokeStyle = k.faint; g.lineWidth = 1; g.strokeRect(a + 0.5, 0.5, Math.max(2, b - a - 1), height - 2); }
}
let brush = false;
function jump(event) {
  const share = (event.offsetX - LEFT) / plotWidth(), middle = first + share * (last - first), half = (t1 - t0) / 2;
  look(middle - half, middle + half);
}
$('overview').addEventListener('pointerdown', (event) => { brush = true; $('overview').setPointerCapture(event.pointerId); jump(event); });
$('overview').addEventListener('pointermove', (event) => { if (brush) jump(event); });
$('overview').addEventListener('pointerup', () => { brush = false; });

// Figures: of what is filtered.
function median(values) {
  const sorted = Float32Array.from(values).sort(), m = sorted.length >> 1;
  return sorted.length % 2 ? sorted[m] : (sorted[m - 1] + sorted[m]) / 2;
}
function drawStatistics() {
  const of = labels.map(() => []);
  for (const i of shown) of[c.label[i]].push(i);
  const table = element('table'), head = element('tr');
  for (const name of ['action', 'times', 'people', 'in all', 'median', 'longest']) head.append(element('th', '', name));
  table.append(head);
  const most = Math.max(1, ...of.map((list) => list.length));
  labels.map((_, l) => l).filter((l) => of[l].length).sort((a, b) => of[b].length - of[a].length).forEach((l) => {
    const row = element('tr'), name = element('td'), lasted = of[l].map((i) => c.duration[i]), bar = element('span', 'meter');
    bar.style.background = labels[l].colour;
    bar.style.width = Math.max(1, 100 * of[l].length / most) + '%';
    name.append(dot(l), spaced(labels[l].name), bar);
    name.title = labels[l].name;
    row.append(name, ...[of[l].length.toLocaleString('en'), new Set(of[l].map((i) => c.view[i] * 2 ** 32 + c.track[i])).size.toLocaleString('en'),
      lasting(lasted.reduce((a, b) => a + b, 0)), lasting(median(lasted)), lasting(lasted.reduce((a, b) => Math.max(a, b), 0))].map((text) => element('td', '', text)));
    table.append(row);
  });
  $('statistics').replaceChildren(table);
  if (!shown.length) $('statistics').replaceChildren(element('p', 'faint', 'Nothing passes the filters.'));
  const note = element('div', 'note');
  note.append(element('h2', '', data.unusualTitle));
  if (data.unusual.length) {
    const list = element('ul');
    for (const text of data.unusual) list.append(element('li', '', text));
    note.append(list);
  } else note.append(element('p', '', data.unusualNone));
  $('statistics').append(note);
}
const COLUMNS = 32, ROWS = 18;
function drawPlaces() {
  const box = $('places'), maps = element('div', 'maps'), k = colours(), style = getComputedStyle(document.documentElement), spot = style.getPropertyValue('--spot');
  const grids = new Map();
  for (const i of shown) {
    const v = views[c.view[i]];
    if (!grids.has(v.title)) grids.set(v.title, { view: v, grid: new Float32Array(COLUMNS * ROWS) });
    const grid = grids.get(v.title).grid, q = 65535;
    const x1 = Math.min(COLUMNS - 1, Math.floor(c.x1[i] / q * COLUMNS)), x2 = Math.max(x1 + 1, Math.ceil(c.x2[i] / q * COLUMNS));
    const y1 = Math.min(ROWS - 1, Math.floor(c.y1[i] / q * ROWS)), y2 = Math.max(y1 + 1, Math.ceil(c.y2[i] / q * ROWS));
    const share = c.duration[i] / ((x2 - x1) * (y2 - y1));
    for (let y = y1; y < Math.min(ROWS, y2); y++) for (let x = x1; x < Math.min(COLUMNS, x2); x++) grid[y * COLUMNS + x] += share;
  }
  box.replaceChildren(element('h2', '', 'Where, by how long'), maps);
  [...grids].slice(0, 24).forEach(([title, { view, grid }]) => {
    const figure = element('figure'), canvas = element('canvas'), most = grid.reduce((a, b) => Math.max(a, b), 0) || 1;
    canvas.width = 320; canvas.height = Math.round(320 * Math.min(1.4, view.height / view.width));
    const g = canvas.getContext('2d'), draw = () => {
      for (let y = 0; y < ROWS; y++) for (let x = 0; x < COLUMNS; x++) {
        const value = grid[y * COLUMNS + x] / most;
        if (value < 0.01) continue;
        g.fillStyle = `rgba(${spot}, ${(0.8 * Math.sqrt(value)).toFixed(3)})`;
        const left = Math.round(x * canvas.width / COLUMNS), top = Math.round(y * canvas.height / ROWS);
        g.fillRect(left, top, Math.round((x + 1) * canvas.width / COLUMNS) - left, Math.round((y + 1) * canvas.height / ROWS) - top);
      }
    };
    g.fillStyle = k.lane; g.fillRect(0, 0, canvas.width, canvas.height);
    if (view.picture) {
      const image = new Image();
      image.onload = () => { g.globalAlpha = 0.5; g.filter = 'grayscale(1)'; g.drawImage(image, 0, 0, canvas.width, canvas.height); g.globalAlpha = 1; g.filter = 'none'; draw(); };
      image.src = view.picture;
    } else draw();
    figure.append(canvas, element('figcaption', '', title));
    maps.append(figure);
  });
  box.append(element('h2', '', data.wallClock ? 'When, by hour of the day' : 'When, by time in the recording'));
  const canvas = element('canvas'), used = labels.map((_, l) => l).filter((l) => shown.some((i) => c.label[i] === l));
  canvas.id = 'when';
  box.append(canvas);
  if (!box.hidden) drawWhen(canvas, used, k, style.getPropertyValue('--heat'));
}
function drawWhen(canvas, used, k, heat) {
  const BINS = 24, span = data.wallClock ? 0 : Math.max(...views.map((v) => v.end - v.zero)), counts = labels.map(() => new Uint32Array(BINS));
  for (const i of shown) counts[c.label[i]][data.wallClock ? date(c.start[i], views[c.view[i]]).getUTCHours() : Math.min(BINS - 1, Math.floor(at(i) / span * BINS))]++;
  const width = canvas.clientWidth || 380, names = 96, cell = (width - names) / BINS, tall = 18, g = prepare(canvas, width, 18 + used.length * tall);
  g.clearRect(0, 0, width, 18 + used.length * tall);
  g.font = '10px system-ui, "DejaVu Sans", sans-serif'; g.textBaseline = 'middle';
  g.fillStyle = k.faint; g.textAlign = 'left';
  for (let b = 0; b < BINS; b += data.wallClock ? 3 : 8) g.fillText(data.wallClock ? two(b) : lasting(b * span / BINS), names + b * cell, 8);
  used.forEach((l, n) => {
    const most = Math.max(...counts[l]), y = 18 + n * tall;
    g.fillStyle = k.ink; g.textAlign = 'right'; g.fillText(fitted(g, spaced(labels[l].name), names - 8), names - 8, y + tall / 2);
    for (let b = 0; b < BINS; b++) {
      g.fillStyle = k.lane; g.fillRect(names + b * cell, y, cell - 1.5, tall - 1.5);
      if (counts[l][b]) { g.fillStyle = `rgba(${heat}, ${0.15 + 0.85 * counts[l][b] / most})`; g.fillRect(names + b * cell, y, cell - 1.5, tall - 1.5); }
    }
  });
}
function drawAlarms() {
  const box = $('alarms'), list = data.alarms.filter((a) => !filter.camera || views[a.view].key === filter.camera).filter((a) => {
    const t = data.wallClock ? a.start : a.start - views[a.view].zero;
    return t <= filter.to && t >= filter.from;
  });
  $('tab-alarms').replaceChildren('Alarms');
  if (data.alarms.length) $('tab-alarms').append(' ', element('em', '', list.length));
  if (!data.alarms.length) { box.replaceChildren(element('p', 'faint', 'The index has no alarms; they come with actloc index --rules FILE.')); return; }
  if (box.hidden) return;
  box.replaceChildren(...list.slice(0, 500).map((a) => {
    const e = element('button', 'alarm ' + (a.severity === 'alert' ? 'alert' : ''));
    e.append(element('b', '', a.severity), element('span', '', spaced(a.rule) + (a.tracks.length ? '  ' + a.tracks.map((t) => '#' + t).join(' ') : '')),
      element('span', 'faint', `${moment(a.start, views[a.view])} ${views[a.view].title}`));
    e.onclick = () => showAlarm(a);
    return e;
  }));
}
function showAlarm(a) {
  const t = data.wallClock ? a.start : a.start - views[a.view].zero;
  look(t - 15, t + 15);
  const near = byRow[rowOf[a.view]].filter((i) => c.view[i] === a.view);
  const score = (i) => Math.abs(c.start[i] - a.start) + (a.tracks.includes(c.track[i]) ? 0 : 1e6) + (playable[i] ? 0 : 1e3);
  if (near.length) choose(near.reduce((x, y) => score(y) < score(x) ? y : x));
}
function drawSide() {
  if (!$('statistics').hidden) drawStatistics();
  if (!$('places').hidden) drawPlaces();
  drawAlarms();
}
const tabs = ['statistics', 'places', 'alarms'];
function openTab(name) {
  for (const each of tabs) {
    $(each).hidden = each !== name;
    $('tab-' + each).setAttribute('aria-selected', each === name);
    $('tab-' + each).tabIndex = each === name ? 0 : -1;
  }
  drawSide();
}
tabs.forEach((name, n) => {
  $('tab-' + name).onclick = () => openTab(name);
  $('tab-' + name).addEventListener('keydown', (event) => {
    const to = { ArrowRight: tabs[(n + 1) % tabs.length], ArrowLeft: tabs[(n + tabs.length - 1) % tabs.length] }[event.key];
    if (to) { openTab(to); $('tab-' + to).focus(); }
  });
});

// Export.
function records() {
  return [...shown].sort(ORDERS.time).map((i) => {
    const v = views[c.view[i]], q = 65535, r = (x) => Math.round(x * 1e4) / 1e4;
    const record = { recording: v.recording, camera: v.camera, label: labels[c.label[i]].name, track: c.track[i],
      start: Math.round((c.start[i] - v.zero) * 1e3) / 1e3, end: Math.round((c.start[i] + c.duration[i] - v.zero) * 1e3) / 1e3,
      score: r(c.score[i]), x1: r(c.x1[i] / q), y1: r(c.y1[i] / q), x2: r(c.x2[i] / q), y2: r(c.y2[i] / q) };
    if (data.wallClock) record.time = new Date((c.start[i] + data.origin) * 1000).toISOString();
    return record;
  });
}
function cell(value) {
  let text = String(value ?? '');
  if (typeof value === 'string' && /^[=+\-@\t\r]/.test(text)) text = "'" + text; // no formula for spreadsheets
  return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
}
function save(name, text, type) {
  const link = element('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
$('export-csv').onclick = () => {
  const names = ['recording', 'camera', 'label', 'track', 'start', 'end', 'score', 'x1', 'y1', 'x2', 'y2', ...(data.wallClock ? ['time'] : [])];
  save('actions.csv', [names, ...records().map((r) => names.map((n) => r[n]))].map((row) => row.map(cell).join(',') + '\r\n').join(''), 'text/csv');
};
$('export-json').onclick = () => save('actions.json', JSON.stringify(records(), null, 1) + '\n', 'application/json');

// Controls.
const totals = new Uint32Array(labels.length);
for (let i = 0; i < N; i++) totals[c.label[i]]++;
labels.forEach((label, l) => {
  if (!totals[l]) return;
  const e = element('button');
  e.append(dot(l), spaced(label.name), element('b', '', totals[l].toLocaleString('en')));
  e.setAttribute('aria-pressed', 'true');
  e.dataset.label = label.name;
  e.title = 'Click: show or hide; double click: this alone';
  e.onclick = () => { on[l] ^= 1; e.setAttribute('aria-pressed', Boolean(on[l])); apply(); };
  e.ondblclick = () => { on.fill(0); on[l] = 1; pressed(); apply(); };
  label.button = e;
  $('labels').append(e);
});
function pressed() { labels.forEach((label, l) => label.button?.setAttribute('aria-pressed', Boolean(on[l]))); }
{
  const keys = new Map(views.map((v) => [v.key, v.key]));
  $('camera').append(new Option(`all ${keys.size}`, ''), ...[...keys.keys()].map((key) => new Option(key, key)));
}
function readTime(text) {
  text = text.trim();
  if (!text) return null;
  if (data.wallClock) {
    const m = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d?):(\d\d)(?::(\d\d(?:\.\d+)?))?)?$/.exec(text);
    return m ? Date.UTC(+m[1], m[2] - 1, +m[3], +(m[4] ?? 0), +(m[5] ?? 0)) / 1000 + Number(m[6] ?? 0) - data.origin - views[0].offset : NaN;
  }
  const parts = text.replace(/ ?(s|min|h)$/, '').split(':').map(Number);
  return parts.length <= 3 ? parts.reduce((sum, part) => sum * 60 + part, 0) : NaN;
}
function writeTime(t) { return data.wallClock ? moment(t, views[0]) : lasting(t).replace(/ (s|min|h)$/, ''); }
function limit(id, name, open) {
  const t = readTime($(id).value);
  $(id).classList.toggle('bad', Number.isNaN(t));
  filter[name] = t === null || Number.isNaN(t) ? open : t;
  apply();
}
$('from').placeholder = writeTime(first); $('to').placeholder = writeTime(last);
$('from').onchange = () => limit('from', 'from', -Infinity);
$('to').onchange = () => limit('to', 'to', Infinity);
$('camera').onchange = () => { filter.camera = $('camera').value; apply(); };
$('score').oninput = () => { filter.score = $('score').value / 100; $('score-value').textContent = filter.score.toFixed(2); apply(); };
$('playable').onchange = () => { filter.playable = $('playable').checked; apply(); };
$('visible').onclick = () => { $('from').value = writeTime(t0); $('to').value = writeTime(t1); filter.from = t0; filter.to = t1; apply(); };
$('order').onchange = () => { $('list').scrollTop = 0; sortList(); };
$('reset').onclick = () => {
  on.fill(1); pressed();
  Object.assign(filter, { camera: '', score: 0, from: -Infinity, to: Infinity, playable: false });
  for (const id of ['from', 'to', 'camera']) { $(id).value = ''; $(id).classList.remove('bad'); }
  $('score').value = 0; $('score-value').textContent = '0.00'; $('playable').checked = false;
  look(first, last);
  apply();
};
function theme(name) { document.documentElement.dataset.theme = name; drawTimeline(); drawOverview(); drawSide(); }
$('theme').onclick = () => theme(dark() ? 'light' : 'dark');
document.documentElement.dataset.theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';

// Begin.
$('scope').textContent = data.scope;
$('playable').parentElement.hidden = !data.clips.length;
$('still').hidden = true; video.hidden = true;
$('missing').textContent = N ? 'Choose an action to see it.\n\nIn the timeline the wheel zooms and dragging moves;\nits keys are ← → + − 0.' : 'Nobody did anything.';
new ResizeObserver(() => { drawTimeline(); drawOverview(); drawList(); }).observe(document.body);
new ResizeObserver(drawTimeline).observe($('rows'));
apply();
// What came after this script in the page: sheets of thumbnails and clips.
document.addEventListener('DOMContentLoaded', () => { for (const [n, e] of drawn) setThumb(e.firstChild, ordered[n]); });
window.actloc = { get shown() { return shown.length; }, get visible() { return [t0, t1]; }, get chosen() { return chosen; } };
})();
