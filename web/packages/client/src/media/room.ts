import type { Call } from '../call.js';
import type { RoomInfo, Source } from '../wire.js';

/** What a receiving slot carries, by the `mid` of its m-line. */
export type Receive<W> = { [mid: string]: W };

/** A room whose media the server routes, and that this device may enter. */
export type SfuRoom = RoomInfo & { token: string };

/** The room of a call, if it is one. */
export function sfuRoom(call: Call): SfuRoom | undefined {
  const { room } = call.info;
  return room?.media === 'sfu' && room.token ? (room as SfuRoom) : undefined;
}

/** The relays of a room, as the browser takes them. */
export function iceServers(room: RoomInfo | undefined): RTCIceServer[] {
  return (room?.ice_servers ?? []).map(({ urls, username, credential }) => ({
    urls,
    ...(username != null && { username }),
    ...(credential != null && { credential }),
  }));
}

/** The kind of track that carries a source. */
export function kindOf(source: Source): 'audio' | 'video' {
  return source === 'mic' || source === 'screen_audio' ? 'audio' : 'video';
}
