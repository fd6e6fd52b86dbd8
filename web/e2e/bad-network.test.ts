// Media over a network that is narrow, or that loses some of what it is given.

import { Datagrams, Server, type Way } from 'bellwire-testing';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { BarePages } from './bare.js';
import { hearsSomething, path } from './media.js';
import { launch } from './phones.js';

/** Bandwidth is found out in steps, more slowly the busier the machine. */
const poll = { timeout: 60_000, interval: 250 };
/** Some seconds of pictures. */
const FRAMES = 50;

let datagrams: Datagrams;
let server: Server;
let browser: Browser;
let pages: BarePages;
beforeAll(async () => {
  datagrams = await Datagrams.start();
  server = await Server.start(...datagrams.flags);
  browser = await launch();
  pages = await BarePages.start(browser);
});
beforeEach(() => datagrams.make({}));
afterEach(() => pages.leave());
afterAll(async () => {
  await pages?.stop();
  await browser?.close();
  await server?.stop();
  datagrams?.stop();
});

/** Alice and Bob in a call; each shows the other, and sends what the camera gives, if anything. */
async function two(camera: { alice: Camera; bob?: Camera }): Promise<[Page, Page]> {
  const alice = await pages.page(server.address, 'alice');
  const bob = await pages.page(server.address, 'bob');
  await alice.evaluate(async () => {
    globalThis.call = await client.call('bob', { media: 'video' });
  });
  for (const [page, other, wish] of [
    [alice, 'bob', camera.alice],
    [bob, 'alice', camera.bob],
  ] as const) {
    await page.waitForFunction(() => globalThis.call?.phase === 'active');
    await page.evaluate(
      async ([user, wished]) => {
        const video = document.createElement('video');
        video.style.cssText = 'width: 640px; height: 360px';
        document.body.append(video);
        window.gaps = [];
        let last: number | undefined;
        const seen = (now: number) => {
          if (last !== undefined) window.gaps.push(now - last);
          last = now;
          video.requestVideoFrameCallback(seen);
        };
        video.requestVideoFrameCallback(seen);
        await call.media.start({ camera: wished });
        call.media.show({ user, source: 'camera' }, video);
      },
      [other, wish ? { ...wish } : false] as const,
    );
  }
  return [alice, bob];
}

interface Camera {
  width: number;
  height: number;
  frameRate: number;
}

declare global {
  interface Window {
    /** The times between one picture shown and the next, in milliseconds. */
    gaps: number[];
  }
}

/** The way that a page's media takes. */
async function wayOf(page: Page): Promise<Way> {
  const port = (await path(page))?.port;
  const way = port === undefined ? undefined : datagrams.way(port);
  if (!way) throw new Error(`no way of port ${port}`);
  return way;
}

/** A layer that a page sends. */
interface Layer {
  rid: string;
  width: number;
  /** How many pictures of it went. */
  frames: number;
  /** What the browser aims at with it, in bits a second. */
  aim: number;
}

async function layers(page: Page): Promise<Layer[]> {
  return page.evaluate(async () => {
    const stats = [...((await call.media.stats())?.values() ?? [])];
    return stats
      .filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video')
      .map(({ rid, frameWidth, framesSent, targetBitrate }) => {
        return { rid, width: frameWidth, frames: framesSent ?? 0, aim: targetBitrate ?? 0 };
      });
  });
}

/** Which of the layers that one sends the other gets; none while it changes. */
async function layer(from: Page, to: Page): Promise<string | undefined> {
  const width = await to.evaluate(async () => {
    const stats = [...((await call.media.stats())?.values() ?? [])];
    const { frameWidth } = stats.find((one) => one.type === 'inbound-rtp' && one.kind === 'video');
    return frameWidth as number | undefined;
  });
  return (await layers(from)).find((one) => one.width === width)?.rid;
}

/** The longest time between two of the next so many pictures, in milliseconds. */
async function longestGap(page: Page): Promise<number> {
  await page.evaluate(() => {
    window.gaps.length = 0;
  });
  await expect.poll(() => page.evaluate(() => window.gaps.length), poll).toBeGreaterThan(FRAMES);
  return page.evaluate(() => Math.max(...window.gaps));
}

test('who has 300 kbit/s gets the small layer, and a larger one when there is more', async () => {
  const [alice, bob] = await two({ alice: { width: 1280, height: 720, frameRate: 20 } });
  const half = async () => (await layers(alice)).find(({ rid }) => rid === 'h');
  // It does not fit into what Bob will have.
  await expect.poll(async () => (await half())?.aim, poll).toBeGreaterThan(400_000);
  await expect.poll(() => layer(alice, bob), poll).toMatch(/[hf]/);
  const [narrow, wide] = [await wayOf(bob), await wayOf(alice)];
  narrow.down.conditions = { bitsPerSecond: 300_000 };
  await expect.poll(() => layer(alice, bob), poll).toBe('q');
  expect(await longestGap(bob)).toBeLessThan(2_000);
  expect(await layer(alice, bob)).toBe('q');
  // Alice, whose network is as it was, sends the larger ones as before.
  const sent = (await half())?.frames ?? 0;
  await expect.poll(async () => (await half())?.frames, poll).toBeGreaterThan(sent + 10);
  expect([wide.up.count.dropped, wide.down.count.dropped]).toEqual([0, 0]);
  narrow.down.conditions = {};
  await expect.poll(() => layer(alice, bob), poll).toMatch(/[hf]/);
  expect(await longestGap(bob)).toBeLessThan(2_000);
});

test('where one of twenty is lost, picture and sound go on, and the quality says so', async () => {
  const small = { width: 320, height: 180, frameRate: 10 };
  datagrams.make({ loss: 0.05, delayMs: 20 });
  const [alice, bob] = await two({ alice: small, bob: small });
  for (const page of [alice, bob]) {
    await hearsSomething({ page });
    expect(await longestGap(page)).toBeLessThan(2_000);
    await hearsSomething({ page });
  }
  for (const { up, down } of [await wayOf(alice), await wayOf(bob)]) {
    for (const { count } of [up, down]) {
      expect(count.dropped / count.taken).toBeGreaterThan(0.02);
    }
  }
  // Above 3 % it is fair (3) at best.
  for (const way of ['up', 'down'] as const) {
    const grade = () => bob.evaluate((which) => call.quality.alice?.[which], way);
    await expect.poll(grade, poll).toBeGreaterThanOrEqual(3);
  }
});
