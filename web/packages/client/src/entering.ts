import { BellwireError } from './error.js';
import type { RoomInfo } from './wire.js';

/** How long a token may take to come, unless the options say otherwise, in milliseconds. */
const TOKEN_MS = 10_000;

/** What lets this device into a room whose media is the app's own. */
export interface RoomPass {
  token: string;
  url?: string;
}

/** Gets it: called with the room and the id of its call. */
export type RoomTokenSource = (
  room: RoomInfo,
  call: string,
) => string | RoomPass | Promise<string | RoomPass>;

/** Where tokens come from that the server does not give. */
export interface RoomTokens {
  source?: RoomTokenSource | undefined;
  withinMs?: number | undefined;
}

/**
 * The room with what lets this device in. The server gives the token of its own media server and
 * of LiveKit, and that of another where the app's business server gives it one; otherwise the
 * source is asked. Fails with `no_token`.
 */
export async function withToken(
  room: RoomInfo,
  call: string,
  { source, withinMs = TOKEN_MS }: RoomTokens,
): Promise<RoomInfo> {
  if (room.media !== 'external' || room.token || !source) return room;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const failed = () => reject(new Error(`no answer within ${withinMs} ms`));
    timer = setTimeout(failed, withinMs);
  });
  try {
    const got = await Promise.race([Promise.resolve().then(() => source(room, call)), late]);
    const pass = typeof got === 'string' ? { token: got } : got;
    if (!pass?.token) throw new Error('it gave none');
    return { ...room, ...pass };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new BellwireError('no_token', `no token for the room: ${why}`, undefined, { cause });
  } finally {
    clearTimeout(timer);
  }
}
