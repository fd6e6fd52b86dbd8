// The media of the SDK in a real browser. A scripted server says what a real one seldom says on
// demand: people coming and going, tracks, and the end of a connection. The peer is real.

import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { launch } from './phones.js';
import { ScriptedServer } from './scripted/server.js';

let server: ScriptedServer;
let browser: Browser;
let page: Page;
beforeAll(async () => {
  server = await ScriptedServer.start();
  browser = await launch('--allow-loopback-in-peer-connection');
});
beforeEach(async () => {
  server.requests.length = 0;
  server.allow = ['audio', 'video'];
  const context = await browser.newContext({ permissions: ['camera', 'microphone'] });
  page = await context.newPage();
  server.answer = (sdp) => page.evaluate((offer) => window.answer(offer), sdp);
  await page.goto(server.address);
  await page.waitForFunction(() => window.Client !== undefined);
  await page.evaluate(async () => {
    const client = new window.Client(location.origin, { token: 't', device: { id: 'alice-1' } });
    const found = client.next('found');
    await client.connect();
    Object.assign(globalThis, { call: await found });
  });
});
afterEach(() => page.context().close());
afterAll(async () => {
  await browser?.close();
  server?.stop();
});

declare const call: import('@bellwire/client').Call;

const state = () => page.evaluate(() => call.media.state);
const start = (options = {}) => page.evaluate((given) => call.media.start(given), options);
const connected = () => expect.poll(state).toBe('connected');
const offers = () => server.asked('media.offer');
/** Connected, and these are offered: no further offer is on its way. */
const settled = async (...sources: string[]) => {
  await connected();
  const sent = () => mids(offers().at(-1), 'send').map(([, source]) => source);
  await expect.poll(() => sent().sort()).toEqual(sources.sort());
};
const said = () => server.asked('call.state').at(-1);
const mids = (offer: { [field: string]: unknown } | undefined, field: string) =>
  Object.entries(offer?.[field] as object).sort(([a], [b]) => Number(a) - Number(b));
const ufrag = (sdp: unknown) => /a=ice-ufrag:(.*)/.exec(String(sdp))?.[1];
const fingerprint = (sdp: unknown) => /a=fingerprint:(.*)/.exec(String(sdp))?.[1];

const BOB = [
  { user: 'bob', source: 'mic', on: true },
  { user: 'bob', source: 'camera', on: true },
];

test('sound and picture flow both ways, and it is told how long that took', async () => {
  const began = performance.now();
  await start();
  await settled('mic', 'camera');
  const offer = offers().at(-1);
  expect(offer?.token).toBe('let me in');
  expect(mids(offer, 'receive').map(([, want]) => want)).toEqual(
    expect.arrayContaining([
      { user: 'bob', source: 'mic' },
      { user: 'bob', source: 'camera' },
    ]),
  );
  expect(offer?.sdp).toMatch(/a=simulcast:send q;h;f/);
  expect(said()).toMatchObject({ audio: true, video: true, screen: false });

  server.tell('media.tracks', { tracks: BOB });
  await expect.poll(() => page.evaluate(() => call.media.remote.length)).toBe(2);
  await page.evaluate(() => {
    const video = document.createElement('video');
    document.body.append(video);
    call.media.show({ user: 'bob', source: 'camera' }, video);
  });
  await page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 0.3);
  await expect
    .poll(async () => Object.values(await page.evaluate(() => window.arrived())).filter(Boolean))
    .toHaveLength(2);
  await expect.poll(() => page.evaluate(() => call.media.level('bob'))).toBeGreaterThan(0.01);
  const reports = () => server.asked('media.report');
  await expect.poll(() => reports().length).toBe(2);
  const all = Object.assign({}, ...reports()) as { connected_ms: number; first_frame_ms: number };
  for (const ms of [all.connected_ms, all.first_frame_ms]) {
    expect(ms).toBeGreaterThanOrEqual(0);
    expect(ms).toBeLessThan(performance.now() - began);
  }

  // The picture is asked for as large as it is shown, and not at all when it is gone.
  const told = () =>
    server.asked('media.receive').flatMap(({ receive }) => Object.values(receive as object));
  const isCamera = (want: { source?: string } | null) => want?.source === 'camera';
  await page.evaluate(() => {
    const video = document.querySelector('video') as HTMLVideoElement;
    video.style.cssText = 'width: 320px; height: 192px';
  });
  await expect
    .poll(() => told().filter(isCamera).at(-1))
    .toMatchObject({ width: 320, height: 192 });
});

