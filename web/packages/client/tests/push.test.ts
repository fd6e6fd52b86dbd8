// Where a device is woken: what the SDK asks for a method, and what the server says to it.

import { Server } from 'bellwire-testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { leave, online } from './people.js';

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterEach(leave);
afterAll(() => server.stop());

test('a provider that the app is not set up for is refused by name', async () => {
  const alice = await online(server.address, 'alice', 'a');
  expect(alice.webPushKey).toBeUndefined();
  await expect(alice.setPush({ provider: 'webhook', token: 't' })).rejects.toMatchObject({
    code: 'invalid',
    refusal: { field: 'provider' },
  });
  await alice.clearPush();
  await alice.clearPush({ provider: 'apns', kind: 'voip' });
});

test('of a subscription its address and keys are told', async () => {
  const alice = await online(server.address, 'alice', 'a');
  const keys = { p256dh: 'B', auth: 'A' };
  const endpoint = 'https://push.example/1';
  // All fields are there, so it is the app's set-up that is missed.
  await expect(alice.setWebPush({ toJSON: () => ({ endpoint, keys }) })).rejects.toMatchObject({
    refusal: { field: 'provider' },
  });
  await expect(alice.setWebPush({ toJSON: () => ({ endpoint }) })).rejects.toMatchObject({
    code: 'invalid',
  });
});
