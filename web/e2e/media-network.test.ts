// Media over bad networks: cut for a while, and one that lets no datagrams through.

import { Server } from 'bellwire-testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { hearsSomething, mediaBreaks, mediaIs, path, seesMoving } from './media.js';
import { type Phone, Phones } from './phones.js';

let server: Server;
let phones: Phones;
/** A browser that is kept from sending datagrams. */
let walled: Phones;
beforeAll(async () => {
  server = await Server.start();
  phones = await Phones.start(server.address);
  walled = await Phones.start(
    server.address,
    '--webrtc-ip-handling-policy=disable_non_proxied_udp',
  );
});
beforeEach(() => {
  phones.watch();
  walled.watch();
});
afterEach(async () => {
  server.resume();
  await phones.hangUpAll();
  await walled.hangUpAll();
});
afterAll(async () => {
  await phones?.stop();
  await walled?.stop();
  await server?.stop();
});

test('after a cut of everything the two see and hear each other again', async () => {
  const [alice, bob] = [await phones.phone('alice'), await phones.phone('bob')];
  await alice.call('bob');
  await bob.answer();
  await seesMoving(alice, 'bob');
  await seesMoving(bob, 'alice');
  server.pause();
  // The browser has missed the server's answers to its checks.
  for (const phone of [alice, bob]) await mediaBreaks(phone);
  server.resume();
  for (const phone of [alice, bob]) await mediaIs(phone, 'connected');
  await alice.sees('bob', 'joined');
  await bob.sees('alice', 'joined');
  await seesMoving(alice, 'bob');
  await seesMoving(bob, 'alice');
  await hearsSomething(bob);
  await alice.hangUp();
  await bob.isIdle();
  for (const phone of [alice, bob]) phone.forgive(/WebSocket connection/);
});

test('a server that is killed and comes back routes the call again', async () => {
  const [alice, bob] = [await phones.phone('alice'), await phones.phone('bob')];
  await alice.call('bob');
  await bob.answer();
  await seesMoving(alice, 'bob');
  await server.restart();
  for (const phone of [alice, bob]) await mediaBreaks(phone);
  for (const phone of [alice, bob]) await mediaIs(phone, 'connected');
  await seesMoving(alice, 'bob');
  await seesMoving(bob, 'alice');
  await alice.hangUp();
  await bob.isIdle();
  for (const phone of [alice, bob]) phone.forgive(/WebSocket connection/);
});

test('where no datagram passes, media takes a TCP connection', async () => {
  const [alice, bob] = [await phones.phone('alice'), await walled.phone('bob')];
  await alice.call('bob');
  await bob.answer();
  await seesMoving(alice, 'bob');
  await seesMoving(bob, 'alice');
  const protocol = async ({ page }: Phone) => (await path(page))?.protocol;
  await expect.poll(() => protocol(alice)).toBe('udp');
  expect(await protocol(bob)).toBe('tcp');
  await alice.hangUp();
  await bob.isIdle();
});
