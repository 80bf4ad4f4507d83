// A collector written from docs/wire-format.md alone: Node 18 or later, the zstd command, b2sum, no packages.
//
//   node collector.mjs FOLDER [PORT]
//
// Keeps one journal in FOLDER: a line of JSON for each request, written and synced before it is answered.
// Plain HTTP on 127.0.0.1: TLS, and who may speak as which agent, is left to whoever takes this further.
import {spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';

const TYPE = 'application/vnd.cellwarden.batches+msgpack',
  ANSWER = 'application/vnd.cellwarden.acknowledgement+msgpack';
const MIB = 1 << 20,
  TOP = 2 ** 40,
  I64 = 1n << 63n;

class Bad extends Error {} // breaks a rule of the page
class TooMuch extends Bad {} // passes a limit
const need = (fine, why) => {
  if (!fine) throw new Bad(why);
};
const within = (fine, why) => {
  if (!fine) throw new TooMuch(why);
};

// ---- msgpack: integers are BigInt, floats Number, text String, bin Buffer, maps Map

const utf8 = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});
// What is passed over where nobody looks, and is nowhere right.
const EXTENSION = Symbol('an extension type'),
  NO_TEXT = Symbol('text that is no UTF-8');

function unpack(bytes, {containers = 1e6, depth = 64} = {}) {
  let at = 0,
    left = containers;
  const take = n => {
    need(at + n <= bytes.length, 'ends early');
    at += n;
    return bytes.subarray(at - n, at);
  };
  const size = n => take(n).readUIntBE(0, n);
  const text = n => {
    const taken = take(n);
    try {
      return utf8.decode(taken);
    } catch {
      return NO_TEXT;
    }
  };
  const array = (n, d) => {
    open(d);
    const found = [];
    for (let i = 0; i < n; i++) found.push(value(d - 1));
    return found;
  };
  const map = (n, d) => {
    open(d);
    const found = new Map();
    for (let i = 0; i < n; i++) {
      const key = value(d - 1);
      if (typeof key !== 'string' || found.has(key)) found.fault = 'a key that is no text, or stands twice';
      found.set(key, value(d - 1));
    }
    return found;
  };
  const open = d => {
    within(d > 0, 'nested too deep');
    within(left-- > 0, 'too many arrays and maps');
  };
  const extension = n => {
    take(n + 1);
    return EXTENSION;
  };
  const value = d => {
    const b = size(1);
    if (b < 0x80) return BigInt(b);
    if (b < 0x90) return map(b & 15, d);
    if (b < 0xa0) return array(b & 15, d);
    if (b < 0xc0) return text(b & 31);
    if (b >= 0xe0) return BigInt(b - 256);
    switch (b) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return Buffer.from(take(size(1 << (b - 0xc4))));
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return extension(size(1 << (b - 0xc7)));
      case 0xca:
        return take(4).readFloatBE();
      case 0xcb:
        return take(8).readDoubleBE();
      case 0xcc:
      case 0xcd:
      case 0xce:
        return BigInt(size(1 << (b - 0xcc)));
      case 0xcf:
        return take(8).readBigUInt64BE();
      case 0xd0:
      case 0xd1:
      case 0xd2: {
        const n = 1 << (b - 0xd0);
        return BigInt(take(n).readIntBE(0, n));
      }
      case 0xd3:
        return take(8).readBigInt64BE();
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return extension(1 << (b - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return text(size(1 << (b - 0xd9)));
      case 0xdc:
        return array(size(2), d);
      case 0xdd:
        return array(size(4), d);
      case 0xde:
        return map(size(2), d);
      case 0xdf:
        return map(size(4), d);
    }
    throw new Bad('no msgpack');
  };
  const found = value(depth);
  need(at === bytes.length, 'bytes behind the end');
  return found;
}

function pack(v) {
  const head = (bits, n) => {
    const b = Buffer.alloc(5);
    b[0] = bits;
    b.writeUInt32BE(n, 1);
    return b;
  };
  if (typeof v === 'number') {
    const b = Buffer.alloc(9);
    b[0] = 0xcf;
    b.writeBigUInt64BE(BigInt(v), 1);
    return v < 128 ? Buffer.from([v]) : b;
  }
  if (typeof v === 'string') {
    const b = Buffer.from(v);
    return Buffer.concat([head(0xdb, b.length), b]);
  }
  if (Buffer.isBuffer(v)) return Buffer.concat([head(0xc6, v.length), v]);
  if (Array.isArray(v)) return Buffer.concat([head(0xdd, v.length), ...v.map(pack)]);
  return Buffer.from([0x80]); // the only map that is written here is empty
}

// ---- zstd: the frame is walked here (RFC 8878), so that it is one, whole, bounded; the command inflates it

function inflate(frame) {
  within(frame.length <= 64 * 1024, 'more than 64 KiB compressed');
  need(frame.length > 6 && frame.readUInt32LE() === 0xfd2fb528, 'no zstd frame');
  const flags = frame[4],
    single = (flags >> 5) & 1,
    sizeBytes = [single, 2, 4, 8][flags >> 6];
  need(flags & 4, 'no checksum');
  need(sizeBytes, 'no content size');
  need(!(flags & 3), 'a dictionary');
  let at = 5;
  if (!single) {
    const w = frame[at++],
      base = 2 ** (10 + (w >> 3));
    within(base + (base / 8) * (w & 7) <= MIB, 'a window of more than 1 MiB');
  }
  need(at + sizeBytes <= frame.length, 'ends early');
  const size =
    sizeBytes === 8
      ? Number(frame.readBigUInt64LE(at))
      : frame.readUIntLE(at, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
  within(size <= MIB, 'declares more than 1 MiB');
  at += sizeBytes;
  for (let last = 0; !last;) {
    need(at + 3 <= frame.length, 'ends early');
    const block = frame.readUIntLE(at, 3);
    last = block & 1;
    at += 3 + (((block >> 1) & 3) === 1 ? 1 : block >> 3);
  }
  need(at + 4 === frame.length, 'not one whole frame');
  const run = spawnSync('zstd', ['-dcq'], {input: frame, maxBuffer: 2 * MIB});
  need(run.status === 0 && run.stdout.length === size, 'a damaged zstd frame');
  return run.stdout;
}

const hashOf = inflated =>
  spawnSync('b2sum', ['-l', '128'], {input: inflated}).stdout.toString().slice(0, 32);

// ---- what things must be

const isInt = v => typeof v === 'bigint',
  isText = v => typeof v === 'string',
  isTime = v => isInt(v) && v >= 0n && v < I64;
const isNumber = v => v === null || isInt(v) || typeof v === 'number';
const isId = v => Buffer.isBuffer(v) && v.length === 16;
const isSequence = v => isInt(v) && v >= 1n && v <= BigInt(TOP);
const isName = v => isText(v) && v !== '' && !/[\p{C}\p{Z}]/u.test(v.replaceAll(' ', ''));
const isRange = (v, last = BigInt(TOP)) =>
  Array.isArray(v) && v.length === 2 && v.every(isSequence) && v[0] <= v[1] && v[1] <= last;
const pair = range => range.map(Number);

const EVENTS = {
  alarm: {
    boottime_ns: isTime,
    utc_ns: isTime,
    value: isNumber,
    limit: isNumber,
    expected: isNumber,
    beyond_noise: isNumber,
    t_s: isNumber,
    since_s: isNumber,
    count: isTime,
    shadow: v => typeof v === 'boolean',
    sentence: isText,
    numbers: v => v instanceof Map && [...v.values()].every(isNumber),
    texts: v => v instanceof Map && [...v.values()].every(isText),
    salvaged_epoch: isId,
    salvaged_sequence: isTime,
    ...Object.fromEntries(
      [
        'id',
        'state',
        'severity',
        'detector',
        'location',
        'quantity',
        'value_unit',
        'text',
        'forecast',
        'evidence_for',
        'evidence_against',
        'config',
      ].map(key => [key, isText]),
    ),
  },
  gap: {reason: isText, epoch: isId},
  lost: {
    'frames!': v => isTime(v) && v > 0n,
    'first_boottime_ns!': isTime,
    'last_boottime_ns!': isTime,
    reason: isText,
  },
  change: {
    boottime_ns: isTime,
    utc_ns: isTime,
    uid: isInt,
    until_s: isNumber,
    seconds: isNumber,
    ...Object.fromEntries(['what', 'who', 'alarm', 'why', 'about'].map(key => [key, isText])),
  },
  clock_offset: {boot_id: isId, 'boottime_ns!': isTime, 'offset_ns!': isInt},
};

function sound(v, finite) {
  // integers are int64; numbers are finite, but in an alarm
  need(typeof v !== 'symbol', v?.description);
  if (isInt(v)) need(v >= -I64 && v < I64, 'no int64');
  else if (typeof v === 'number') need(!finite || Number.isFinite(v), 'no finite number');
  else if (v instanceof Map) {
    need(!v.fault, v.fault);
    for (const inner of v.values()) sound(inner, finite);
  } else if (Array.isArray(v)) for (const inner of v) sound(inner, finite);
}

function eventsOf(bytes, epoch, sequence) {
  within(bytes.length <= 64 * 1024, 'more than 64 KiB of events');
  const events = unpack(bytes, {containers: 4096, depth: 8});
  need(Array.isArray(events), 'events are no array');
  let ranges = 0;
  for (const event of events) {
    need(event instanceof Map && isText(event.get('kind')) && event.get('kind'), 'an event without a kind');
    const kind = event.get('kind');
    sound(event, kind !== 'alarm');
    for (const [name, fits] of Object.entries(EVENTS[Object.hasOwn(EVENTS, kind) ? kind : ''] ?? {})) {
      const key = name.replace('!', '');
      need(event.has(key) ? fits(event.get(key)) : key === name, `${kind}: ${key}`);
    }
    if (kind === 'lost')
      need(event.get('first_boottime_ns') <= event.get('last_boottime_ns'), 'lost: reversed');
    if (kind === 'clock_offset')
      need(isTime(event.get('boottime_ns') + event.get('offset_ns')), 'clock_offset: no UTC');
    if (kind === 'gap') {
      const own = !event.has('epoch') || event.get('epoch').equals(epoch),
        found = event.get('ranges') ?? (own ? null : []);
      need(Array.isArray(found) && (found.length || !own), 'gap: no ranges');
      need(
        found.every(range => isRange(range, own ? BigInt(sequence) - 1n : undefined)),
        'gap: no range of sequences',
      );
      ranges += found.length;
    }
  }
  within(ranges <= 1000, 'more than 1,000 ranges');
  return events;
}

// ---- a batch: every element is looked at, though a collector that only keeps it needs few of them

const unzigzag = z => BigInt.asIntN(64, (z >> 1n) ^ -(z & 1n));

function narrow(bytes, count) {
  need(Buffer.isBuffer(bytes), 'a list that is no bin');
  if (!bytes.length && !count) return [];
  const width = bytes[0];
  need(width <= 8 && bytes.length === 1 + width * count, 'a list of another length');
  return Array.from({length: count}, (_, i) => {
    let number = 0n;
    for (let plane = width; plane--;) number = (number << 8n) | BigInt(bytes[1 + plane * count + i]);
    return number;
  });
}

function running(start, differences) {
  const found = [start];
  for (const d of differences) found.push(BigInt.asIntN(64, found.at(-1) + d));
  return found;
}

function batchOf(blob, agent, epoch, sequence) {
  const f = unpack(inflate(blob));
  need(Array.isArray(f) && f[0] === 1n && f.length === 21, 'no batch of version 1');
  need(f[1] === agent, 'another agent');
  need(isId(f[2]) && f[2].equals(epoch), 'another epoch');
  need(f[3] === BigInt(sequence), 'another sequence');
  const [unit, schema, boot] = f.slice(4, 7);
  within(!isText(unit) || [...unit].length <= 4096, 'a long unit');
  need(unit === '' || isName(unit), 'a unit that is no name');
  need(schema === null || isId(schema), 'no schema hash');
  need(isId(boot), 'no boot id');
  need(f.slice(7, 11).every(isInt) && isInt(f[12]), 'a number that is none');
  within(f[7] <= 4096n && f[7] * f[8] <= 262144n, 'too many values');
  need(f[7] >= 0n && f[8] >= 0n && (f[7] === 0n) === (f[8] === 0n), 'n and m');
  const n = Number(f[7]),
    m = Number(f[8]),
    [clock, quality, , , , events, small] = f.slice(14);
  need([clock, quality, events, small].every(Buffer.isBuffer), 'an element that is no bin');
  need(n < 2 ? f[10] === 0n : f[10] >= -I64 && f[10] < I64, 'step');
  if (!n) need(f[9] === 0n && f[12] === 0n, 'times without frames');
  else {
    need(unit !== '' && schema, 'frames of no unit, or without schema');
    need(isTime(f[9]) && f[12] >= -I64 && f[12] < I64, 'times');
  }
  const steps = running(f[10], narrow(f[11], Math.max(n - 2, 0)).map(unzigzag)).slice(0, Math.max(n - 1, 0));
  const boots = running(f[9], steps),
    offsets = running(f[12], narrow(f[13], Math.max(n - 1, 0)).map(unzigzag));
  for (let i = 0; i < n; i++) {
    need(i === 0 || boots[i] >= boots[i - 1], 'boot time goes back');
    need(BigInt.asIntN(64, boots[i] + offsets[i]) >= 0n, 'UTC before 1970 or after 2262');
  }
  need(clock.length === n && clock.every(bits => !(bits & 0x7e)), 'clock');

  const lengths = narrow(f[16], quality.length),
    q = new Uint8Array(n * m);
  need(lengths.reduce((sum, less) => sum + less + 1n, 0n) === BigInt(n * m), 'runs of quality');
  let at = 0;
  lengths.forEach((less, run) => {
    for (let i = Number(less); i >= 0; i--, at++) q[at] = quality[run] ^ (at < m ? 0 : q[at - m]);
  });
  need(
    q.every(code => code < 8),
    'an unknown quality',
  );
  const read = (frame, j) => ![3, 4, 5, 7].includes(q[frame * m + j]);

  narrow(f[17], m).forEach((d, j) => need(d === 0n || read(0, j), 'a difference where nothing was read'));
  const half = n >> 1;
  need(small.length === m * half, 'small differences');
  let large = 0;
  for (let j = 0; j < m; j++)
    for (let i = 0; i < 2 * half; i++) {
      const nibble = (small[j * half + (i >> 1)] >> (4 * (i & 1))) & 15;
      need(nibble === 0 || (i < n - 1 && read(i + 1, j)), 'a nibble that is not 0');
      large += nibble === 15;
    }
  need(
    narrow(f[18], large).every(z => z > 14n),
    'a large difference that is small',
  );
  return {sequence, schema: schema && schema.toString('hex'), m, events: eventsOf(events, epoch, sequence)};
}

const LISTS = {
  name: isText,
  place: isText,
  quantity: isText,
  unit: isText,
  reading: v => isInt(v) && v >= 0n && v <= 5n,
};
for (const key of ['raw_offset', 'scale', 'offset'])
  LISTS[key] = v => (isInt(v) || Number.isFinite(v)) && (key !== 'scale' || Number(v) !== 0);

function widthOf(inflated) {
  // how many values a schema describes
  const found = unpack(inflated, {containers: 32768, depth: 8});
  need(
    Array.isArray(found) && found.length === 2 && found[0] === 1n && found[1] instanceof Map,
    'no schema of version 1',
  );
  const lists = Object.entries(LISTS).map(([key, fits]) => {
    const list = found[1].get(key);
    need(Array.isArray(list) && list.every(fits), key);
    return list;
  });
  need(
    lists.every(list => list.length === lists[0].length),
    'lists of unequal length',
  );
  return lists[0].length;
}

// ---- the account: what is stored, withheld or dropped of each agent and epoch

class Account {
  held = new Map(); // sequence -> SHA-256 of its bytes
  ranges = []; // all that is accounted for, ascending and apart
  add(first, last = first) {
    const before = this.ranges.filter(r => r[1] < first - 1),
      behind = this.ranges.filter(r => r[0] > last + 1);
    const touched = this.ranges.slice(before.length, this.ranges.length - behind.length);
    this.ranges = [
      ...before,
      [Math.min(first, ...touched.map(r => r[0])), Math.max(last, ...touched.map(r => r[1]))],
      ...behind,
    ];
  }
  claim(asked) {
    // durable_through and missing
    let known = this;
    if (known.ranges.length > 4000) {
      // name the highest ones, and what was brought, and the rest as one
      known = new Account();
      for (const [first, last] of this.ranges.slice(-2000)) known.add(first, last);
      for (const sequence of asked) known.add(sequence);
    }
    const missing = [];
    let end = 0;
    for (const [first, last] of known.ranges) {
      if (first > end + 1) missing.push([end + 1, first - 1]);
      end = last;
    }
    return [end, missing];
  }
}

const accounts = new Map(),
  schemas = new Map(),
  asked = new Map(); // schemas: hash -> width
const accountOf = (agent, epoch) => {
  const key = `${epoch} ${agent}`;
  if (!accounts.has(key)) accounts.set(key, new Account());
  return accounts.get(key);
};
const digestOf = blob => createHash('sha256').update(blob).digest('base64');

function apply({agent, epoch, batches, dropped, withheld, bodies}) {
  const account = accountOf(agent, epoch);
  for (const [sequence, blob] of batches) {
    account.held.set(sequence, digestOf(Buffer.from(blob, 'base64')));
    account.add(sequence);
  }
  for (const [of, first, last] of dropped) accountOf(agent, of).add(first, last);
  for (const [first, last] of withheld) account.add(first, last);
  for (const [hash, , width] of bodies) schemas.set(hash, width);
}

const folder = process.argv[2],
  place = `${folder}/journal`;
fs.mkdirSync(folder, {recursive: true});
const journal = fs.openSync(place, 'a+');
let length = 0;
for (const line of fs.readFileSync(place).toString('latin1').split('\n').slice(0, -1)) {
  // what has no line feed was never answered
  apply(JSON.parse(Buffer.from(line, 'latin1').toString()));
  length += line.length + 1;
}
fs.ftruncateSync(journal, length);

function commit(entry) {
  if (![entry.batches, entry.dropped, entry.withheld, entry.bodies].some(list => list.length)) return;
  const line = Buffer.from(JSON.stringify(entry) + '\n');
  try {
    need(fs.writeSync(journal, line) === line.length, 'the disk is full');
    fs.fsyncSync(journal);
    length += line.length;
  } catch (error) {
    fs.ftruncateSync(journal, length);
    throw Object.assign(new Error(error.message), {status: 503});
  }
  apply(entry);
}

// ---- a request and its answer

function requestOf(body) {
  const f = unpack(body);
  need(Array.isArray(f) && f[0] === 1n && (f.length === 5 || f.length === 6), 'no request of version 1');
  const [, agent, epoch, batches, bodies, more = new Map()] = f;
  need(isName(agent) && [...agent].length <= 4096, 'no agent');
  need(isId(epoch), 'no epoch');
  need(Array.isArray(batches) && Array.isArray(bodies), 'no arrays');
  within(batches.length <= 256, 'too many batches');
  within(bodies.length <= 16, 'too many schemas');
  for (const one of batches)
    need(Array.isArray(one) && one.length === 2 && isSequence(one[0]) && Buffer.isBuffer(one[1]), 'no batch');
  need(bodies.every(Buffer.isBuffer), 'no schema');
  need(more instanceof Map && !more.fault, 'no map with text keys, each once');
  within(more.size <= 64, 'too many keys');
  const withheld = more.has('withheld') ? more.get('withheld') : [];
  need(Array.isArray(withheld), 'withheld');
  within(withheld.length <= 4096, 'too many ranges');
  need(
    withheld.every((range, i) => isRange(range) && (i === 0 || range[0] > withheld[i - 1][1])),
    'withheld',
  );
  return {
    agent,
    epoch,
    batches: batches.map(([sequence, blob]) => [Number(sequence), blob]),
    bodies,
    withheld: withheld.map(pair),
  };
}

function answer(body, more) {
  within(body.length <= 2 * MIB, 'more than 2 MiB');
  const {agent, epoch, batches, bodies, withheld} = requestOf(body),
    hex = epoch.toString('hex'),
    now = Date.now();
  const entry = {agent, epoch: hex, batches: [], dropped: [], withheld, bodies: []},
    widths = new Map(schemas);
  for (const blob of bodies) {
    let hash;
    try {
      const inflated = inflate(blob);
      hash = hashOf(inflated);
      const width = widthOf(inflated);
      if (!widths.has(hash)) entry.bodies.push([hash, blob.toString('base64'), width]);
      widths.set(hash, width);
    } catch (error) {
      if (!(error instanceof Bad)) throw error;
      if (hash && !asked.has(agent + hash)) asked.set(agent + hash, now);
    }
  }
  const account = accountOf(agent, hex),
    refused = [],
    carried = [],
    wanted = new Set(),
    here = new Map();
  let conflict = 0;
  for (const [sequence, blob] of batches) {
    try {
      const batch = batchOf(blob, agent, epoch, sequence),
        digest = digestOf(blob),
        before = here.get(sequence) ?? account.held.get(sequence);
      need(
        before === digest ||
          !batch.m ||
          !widths.has(batch.schema) ||
          widths.get(batch.schema) === batch.m,
        'not as many values as its schema has',
      );
      if (before && before !== digest) {
        conflict = sequence;
        continue;
      }
      carried.push(sequence);
      if (batch.schema && !widths.has(batch.schema)) wanted.add(batch.schema);
      if (before) continue;
      here.set(sequence, digest);
      entry.batches.push([sequence, blob.toString('base64')]);
      for (const event of batch.events.filter(e => e.get('kind') === 'gap')) {
        const of = event.has('epoch') ? event.get('epoch').toString('hex') : hex,
          ranges = (event.get('ranges') ?? []).map(pair);
        for (const range of ranges.length ? ranges : accountOf(agent, of).claim([])[1])
          entry.dropped.push([of, ...range]);
      }
    } catch (error) {
      if (!(error instanceof Bad)) throw error;
      refused.push([sequence, error.message.replace(/[^ -~]/g, '?')]);
    }
  }
  commit(entry);
  if (conflict)
    throw Object.assign(new Error(`batch ${conflict} is stored with other bytes: one of two copies`), {
      status: 409,
    });
  const due = [...wanted].filter(hash => now - (asked.get(agent + hash) ?? -Infinity) >= 60e3);
  for (const hash of due) if (asked.has(agent + hash)) asked.set(agent + hash, now);
  return pack([
    1,
    epoch,
    ...account.claim(carried),
    due.map(hash => Buffer.from(hash, 'hex')),
    refused,
    ...(more ? [new Map()] : []),
  ]);
}

// ---- HTTP

const takesMore = accept =>
  accept
    .toLowerCase()
    .replace(/[ "]/g, '')
    .split(',')
    .some(one => {
      const [kind, ...rest] = one.split(';');
      return kind === ANSWER && rest.includes('more=1');
    });

function serve(request, response) {
  const say = (status, body, extra = {}) =>
    response.writeHead(status, {'Content-Type': ANSWER, 'Content-Length': body.length, ...extra}).end(body);
  const refuse = (status, reason) => say(status, pack(reason), status === 503 ? {'Retry-After': '30'} : {});
  const parts = [];
  let size = 0;
  request.on('data', part => {
    size += part.length;
    if (size <= 2 * MIB) parts.push(part);
    else if (size > 16 * MIB) request.destroy();
  });
  request.on('end', () => {
    const {headers, method, url} = request;
    if (url.split('?')[0] !== '/v1/batches') return refuse(404, 'batches go to POST /v1/batches');
    if (method !== 'POST') return refuse(405, 'batches go to POST /v1/batches');
    if (
      (headers['content-type'] ?? '').split(';')[0].trim().toLowerCase() !== TYPE ||
      'content-encoding' in headers
    )
      return refuse(415, `expected ${TYPE}`);
    if (size > 2 * MIB) return refuse(413, 'more than 2 MiB');
    try {
      say(200, answer(Buffer.concat(parts), takesMore(headers.accept ?? '')));
    } catch (error) {
      refuse(
        error.status ?? (error instanceof TooMuch ? 413 : error instanceof Bad ? 400 : 500),
        error.message || 'failed',
      );
    }
  });
}

const server = http.createServer({requestTimeout: 20e3, maxHeaderSize: 16384}, serve);
server.on('checkExpectation', (request, response) => {
  const body = pack('only 100-continue can be expected');
  response
    .writeHead(417, {'Content-Type': ANSWER, 'Content-Length': body.length, Connection: 'close'})
    .end(body);
});
server.on('clientError', (error, socket) => {
  const [status, body] = [
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request',
    pack('no whole request'),
  ];
  if (socket.writable)
    socket.end(
      Buffer.concat([
        Buffer.from(
          `HTTP/1.1 ${status}\r\nContent-Type: ${ANSWER}\r\n` +
            `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
        ),
        body,
      ]),
    );
});
server.listen(Number(process.argv[3] ?? 8440), '127.0.0.1', () =>
  console.log(`listening on http://127.0.0.1:${server.address().port}`),
);
