// Media over a network that is narrow, or that loses some of what it is given.

import { Datagrams, Server, type Way } from 'bellwire-testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { hearsSomething, layers, type Picture, path, picture, seesMoving } from './media.js';
import { type Phone, Phones } from './phones.js';

/** Bandwidth is found out in steps, more slowly the busier the machine. */
const poll = { timeout: 60_000, interval: 250 };
/** Of each 20 come in a second. */
const FRAMES = 60;

let datagrams: Datagrams;
let server: Server;
let phones: Phones;
beforeAll(async () => {
  datagrams = await Datagrams.start();
  server = await Server.start(...datagrams.flags);
  phones = await Phones.start(server.address);
});
beforeEach(() => phones.watch());
afterEach(async () => {
  datagrams.make({});
  await phones.hangUpAll();
});
afterAll(async () => {
  await phones?.stop();
  await server?.stop();
  datagrams?.stop();
});

/** Two phones that see each other. */
async function two() {
  const [alice, bob] = [await phones.phone('alice'), await phones.phone('bob')];
  await alice.call('bob');
  await bob.answer();
  await seesMoving(alice, 'bob');
  await seesMoving(bob, 'alice');
  return [alice, bob] as const;
}

/** The way that a phone's media takes. */
async function wayOf({ page }: Phone): Promise<Way> {
  const port = (await path(page))?.port;
  const way = port === undefined ? undefined : datagrams.way(port);
  if (!way) throw new Error(`no way of port ${port}`);
  return way;
}

/** Which of the layers that one sends the other gets: `q`, `h`, `f`; none while it changes. */
async function layer(from: Phone, to: Phone): Promise<string | undefined> {
  const { width } = await picture(to);
  return (await layers(from)).find((layer) => layer.width === width)?.rid;
}

/** Waits until so many more frames were decoded; what came of the picture by then. */
async function after(frames: number, phone: Phone, look = async () => {}): Promise<Picture> {
  const before = await picture(phone);
  let now = before;
  await expect
    .poll(async () => {
      await look();
      now = await picture(phone);
      return now.decoded;
    }, poll)
    .toBeGreaterThan(before.decoded + frames);
  return { ...now, frozenSeconds: now.frozenSeconds - before.frozenSeconds };
}

test('who has 300 kbit/s gets the small layer, and a larger one when there is more', async () => {
  const [alice, bob] = await two();
  await expect.poll(() => layer(alice, bob), poll).toMatch(/[hf]/);
  const [narrow, wide] = [await wayOf(bob), await wayOf(alice)];
  narrow.down.conditions = { bitsPerSecond: 300_000 };
  await expect.poll(() => layer(alice, bob), poll).toBe('q');
  // It goes on so. Alice, whose network is as it was, sends all that she did and sees Bob as before.
  const upstream = (await layers(alice)).find(({ rid }) => rid === 'h')?.packets ?? 0;
  const [small, other] = await Promise.all([after(FRAMES, bob), after(FRAMES, alice)]);
  expect(small.frozenSeconds).toBeLessThan(2);
  expect(other.frozenSeconds).toBeLessThan(2);
  expect(await layer(alice, bob)).toBe('q');
  await expect
    .poll(async () => (await layers(alice)).find(({ rid }) => rid === 'h')?.packets, poll)
    .toBeGreaterThan(upstream);
  expect([wide.up.count.dropped, wide.down.count.dropped]).toEqual([0, 0]);
  narrow.down.conditions = {};
  await expect.poll(() => layer(alice, bob), poll).toMatch(/[hf]/);
  await after(FRAMES, bob);
  await alice.hangUp();
  await bob.isIdle();
});

test('where one of twenty is lost, picture and sound go on, and the quality says so', async () => {
  datagrams.make({ loss: 0.05, delayMs: 20 });
  const [alice, bob] = await two();
  for (const phone of [alice, bob]) {
    await hearsSomething(phone);
    expect((await after(2 * FRAMES, phone)).frozenSeconds).toBeLessThan(2);
    await hearsSomething(phone);
  }
  const ways = [await wayOf(alice), await wayOf(bob)];
  for (const { count } of ways.flatMap(({ up, down }) => [up, down])) {
    expect(count.dropped / count.taken).toBeGreaterThan(0.02);
  }
  // 5 % is fair or poor (1 is excellent), and shown so.
  const meter = bob.tile('alice').locator('meter');
  await expect.poll(() => meter.getAttribute('title'), poll).toMatch(/fair|poor/);
  await alice.hangUp();
  await bob.isIdle();
});
