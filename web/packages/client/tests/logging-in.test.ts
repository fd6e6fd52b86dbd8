// Who may log in, with tokens that are fetched and renewed, and when a device stays away.

import { Server } from 'bellwire-testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { leave, online, person } from './people.js';

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterEach(leave);
afterAll(() => server.stop());

test('a refused token closes the client for good, with the reason', async () => {
  const client = person(server.address, 'alice', 'a', { token: 'none' });
  const refused = client.connect();
  await expect(refused).rejects.toMatchObject({ code: 'closed' });
  await expect(refused).rejects.toThrow(/unauthorized/);
  expect(client.state).toMatchObject({ name: 'closed', code: 4401 });
  await expect(client.call('bob')).rejects.toMatchObject({ code: 'closed' });
});

test('a token is fetched for the hello, and again before it runs out', async () => {
  let fetched = 0;
  let renewed = () => {};
  const twice = new Promise<void>((resolve) => {
    renewed = resolve;
  });
  const token = async () => {
    fetched += 1;
    if (fetched === 2) renewed();
    // The notice comes 30 s before the end, so this one is told of after a second.
    return server.token('alice', fetched === 1 ? 31 : 600);
  };
  const client = person(server.address, 'alice', 'a', { token });
  await client.connect();
  expect(client.user).toBe('alice');
  await twice;
  expect(client.state.name).toBe('online');
});

test('a token that cannot be fetched now is asked for again', async () => {
  let fetched = 0;
  const token = async () => {
    fetched += 1;
    if (fetched === 1) throw new Error('the shop is closed');
    return server.token('alice');
  };
  const client = person(server.address, 'alice', 'a', { token });
  const waiting = client.next('state', (state) => state.name === 'waiting');
  const connected = client.connect();
  expect(await waiting).toMatchObject({ reason: 'no token: the shop is closed' });
  await connected;
  expect(fetched).toBe(2);
});

test('a device that logs in again elsewhere replaces this one, which stays away', async () => {
  const first = await online(server.address, 'alice', 'a');
  const closed = first.next('state', (state) => state.name === 'closed');
  await online(server.address, 'alice', 'a');
  expect(await closed).toMatchObject({ code: 4409 });
});

test('logging out ends the session', async () => {
  const [alice, bob] = [
    await online(server.address, 'alice', 'a'),
    await online(server.address, 'bob', 'b'),
  ];
  expect(await bob.watch(['alice', 'zoe'])).toEqual({ alice: 'online', zoe: 'offline' });
  const gone = bob.next('presence');
  await alice.logout();
  expect(await gone).toEqual({ alice: 'offline' });
  expect(alice.state).toEqual({ name: 'closed', reason: 'closed by the app' });
});

test('messages reach the devices that are connected', async () => {
  const [alice, bob] = [
    await online(server.address, 'alice', 'a'),
    await online(server.address, 'bob', 'b'),
  ];
  const message = bob.next('message');
  expect(await alice.sendMessage('bob', { text: 'later?' })).toBe(true);
  expect(await message).toMatchObject({ from: 'alice', body: { text: 'later?' } });
  expect(await alice.sendMessage('zoe', 1)).toBe(false);
});
