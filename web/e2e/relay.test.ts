// Where nothing but a relay is reachable, media goes through it, with the credentials of the room.

import { Relay, Server } from 'bellwire-testing';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BarePages, received } from './bare.js';
import { path } from './media.js';
import { launch } from './phones.js';

let relay: Relay;
let server: Server;
let browser: Browser;
let pages: BarePages;
beforeAll(async () => {
  relay = await Relay.start();
  server = await Server.start(
    '--media-turn-urls',
    JSON.stringify([relay.url]),
    '--media-turn-secret',
    relay.secret,
  );
  // Candidates of loopback, where the relay is.
  browser = await launch('--allow-loopback-in-peer-connection');
  pages = await BarePages.start(browser);
});
afterAll(async () => {
  await pages?.stop();
  await browser?.close();
  await server?.stop();
  await relay?.stop();
});

test('both sides hear and see each other through the relay alone', async () => {
  const alice = await pages.page(server.address, 'alice');
  const bob = await pages.page(server.address, 'bob');
  await alice.evaluate(async () => {
    globalThis.call = await client.call('bob', { media: 'video' });
  });
  for (const page of [alice, bob]) {
    await page.waitForFunction(() => globalThis.call?.phase === 'active');
    await page.evaluate(() => call.media.start({ relay: true }));
  }
  for (const page of [alice, bob]) {
    await expect.poll(async () => (await received(page)).audio).toBeGreaterThan(1_000);
    await expect.poll(async () => (await received(page)).video).toBeGreaterThan(10_000);
    expect(await path(page)).toMatchObject({ protocol: 'udp', kind: 'relay' });
  }
});
