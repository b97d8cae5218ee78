/** The page: the world as its files say it, with the age of each, in HTML. No script, nothing from elsewhere. */

/** Files are printed every ten seconds at the latest; three missed prints are worth a word. */
const OLD_MS = 30_000;

const STYLE = `
:root{color-scheme:dark;--bg:#0f1214;--panel:#161a1d;--line:#262c31;--ink:#e8ebed;--soft:#a3adb5;--ok:#5fcf94;--wait:#f0c05a;--bad:#ff7a6b;--stale:#8f9aa3}
@media (prefers-color-scheme:light){:root{color-scheme:light;--bg:#f6f7f8;--panel:#fff;--line:#e3e7ea;--ink:#14181b;--soft:#50606b;--ok:#14804a;--wait:#9a6700;--bad:#c2362b;--stale:#66737d}}
*{box-sizing:border-box}body{margin:0 auto;max-width:960px;padding:28px 20px 60px;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif;font-feature-settings:"tnum"}
h1{font-size:26px;font-weight:620;letter-spacing:-.02em;margin:0 0 4px}h2{font-size:13px;font-weight:600;color:var(--soft);margin:30px 0 8px;display:flex;justify-content:space-between;gap:12px}
p{color:var(--soft);margin:0 0 6px}a{color:inherit}section>div{background:var(--panel);border:1px solid var(--line);border-radius:10px;overflow-x:auto}
table{width:100%;border-collapse:collapse}td,th{padding:9px 14px;text-align:left;border-bottom:1px solid var(--line);white-space:nowrap}th{font-size:12px;color:var(--soft);font-weight:500}tr:last-child td{border:0}
.none{padding:14px}.ok{color:var(--ok)}.wait{color:var(--wait)}.bad{color:var(--bad)}.stale{color:var(--stale)}`;

/** Each state has a shape as well as a colour. */
const SHAPES = { ok: '●', wait: '▲', bad: '■', stale: '◌' };
const STATES = {
  ok: ['healthy', 'ok', 'connected', 'running'],
  wait: ['progressing', 'wait', 'starting'],
  bad: ['unhealthy', 'degraded', 'missing', 'bad', 'exited'],
};

export function page(node, world, now) {
  const sections = ['nodes', 'services'].map((name) => section(name, world[name], now));
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="10">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>The lab, seen from ${escaped(node)}</title>
<style>${STYLE}</style>
<h1>The lab, seen from ${escaped(node)}</h1>
<p>${escaped(sentence(world))}</p>
${summary(world.summary, now)}
${sections.join('\n')}
</html>
`;
}

/** The age of a print: by the instant that it carries, else by the file's own time. */
export function ageOf(file, now) {
  const said = Date.parse(file.value?.at ?? file.value?.writtenAt ?? '');
  return Math.max(0, now - (Number.isNaN(said) ? file.mtimeMs : said));
}

function sentence(world) {
  const services = rowsOf(world.services.value, 'services');
  if (services.length === 0) return 'Nothing is known of any service yet.';
  const well = services.filter((row) => kindOf(stateOf(row)) === 'ok').length;
  return well === services.length
    ? `All ${well} services are well.`
    : `${well} of ${services.length} services are well.`;
}

function freshness(name, file, now) {
  if (file.problem !== undefined) return `<span class="bad">■ ${escaped(name)}.json ${escaped(file.problem)}</span>`;
  const age = ageOf(file, now);
  if (age > OLD_MS) return `<span class="stale">◌ old: as of ${duration(age)} ago</span>`;
  return `<span>as of ${duration(age)} ago</span>`;
}

function section(name, file, now) {
  const title = `<h2><a href="/world/${name}.json">${name}</a> ${freshness(name, file, now)}</h2>`;
  const rows = rowsOf(file.value, name);
  if (rows.length === 0) return `<section>${title}<div><p class="none">None known.</p></div></section>`;
  const lines = rows.map((row) => {
    const state = stateOf(row);
    const kind = kindOf(state);
    const since = row.since ?? row.lastWordAt ?? row.receivedAt ?? row.at;
    const sinceMs = Date.parse(since ?? '');
    const age = Number.isNaN(sinceMs) ? '–' : duration(Math.max(0, now - sinceMs));
    return `<tr><td>${escaped(row.shownAs)}<td class="${kind}">${SHAPES[kind]} ${escaped(state)}<td>${age}`;
  });
  return `<section>${title}<div><table><tr><th>Name<th>State<th>Since\n${lines.join('\n')}</table></div></section>`;
}

function summary(file, now) {
  const facts = Object.entries(file.value ?? {})
    .flatMap(([name, value]) => {
      if (value === null || typeof value !== 'object' || Array.isArray(value)) return [[name, value]];
      return Object.entries(value).map(([part, inner]) => [`${name} ${part}`, inner]);
    })
    .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value));
  const rows = facts.map(([name, value]) => `<tr><td>${escaped(name)}<td>${escaped(value)}`);
  const body = rows.length > 0 ? `<table>${rows.join('\n')}</table>` : '<p class="none">None known.</p>';
  const title = `<h2><a href="/world/summary.json">summary</a> ${freshness('summary', file, now)}</h2>`;
  return `<section>${title}<div>${body}</div></section>`;
}

/** Rows of a print, which is a list, or has them under its own name, or by key. */
function rowsOf(value, name) {
  const all = value?.[name] ?? value?.rows ?? value;
  if (all === null || typeof all !== 'object') return [];
  return Object.entries(all)
    .filter(([, row]) => row !== null && typeof row === 'object')
    .map(([key, row]) => ({ ...row, shownAs: nameOf(row) ?? (Array.isArray(all) ? '?' : key) }))
    .sort((a, b) => (a.shownAs < b.shownAs ? -1 : 1));
}

function nameOf(row) {
  const own = row.service ?? row.name;
  if (typeof own === 'string' && typeof row.node === 'string') return `${row.node}/${own}`;
  return [own, row.key, row.node].find((name) => typeof name === 'string');
}

/** What a row says of itself, in one word: its health, where it has one. */
function stateOf(row) {
  const state = row.health ?? row.state;
  if (typeof state === 'string') return state;
  return typeof state?.text === 'string' ? state.text : 'unknown';
}

function kindOf(state) {
  return Object.keys(STATES).find((kind) => STATES[kind].includes(state)) ?? 'stale';
}

function duration(ms) {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`;
}

function escaped(text) {
  return String(text).replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
