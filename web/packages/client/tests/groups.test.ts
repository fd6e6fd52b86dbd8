// Group calls: who is in is known on each device as the server knows it.

import { Server } from 'bellwire-testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Call, Client, wire } from '../src/index.js';
import { leave, online } from './people.js';

let server: Server;
const askers = new Map<Call, Client>();
beforeAll(async () => {
  server = await Server.start();
});
afterEach(leave);
afterAll(() => server.stop());

/** What a device has put together out of events becomes what the server says when asked. */
async function agrees(call: Call): Promise<void> {
  const known = ({ phase, kind, media, participants, started_at }: Call['info']) => ({
    phase,
    kind,
    media,
    started_at,
    participants: participants.map(({ user, state, device }) => ({ user, state, device })),
  });
  const { info } = await said(call);
  await expect.poll(() => known(call.info)).toEqual(known(info));
}

/** The server's word, asked for past the call's own object, which would learn from it. */
function said(call: Call): Promise<wire.GetOk> {
  const asker = askers.get(call);
  if (!asker) throw new Error('nobody asks for this call');
  return asker.ask('call.get', { call: call.id });
}

test('people are asked in, come late, leave, and the call is ended for all', async () => {
  const address = server.address;
  const [alice, bob, carol, dora] = await Promise.all([
    online(address, 'alice', 'a'),
    online(address, 'bob', 'b'),
    online(address, 'carol', 'c'),
    online(address, 'dora', 'd'),
  ]);
  const [bobRings, carolRings] = [bob.next('incoming'), carol.next('incoming')];
  const first = await alice.call(['bob', { user: 'carol', ring: 'notify' }]);
  const started = first.next('started');
  const { call: second } = await bobRings;
  await second.accept();
  await started;

  const { call: third } = await carolRings;
  askers.set(first, alice).set(second, bob).set(third, carol);
  const joined = second.next('joined');
  await third.join();
  expect(await joined).toMatchObject({ user: 'carol' });
  await agrees(third);

  const doraRings = dora.next('incoming');
  const added = third.next('added');
  expect(await first.invite(['bob', 'dora'])).toEqual(['bob']);
  expect(await added).toMatchObject({ users: ['dora'], by: 'alice' });
  const rejected = third.next('rejected');
  await (await doraRings).call.reject();
  await rejected;
  for (const call of [first, second, third]) await agrees(call);

  const [left, over] = [first.next('left'), second.next('over')];
  await second.hangup();
  expect(await left).toMatchObject({ user: 'bob', reason: 'left' });
  expect(await over).toMatchObject({ ended: { scope: 'you', reason: 'completed' } });
  expect(second.phase).toBe('active');
  await agrees(first);

  const ended = third.next('over');
  await first.end();
  expect(await ended).toMatchObject({ ended: { scope: 'all', by: 'alice' } });
  expect(third.phase).toBe('ended');
});
