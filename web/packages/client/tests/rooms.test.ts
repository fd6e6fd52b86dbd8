// Rooms whose media is the app's own: the token that lets a device in, from the app's client.

import { Server } from 'bellwire-testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { RoomTokenSource } from '../src/index.js';
import { leave, online, person } from './people.js';

let server: Server;
beforeAll(async () => {
  server = await Server.start('--calls-room-media', 'external');
});
afterEach(leave);
afterAll(() => server.stop());

let pairs = 0;

/** Two people of their own; the callee's client gets tokens from `roomToken`. */
async function ringing(roomToken?: RoomTokenSource, roomTokenMs = 5000) {
  const [caller, callee] = [`caller-${++pairs}`, `callee-${pairs}`];
  const alice = await online(server.address, caller, 'a');
  const options = roomToken ? { roomToken, roomTokenMs } : {};
  const bob = person(server.address, callee, 'b', options);
  const rings = bob.next('incoming');
  await bob.connect();
  const calling = await alice.call(callee, { media: 'audio' });
  const { call } = await rings;
  return { bob, calling, call };
}

test('the room comes with the token that the app got, once for each stay', async () => {
  const asked: string[] = [];
  const { bob, calling, call } = await ringing((room, id) => {
    asked.push(`${id} ${room.id}`);
    return Promise.resolve({ token: `t${asked.length}`, url: 'wss://rooms' });
  });
  const room = call.next('room');
  await call.accept();
  expect(await room).toMatchObject({ media: 'external', token: 't1', url: 'wss://rooms' });
  expect(asked).toEqual([`${call.id} ${call.info.room?.id}`]);
  await call.get();
  const over = call.next('over');
  await calling.hangup();
  await over;
  expect(asked).toHaveLength(1);
  expect(bob.state.name).toBe('online');
});

test('without a source the room comes as the server gives it', async () => {
  const { calling, call } = await ringing();
  const entered = calling.next('room');
  await call.accept();
  const room = await entered;
  expect(room.token).toBeUndefined();
  expect(room.id).toBe(calling.info.room?.id);
});

test.each<[string, RoomTokenSource, number]>([
  ['fails', () => Promise.reject(new Error(`kein Guthaben:\n${'ü'.repeat(64)}`)), 5000],
  [
    'throws',
    () => {
      throw new Error('no credit');
    },
    5000,
  ],
  ['gives none', () => '', 5000],
  ['takes too long', () => new Promise(() => {}), 50],
])('a source that %s ends the call, and the log says why', async (_, source, withinMs) => {
  const { bob, calling, call } = await ringing(source, withinMs);
  const [barred, over, ended] = [call.next('barred'), call.next('over'), calling.next('over')];
  await call.accept();
  expect((await barred).code).toBe('no_token');
  expect(await over).toMatchObject({ ended: { reason: 'completed', by: bob.user } });
  await ended;
  const { log } = await calling.get();
  const failed = log.find((entry) => entry.type === 'media_reported')?.failed;
  expect(failed).toMatch(/^no token for the room: /);
});
