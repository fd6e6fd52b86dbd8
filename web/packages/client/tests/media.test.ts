// The parts of the media that need no browser: what goes into which slot, and what is offered.

import { expect, test } from 'vitest';
import { chosen } from '../src/media/codecs.js';
import { deviceError, devices } from '../src/media/devices.js';
import { type Slot, SlotTable } from '../src/media/slots.js';
import { wants } from '../src/media/wants.js';
import type { Source, Want } from '../src/wire.js';

/** A table whose new slots are offered at once when asked. */
function table() {
  const slots = new SlotTable<Slot>((kind) => ({ kind, mid: undefined, holds: undefined }));
  const offer = () => {
    slots.slots.forEach((slot, at) => {
      slot.mid = String(at);
    });
    return slots.all();
  };
  return { slots, offer };
}

const one = (user: string, source: Source, size?: number): Want =>
  size === undefined ? { user, source } : { user, source, width: size, height: size };

test('a track keeps its slot, and a free slot is used again without an offer', () => {
  const { slots, offer } = table();
  expect(slots.assign([one('bob', 'mic'), one('bob', 'camera'), one('carol', 'mic')])).toBe(true);
  expect(offer()).toEqual({
    0: one('bob', 'mic'),
    1: one('carol', 'mic'),
    2: one('bob', 'camera'),
  });
  // Bob leaves, dora takes his place; carol, now wanted most, stays where she is.
  expect(slots.assign([one('carol', 'mic'), one('dora', 'camera'), one('dora', 'mic')])).toBe(
    false,
  );
  expect(slots.changes()).toEqual({ 0: one('dora', 'mic'), 2: one('dora', 'camera') });
  expect(slots.of(one('carol', 'mic'))?.mid).toBe('1');
  expect(slots.assign([])).toBe(false);
  expect(slots.changes()).toEqual({ 0: null, 1: null, 2: null });
  expect(slots.changes()).toEqual({});
});

test('what an offer cannot say, that a slot is empty, is said after it', () => {
  const { slots, offer } = table();
  slots.assign([one('bob', 'mic'), one('bob', 'camera')]);
  offer();
  expect(slots.assign([one('bob', 'mic'), one('bob', 'screen_audio')])).toBe(true);
  expect(offer()).toEqual({ 0: one('bob', 'mic'), 2: one('bob', 'screen_audio') });
  expect(slots.changes()).toEqual({ 1: null });
});

test('only a size that changed is told', () => {
  const { slots, offer } = table();
  slots.assign([one('bob', 'camera', 320), one('carol', 'camera', 320)]);
  offer();
  expect(slots.assign([one('bob', 'camera', 640), one('carol', 'camera', 320)])).toBe(false);
  expect(slots.changes()).toEqual({ 0: one('bob', 'camera', 640) });
});

test('a crowd fits into one offer, and who is wanted least is left out', () => {
  const { slots } = table();
  const crowd = Array.from({ length: 100 }, (_, at) => `user-${at}`);
  slots.assign(crowd.flatMap((user) => [one(user, 'mic'), one(user, 'camera')]));
  const kinds = slots.slots.map(({ kind }) => kind);
  expect(kinds.length).toBe(60);
  expect(kinds.filter((kind) => kind === 'audio').length).toBe(20);
  expect(slots.of(one('user-0', 'camera'))).toBeDefined();
  expect(slots.of(one('user-99', 'camera'))).toBeUndefined();
});

test('what those in the call will send has its place before they send it', () => {
  const others = [
    { user: 'bob', state: 'joined' as const },
    { user: 'carol', state: 'ringing' as const },
  ];
  expect(wants(others, [], true, () => undefined)).toEqual([
    one('bob', 'mic'),
    one('bob', 'camera'),
  ]);
  expect(wants(others, [], false, () => undefined)).toEqual([one('bob', 'mic')]);
  // What is sent and seen comes first, with its size; what is shown nowhere comes last.
  const tracks = [
    { user: 'bob', source: 'mic' as const, on: true },
    { user: 'bob', source: 'camera' as const, on: true },
    { user: 'bob', source: 'screen' as const, on: true },
  ];
  const sizes = (key: string) =>
    key.startsWith('camera') ? { width: 0, height: 0 } : { width: 640, height: 640 };
  expect(wants(others, tracks, true, sizes)).toEqual([
    one('bob', 'mic'),
    one('bob', 'screen', 640),
    one('bob', 'camera', 0),
  ]);
});

test('one profile of each codec is offered, in our order', () => {
  const codec = (mimeType: string, sdpFmtpLine?: string) =>
    sdpFmtpLine === undefined ? { mimeType } : { mimeType, sdpFmtpLine };
  const high = 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640c1f';
  const baseline = 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f';
  const offered = chosen(
    [
      codec('video/AV1', 'level-idx=5;profile=1;tier=0'),
      codec('video/AV1', 'level-idx=5;profile=0;tier=0'),
      codec('video/VP9', 'profile-id=0'),
      codec('video/VP9', 'profile-id=2'),
      codec('video/H264', high),
      codec('video/H264', baseline),
      codec('video/rtx'),
      codec('video/red'),
      codec('video/VP8'),
    ],
    'video',
  );
  expect(
    offered.map(({ mimeType, sdpFmtpLine }) => `${mimeType} ${sdpFmtpLine ?? ''}`.trim()),
  ).toEqual([
    'video/VP8',
    `video/H264 ${baseline}`,
    'video/VP9 profile-id=0',
    'video/AV1 level-idx=5;profile=0;tier=0',
    'video/rtx',
  ]);
  expect(chosen([codec('audio/PCMU'), codec('audio/opus')], 'audio')).toEqual([
    codec('audio/opus'),
  ]);
});

test("the browser's exceptions say what to do", async () => {
  const code = (name: string, message = '') => deviceError(new DOMException(message, name)).code;
  expect(code('NotAllowedError', 'Permission denied')).toBe('permission_denied');
  expect(code('NotAllowedError', 'Permission dismissed')).toBe('dismissed');
  expect(code('NotFoundError')).toBe('no_device');
  expect(code('OverconstrainedError')).toBe('no_device');
  expect(code('NotReadableError')).toBe('device_in_use');
  expect(code('TypeError')).toBe('unsupported');
  await expect(devices()).rejects.toMatchObject({ code: 'unsupported' });
});