test('mute, camera off and on again need no new offer', async () => {
  await start();
  await settled('mic', 'camera');
  await expect.poll(() => said()).toMatchObject({ audio: true, video: true });
  const before = offers().length;
  await page.evaluate(() => call.media.setMic(false));
  expect(said()).toMatchObject({ audio: false, video: true });
  expect(await page.evaluate(() => call.media.local('mic')?.enabled)).toBe(false);
  await page.evaluate(() => call.media.setCamera(false));
  expect(said()).toMatchObject({ audio: false, video: false });
  expect(await page.evaluate(() => call.media.local('camera'))).toBeUndefined();
  await page.evaluate(() => call.media.setCamera(true));
  await page.evaluate(() => call.media.setMic(true));
  expect(said()).toMatchObject({ audio: true, video: true });
  // Another microphone takes the place of the one that was sent.
  const changed = await page.evaluate(async () => {
    const first = call.media.local('mic');
    const [device] = await navigator.mediaDevices.enumerateDevices();
    await call.media.setMic({ deviceId: device?.deviceId ?? '' });
    return { isOther: call.media.local('mic') !== first, state: first?.readyState };
  });
  expect(changed).toEqual({ isOther: true, state: 'ended' });
  expect(offers().length).toBe(before);
});

test('who comes gets a slot, and a slot that is free is used again', async () => {
  await start({ camera: false });
  await settled('mic');
  const joined = (user: string, left?: string) => {
    const participants = [{ user, state: 'joined', device: `${user}-1` }];
    if (left)
      server.log('call.left', { user: left, participants: [{ user: left, state: 'left' }] });
    server.log('call.joined', { user, device: `${user}-1`, participants });
  };
  const one = offers().length;
  joined('carol');
  await expect.poll(() => offers().length).toBe(one + 1);
  expect(mids(offers().at(-1), 'receive')).toHaveLength(4);
  joined('dora', 'bob');
  const wanted = () =>
    server
      .asked('media.receive')
      .flatMap(({ receive }) =>
        Object.values(receive as { [mid: string]: { user?: string } | null }),
      )
      .map((want) => want?.user);
  await expect.poll(() => wanted().filter((user) => user === 'dora').length).toBe(2);
  expect(offers().length).toBe(one + 1);
});

test('another network: ICE is restarted on the same connection', async () => {
  await start({ camera: false });
  await settled('mic');
  const [before, count] = [offers().at(-1), offers().length];
  await page.evaluate(() => dispatchEvent(new Event('online')));
  await expect.poll(() => ufrag(offers().at(-1)?.sdp)).not.toBe(ufrag(before?.sdp));
  const after = offers().at(-1);
  expect(offers().length).toBe(count + 1);
  expect(fingerprint(after?.sdp)).toBe(fingerprint(before?.sdp));
  await connected();
});

test('a connection that the server ended is made anew, and one that it replaced is not', async () => {
  await start({ camera: false });
  await settled('mic');
  const before = offers().at(-1);
  server.tell('media.closed', { reason: 'failed' });
  await expect.poll(() => fingerprint(offers().at(-1)?.sdp)).not.toBe(fingerprint(before?.sdp));
  await settled('mic');
  const count = offers().length;
  server.tell('media.closed', { reason: 'replaced' });
  server.tell('media.speakers', { speakers: [{ user: 'bob', level: -23 }] });
  await expect.poll(() => page.evaluate(() => call.media.speakers[0]?.user)).toBe('bob');
  expect([offers().length, await state()]).toEqual([count, 'connected']);
  server.tell('media.closed', { reason: 'moved' });
  await expect.poll(state).toBe('closed');
  expect(await page.evaluate(() => call.media.local('mic'))).toBeUndefined();
});

test('what is not allowed is not sent, and a device that fails is told and the rest goes on', async () => {
  server.allow = ['audio'];
  await page.evaluate(() => call.get());
  const errors = await page.evaluate(async () => {
    const codes: string[] = [];
    call.media.on('error', ({ code }) => codes.push(code));
    await call.media.start({ mic: { deviceId: { exact: 'none' } }, camera: true });
    return codes;
  });
  expect(errors).toEqual(['no_device', 'forbidden']);
  await connected();
  expect(mids(offers().at(-1), 'send')).toEqual([]);
  expect(said()).toMatchObject({ audio: false, video: false });
  // Allowed by now: the room is looked at once more.
  server.allow = ['audio', 'video'];
  await page.evaluate(() => call.media.setCamera(true));
  await expect
    .poll(() => mids(offers().at(-1), 'send').map(([, source]) => source))
    .toEqual(['camera']);
});
