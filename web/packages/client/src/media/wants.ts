import type { ParticipantInfo, Source, Track, Want } from '../wire.js';
import { kindOf } from './room.js';
import type { Size } from './sizes.js';
import { keyOf } from './slots.js';

/**
 * What a device wants to receive, the most wanted first: what the others send, and, so that the
 * first offer already has a place for it, what those who are in the call will send most likely.
 */
export function wants(
  others: ParticipantInfo[],
  tracks: Track[],
  isVideo: boolean,
  sizeOf: (key: string) => Size | undefined,
): Want[] {
  const byKey = new Map<string, { wanted: Want; rank: number }>();
  const want = (user: string, source: Source, isOn: boolean) => {
    const wanted: Want = { user, source };
    const size = kindOf(source) === 'video' ? sizeOf(keyOf(wanted)) : undefined;
    const isShown = size === undefined || size.width * size.height > 0;
    const rank = isOn ? (isShown ? 0 : 1) : isShown ? 2 : 3;
    byKey.set(keyOf(wanted), { wanted: size ? { ...wanted, ...size } : wanted, rank });
  };
  for (const { user, state } of others) {
    if (state !== 'joined' && state !== 'dropped') continue;
    want(user, 'mic', false);
    if (isVideo) want(user, 'camera', false);
  }
  for (const { user, source, on } of tracks) want(user, source, on);
  // Stable, so that those of one rank keep their order.
  return [...byKey.values()].sort((a, b) => a.rank - b.rank).map(({ wanted }) => wanted);
}
