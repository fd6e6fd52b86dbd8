// A whole call between two devices and a real server, and the ways it is refused or taken back.

import { Server } from 'bellwire-testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { inCall, leave, online, person } from './people.js';

let server: Server;
beforeAll(async () => {
  // No media flows in Node: the first `call.state` says that somebody has entered.
  server = await Server.start('--calls-room-media', 'external');
});
afterEach(leave);
afterAll(() => server.stop());

test('a call from the first ring to its record', async () => {
  const [alice, bob] = [
    await online(server.address, 'alice', 'a'),
    person(server.address, 'bob', 'b'),
  ];
  const [rings, record] = [bob.next('incoming'), bob.next('record')];
  await bob.connect();
  const calling = await alice.call('bob', { media: 'audio', content: 'hi', param: 7 });
  const ringing = calling.next('ringing');
  expect(calling.phase).toBe('inviting');
  expect(calling.isHere).toBe(true);

  const incoming = await rings;
  expect(incoming.from).toBe('alice');
  expect(incoming.note).toEqual({ content: 'hi', param: 7 });
  expect(incoming.call.rings).toBe(true);
  // Nobody asked for it: the SDK says by itself that the app was told.
  expect(await ringing).toMatchObject({ user: 'bob', device: 'b' });

  const [started, entered] = [calling.next('started'), calling.next('entered')];
  await incoming.call.accept({ content: 'hello' });
  await started;
  expect(incoming.call.isHere).toBe(true);
  for (const call of [calling, incoming.call]) {
    expect(call.phase).toBe('active');
    expect(call.info.room?.id).toBeGreaterThan(0);
    expect(call.participants.map(({ user, state }) => [user, state])).toEqual([
      ['alice', 'joined'],
      ['bob', 'joined'],
    ]);
  }

  await incoming.call.setSending({ audio: true, video: false });
  expect(await entered).toMatchObject({ user: 'bob' });
  expect(calling.sending.bob ?? {}).toEqual({ audio: true, video: false });
  const message = incoming.call.next('message');
  await calling.sendMessage({ text: 'here' });
  expect(await message).toMatchObject({ from: 'alice', body: { text: 'here' } });

  const over = incoming.call.next('over');
  await calling.hangup({ app_code: 3 });
  expect(await over).toMatchObject({
    ev: 'call.ended',
    ended: { scope: 'all', reason: 'completed', code: 0, by: 'alice', app_code: 3 },
  });
  expect(await record).toMatchObject({ call: calling.id, reason: 'completed' });
  expect(bob.calls).toEqual([]);
  const [latest] = await alice.records({ limit: 1 });
  expect(latest?.call).toBe(calling.id);
});

test('a second device answers and the first is told to stop, and confirms', async () => {
  const alice = await online(server.address, 'alice', 'a');
  const [first, second] = [
    person(server.address, 'bob', 'b1'),
    person(server.address, 'bob', 'b2'),
  ];
  const [ringsHere, ringsThere] = [first.next('incoming'), second.next('incoming')];
  await Promise.all([first.connect(), second.connect()]);
  const calling = await alice.call('bob');
  const { call: here } = await ringsHere;
  const { call: there } = await ringsThere;
  const over = here.next('over');
  await there.accept();
  expect(await over).toMatchObject({ ev: 'call.elsewhere', how: 'accepted', device: 'b2' });
  expect(here.rings).toBe(false);
  await expect(here.accept()).rejects.toMatchObject({
    code: 'answered_elsewhere',
    refusal: { device: 'b2' },
  });
  await expect
    .poll(async () => (await calling.get()).log.map((entry) => entry.type))
    .toContain('acknowledged');
  // And the first takes it over.
  const moved = calling.next('moved');
  const left = there.next('over');
  const mine = await first.open(calling.id);
  expect([mine.isHere, mine.own?.device]).toEqual([false, 'b2']);
  await mine.move();
  expect([mine.isHere, mine.info.room?.id]).toEqual([true, calling.info.room?.id]);
  expect(await moved).toMatchObject({ user: 'bob', device: 'b1' });
  expect(await left).toMatchObject({ ev: 'call.elsewhere', how: 'moved' });
  const ended = mine.next('over');
  await calling.hangup();
  expect(await ended).toMatchObject({ ended: { reason: 'completed' } });
});

test('a call is refused, and taken back', async () => {
  const alice = await online(server.address, 'alice', 'a');
  const bob = await online(server.address, 'bob', 'b');
  const rings = bob.next('incoming');
  const refused = await alice.call('bob');
  const [why, over] = [refused.next('rejected'), refused.next('over')];
  await (await rings).call.reject({ content: 'later' });
  expect(await why).toMatchObject({ user: 'bob', reason: 'rejected', content: 'later' });
  expect(await over).toMatchObject({ ended: { reason: 'rejected' } });

  const again = bob.next('incoming');
  const canceled = await alice.call('bob');
  const { call } = await again;
  const stops = call.next('canceled');
  await canceled.cancel();
  expect(await stops).toMatchObject({ reason: 'canceled' });
  await expect(call.accept()).rejects.toMatchObject({
    code: 'not_in_call',
    refusal: { reason: 'canceled' },
  });
});

test('what the server refuses is an error with its code', async () => {
  const alice = await online(server.address, 'alice', 'a');
  const bob = await online(server.address, 'bob', 'b');
  const [calling] = await inCall(alice, bob);
  await expect(alice.call('carol')).rejects.toMatchObject({
    code: 'busy_self',
    refusal: { call: calling.id },
  });
  await expect(alice.call([])).rejects.toMatchObject({ code: 'invalid', refusal: { field: 'to' } });
  await calling.hangup();
});

test('one who has no listener for calls does not ring', async () => {
  const alice = await online(server.address, 'alice', 'a');
  await online(server.address, 'deaf', 'd');
  const calling = await alice.call('deaf', { ring_time: 5 });
  const over = await calling.next('over');
  expect(over).toMatchObject({ ended: { reason: 'offline', cause: 'silent' } });
});

test('the media is raised by consent and lowered at once', async () => {
  const alice = await online(server.address, 'alice', 'a');
  const bob = await online(server.address, 'bob', 'b');
  const [calling, called] = await inCall(alice, bob);
  const lowered = called.next('media_changed');
  await calling.setMedia('audio');
  await lowered;
  expect(called.info.media).toBe('audio');
  const proposed = called.next('media_proposed');
  await calling.setMedia('video');
  await proposed;
  expect(called.proposal).toMatchObject({ user: 'alice', media: 'video' });
  const raised = calling.next('media_changed');
  await called.answerMedia(true);
  await raised;
  expect([calling.info.media, calling.proposal]).toEqual(['video', undefined]);
  await calling.hangup();
});
