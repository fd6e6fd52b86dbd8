// The parts that need nobody else.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
// @ts-expect-error: a script without types
import { generate, schema } from '../scripts/wire.mjs';
import { parseAddress } from '../src/address.js';
import { Backoff } from '../src/backoff.js';
import { BellwireError, Client } from '../src/index.js';

test('addresses are filled up', () => {
  for (const [given, meant] of [
    ['ws://127.0.0.1:2355', 'ws://127.0.0.1:2355/v1/ws'],
    ['http://calls.example:80/', 'ws://calls.example:80/v1/ws'],
    ['calls.example', 'ws://calls.example:2355/v1/ws'],
    ['wss://calls.example', 'wss://calls.example/v1/ws'],
    ['https://calls.example:2355/', 'wss://calls.example:2355/v1/ws'],
    ['[::1]:9', 'ws://[::1]:9/v1/ws'],
    ['[::1]', 'ws://[::1]:2355/v1/ws'],
    ['ws://host:1/behind/proxy', 'ws://host:1/behind/proxy'],
  ] as const) {
    expect(parseAddress(given)).toBe(meant);
  }
  for (const wrong of ['', 'ws://', 'ftp://host', 'two words', 'ws://user@host']) {
    expect(() => parseAddress(wrong)).toThrow(BellwireError);
  }
  expect(() => new Client(undefined, {})).toThrow(/name the server/);
});

test('waits double up to the most', () => {
  const backoff = new Backoff(100, 500);
  expect([1, 1, 1, 1, 1].map((chance) => backoff.next(chance))).toEqual([100, 200, 400, 500, 500]);
  expect(backoff.next(0)).toBe(250);
  backoff.reset();
  expect(backoff.next(1)).toBe(100);
});

test('the types of the wire are those of the schema; `npm run wire` writes them anew', () => {
  const kept = readFileSync(new URL('../src/wire.ts', import.meta.url), 'utf8');
  expect(kept === generate(schema()), 'src/wire.ts is stale').toBe(true);
});
