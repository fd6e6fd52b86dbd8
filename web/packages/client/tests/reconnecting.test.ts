// Lost connections with a real server: calls go on, nothing is lost and nothing is done twice.

import { Network, Server } from 'bellwire-testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Client } from '../src/index.js';
import { inCall, leave, online, person } from './people.js';

let server: Server;
let network: Network;
beforeAll(async () => {
  server = await Server.start();
});
beforeEach(async () => {
  network = await Network.to(server.port);
});
afterEach(() => {
  leave();
  network.stop();
});
afterAll(() => server.stop());

const isOnline = (state: { name: string }) => state.name === 'online';

/** The names of the states from now on. */
function states(client: Client): string[] {
  const names: string[] = [];
  client.on('state', ({ name }) => names.push(name));
  return names;
}

test('a cut in mid-call is seen by the other, and healed', async () => {
  const alice = await online(server.address, 'alice', 'a');
  const bob = await online(network.address, 'bob', 'b');
  const [calling, called] = await inCall(alice, bob);
  const seen = states(bob);
  const [dropped, waiting] = [
    calling.next('dropped'),
    bob.next('state', (s) => s.name === 'waiting'),
  ];
  network.cut();
  expect(await dropped).toMatchObject({ user: 'bob' });
  await waiting;
  // Asked while away: sent once back, and done once.
  const message = calling.next('message');
  const asked = called.sendMessage('still here');
  const [restored, back] = [calling.next('restored'), bob.next('state', isOnline)];
  network.mend();
  expect(await back).toMatchObject({ user: 'bob', resumed: true });
  expect(await restored).toMatchObject({ user: 'bob' });
  await asked;
  expect(await message).toMatchObject({ body: 'still here' });
  expect(seen[0]).toBe('waiting');
  expect(seen.at(-1)).toBe('online');
  expect(called.isHere).toBe(true);
  await calling.hangup();
});

test('what was missed comes after the return: the end of the call among it', async () => {
  const alice = await online(server.address, 'alice', 'a');
  const bob = await online(network.address, 'bob', 'b');
  const [calling, called] = await inCall(alice, bob);
  const waiting = bob.next('state', (s) => s.name === 'waiting');
  network.cut();
  await waiting;
  const over = called.next('over');
  await calling.hangup({ content: 'bye' });
  network.mend();
  expect(await over).toMatchObject({ ended: { reason: 'completed', content: 'bye' } });
  expect(bob.calls).toEqual([]);
});

test('a server that is killed and comes back finds everybody in the call', async () => {
  const own = await Server.start();
  try {
    const alice = await online(own.address, 'alice', 'a');
    const bob = await online(own.address, 'bob', 'b');
    const [calling, called] = await inCall(alice, bob);
    await alice.watch(['bob']);
    const back = [alice, bob].map((client) => client.next('state', isOnline));
    const presence = alice.next('presence');
    await own.restart();
    for (const state of await Promise.all(back)) expect(state).toMatchObject({ resumed: true });
    // A restarted server has forgotten who watches whom; the SDK has not.
    expect(await presence).toEqual({ bob: 'in_call' });
    const over = called.next('over');
    await calling.hangup();
    expect(await over).toMatchObject({ ended: { reason: 'completed' } });
  } finally {
    await own.stop();
  }
});

test('a page loaded again finds the call it was in', async () => {
  const alice = await online(server.address, 'alice', 'a');
  const before = await online(server.address, 'bob', 'b');
  const [calling] = await inCall(alice, before);
  const dropped = calling.next('dropped');
  before.close();
  await dropped;
  const after = person(server.address, 'bob', 'b');
  const [finds, restored] = [after.next('found'), calling.next('restored')];
  await after.connect();
  const found = await finds;
  expect([found.id, found.isHere, found.info.room?.id]).toEqual([
    calling.id,
    true,
    calling.info.room?.id,
  ]);
  await restored;
  await found.hangup();
});

test('a login while a call rings is told of it', async () => {
  const alice = await online(server.address, 'alice', 'a');
  await online(server.address, 'bob', 'b1');
  const calling = await alice.call('bob', { content: 'hi' });
  const late = person(server.address, 'bob', 'b2');
  const rings = late.next('incoming');
  const rung = calling.next('ringing');
  await late.connect();
  expect(await rings).toMatchObject({ from: 'alice', note: { content: 'hi' } });
  expect(await rung).toMatchObject({ device: 'b2' });
  await calling.cancel();
});

test('a server that cannot be reached is tried again until it is there', async () => {
  network.cut();
  const alice = person(network.address, 'alice', 'a');
  const waiting = alice.next('state', (s) => s.name === 'waiting' && s.attempt >= 2);
  const connected = alice.connect();
  await waiting;
  network.mend();
  await connected;
  expect(alice.user).toBe('alice');
});

test('a connection that has fallen silent is given up while a call runs', async () => {
  const alice = await online(server.address, 'alice', 'a');
  const bob = await online(network.address, 'bob', 'b');
  const [calling] = await inCall(alice, bob);
  const lost = bob.next('state', (s) => s.name === 'waiting');
  network.silence();
  expect(await lost).toMatchObject({ reason: 'the server has fallen silent' });
  network.cut();
  const back = bob.next('state', isOnline);
  network.mend();
  await back;
  await calling.hangup();
});
