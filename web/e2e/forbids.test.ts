// What a call forbids does not reach the other, whatever a client sends.

import { Server } from 'bellwire-testing';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { BarePages, received } from './bare.js';
import { launch } from './phones.js';

/** Bytes after which whatever else flows would have come too: a second of sound. */
const MANY = 5_000;

let server: Server;
let browser: Browser;
let pages: BarePages;
beforeAll(async () => {
  server = await Server.start();
  browser = await launch();
  pages = await BarePages.start(browser);
});
afterEach(() => pages.leave());
afterAll(async () => {
  await pages?.stop();
  await browser?.close();
  await server?.stop();
});

test.each([
  ['caller_audio', 'bob', 'audio'],
  ['caller_video', 'bob', 'video'],
  ['callee_audio', 'alice', 'audio'],
  ['callee_video', 'alice', 'video'],
] as const)('%s: %s gets no %s', async (forbid, deprived, kind) => {
  const alice = await pages.page(server.address, 'alice');
  const bob = await pages.page(server.address, 'bob');
  await alice.evaluate(async (forbidden) => {
    globalThis.call = await client.call('bob', { media: 'video', forbid: [forbidden] });
  }, forbid);
  for (const page of [alice, bob]) {
    await page.waitForFunction(() => globalThis.call?.phase === 'active');
  }
  const [sender, receiver] = deprived === 'bob' ? [alice, bob] : [bob, alice];
  // The SDK would not even send it; a client that cheats believes what it likes.
  expect(await sender.evaluate(() => call.info.room?.allow)).not.toContain(kind);
  for (const page of [alice, bob]) {
    await page.evaluate(async () => {
      if (call.info.room) call.info.room.allow = ['audio', 'video'];
      await call.media.start();
    });
  }
  const other = kind === 'audio' ? 'video' : 'audio';
  await expect.poll(async () => (await received(receiver))[other]).toBeGreaterThan(MANY);
  expect((await received(receiver))[kind]).toBe(0);
  // The other way nothing is forbidden.
  await expect.poll(async () => (await received(sender))[kind]).toBeGreaterThan(MANY);
  const sent = await sender.evaluate(() => call.media.sends('mic') && call.media.sends('camera'));
  expect(sent).toBe(true);
});
