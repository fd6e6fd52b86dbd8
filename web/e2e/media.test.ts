// Sound and picture through the real server, between phone pages with made-up cameras.

import { resolve } from 'node:path';
import { Network, Server } from 'bellwire-testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { hearsSomething, seesMoving, seesNoPicture, seesSpeaking, width } from './media.js';
import { Phones } from './phones.js';

/** The picture in the README; `UPDATE=1` takes it anew. */
const PICTURE = resolve(import.meta.dirname, '../../docs/images/call.png');

let server: Server;
let phones: Phones;
beforeAll(async () => {
  server = await Server.start();
  phones = await Phones.start(server.address, '--auto-select-desktop-capture-source=Entire screen');
});
beforeEach(() => phones.watch());
afterEach(() => phones.hangUpAll());
afterAll(async () => {
  await phones?.stop();
  await server?.stop();
});

/** Two phones in a call. */
async function two(media: 'audio' | 'video' = 'video') {
  const [alice, bob] = [await phones.phone('alice'), await phones.phone('bob')];
  await alice.call('bob', media);
  await bob.answer(media === 'video' ? 'Answer with video' : 'Answer');
  await alice.sees('bob', 'joined');
  return [alice, bob] as const;
}

test('two see and hear each other', async () => {
  const [alice, bob] = await two();
  for (const [phone, other] of [
    [alice, 'bob'],
    [bob, 'alice'],
  ] as const) {
    await seesMoving(phone, other);
    await hearsSomething(phone);
    await seesSpeaking(phone, other);
    expect(await width(phone, other)).toBeGreaterThan(0);
    await expect.poll(() => phone.tile(other).locator('meter').isVisible()).toBe(true);
  }
  if (process.env.UPDATE) await alice.page.screenshot({ path: PICTURE });
  const { calls } = (await server.api('/v1/calls?live')) as { calls: { id: string }[] };
  const types = async () => {
    const { log } = (await server.api(`/v1/calls/${calls[0]?.id}`)) as { log: { type: string }[] };
    return log.map(({ type }) => type);
  };
  await expect.poll(types).toEqual(expect.arrayContaining(['entered', 'media_reported']));
  await alice.hangUp();
  await bob.isIdle();
});

test('mute and camera off reach the other, and are taken back', async () => {
  const [alice, bob] = await two();
  await seesMoving(bob, 'alice');
  await alice.button('Mute').click();
  await expect.poll(() => bob.tile('alice').innerText()).toContain('muted');
  await alice.button('Mute').click();
  await expect.poll(() => bob.tile('alice').innerText()).not.toContain('muted');
  await hearsSomething(bob);
  await alice.button('Camera').click();
  await seesNoPicture(bob, 'alice');
  await alice.button('Camera').click();
  await seesMoving(bob, 'alice');
  await alice.hangUp();
  await bob.isIdle();
});

test('a screen is shared beside the camera, and no longer', async () => {
  const [alice, bob] = await two();
  await seesMoving(bob, 'alice');
  await alice.button('Share screen').click();
  await bob.tile('alice', 'screen').waitFor();
  await expect
    .poll(() =>
      bob
        .tile('alice', 'screen')
        .locator('video')
        .evaluate((video: HTMLVideoElement) => video.videoWidth),
    )
    .toBeGreaterThan(100);
  await seesMoving(bob, 'alice');
  await alice.button('Share screen').click();
  await bob.tile('alice', 'screen').waitFor({ state: 'detached' });
  await alice.hangUp();
  await bob.isIdle();
});

test('a call with sound becomes one with pictures when both want it', async () => {
  const [alice, bob] = await two('audio');
  await hearsSomething(bob);
  await seesNoPicture(bob, 'alice');
  await alice.button('Camera').click();
  await bob.button('Switch to video').click();
  await seesMoving(bob, 'alice');
  await seesMoving(alice, 'bob');
  await alice.hangUp();
  await bob.isIdle();
});

test('a page that is loaded again sees and hears as before', async () => {
  const [alice, bob] = await two();
  await seesMoving(alice, 'bob');
  await bob.page.reload();
  await bob.title('alice').waitFor();
  await seesMoving(bob, 'alice');
  await bob.sees('bob', 'joined');
  await seesMoving(alice, 'bob');
  await hearsSomething(alice);
  await alice.hangUp();
  await bob.isIdle();
});

test('four in a group see each other; one leaves and one comes late', async () => {
  const users = ['alice', 'bob', 'carol', 'dora'];
  const all = await Promise.all(users.map((user) => phones.phone(user)));
  const [alice, bob, carol, dora] = all;
  if (!alice || !bob || !carol || !dora) throw new Error('four phones');
  for (const user of ['bob', 'carol']) {
    await alice.add(user);
    await alice.page.getByLabel(`Choose ${user}`).check();
  }
  await alice.button('Video call all').click();
  await bob.answer();
  await carol.answer();
  for (const phone of [alice, bob, carol]) {
    for (const other of users.slice(0, 3)) if (other !== phone.user) await seesMoving(phone, other);
  }
  await bob.hangUp();
  await alice.tile('bob').waitFor({ state: 'detached' });
  await alice.page.getByText('Add people').click();
  await alice.page.getByLabel('Names, parted by commas').fill('dora');
  await alice.button('Ring them').click();
  await dora.answer();
  for (const phone of [alice, carol]) await seesMoving(phone, 'dora');
  for (const other of ['alice', 'carol']) await seesMoving(dora, other);
  await alice.button('End for all').click();
  for (const phone of [alice, carol, dora]) await phone.isIdle();
});

test('sound and picture go on while signalling is away', async () => {
  const network = await Network.to(server.port);
  try {
    const alice = await phones.phone('alice');
    const bob = await phones.phone('bob', network.address);
    await alice.call('bob');
    await bob.answer();
    await seesMoving(bob, 'alice');
    network.cut();
    await bob.page.locator('.status[data-state="waiting"]').waitFor({ state: 'attached' });
    await seesMoving(bob, 'alice');
    network.mend();
    await bob.page.locator('.status[data-state="online"]').waitFor({ state: 'attached' });
    await alice.sees('bob', 'joined');
    await seesMoving(alice, 'bob');
    await alice.hangUp();
    await bob.isIdle();
    bob.forgive(/WebSocket connection/);
  } finally {
    network.stop();
  }
});
