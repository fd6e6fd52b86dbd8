import type { Call } from '../call.js';
import type { RoomInfo } from '../wire.js';

/** What a participant may send: microphone, camera, screen, and the sound of what it shows. */
export type Source = 'mic' | 'camera' | 'screen' | 'screen_audio';

/** What is wanted in a receiving slot; without a size, as large as there is. 0 × 0: nothing. */
export interface Wanted {
  user: string;
  source: Source;
  /** In device pixels, as shown. */
  width?: number;
  height?: number;
}

/** By the `mid` of an m-line. */
export type Receive = { [mid: string]: Wanted | null };

/** `media.offer` */
export interface Offer {
  token: string;
  sdp: string;
  send: { [mid: string]: Source };
  receive: Receive;
}

/** `media.report`: what only the device can know. */
export interface Report {
  /** From the answer until ICE was connected. */
  connected_ms?: number;
  /** From the answer until the first picture of somebody was shown. */
  first_frame_ms?: number;
  /** Why there is no connection; at most 64 bytes. */
  failed?: string;
}

/** What somebody else sends in the room. */
export interface TrackInfo {
  user: string;
  source: Source;
  /** False while it is muted or forbidden: then nothing is forwarded. */
  on: boolean;
}

/** Who is speaking, and how loud: in dBov, 0 loudest, -127 silence (RFC 6464). */
export interface Speaker {
  user: string;
  level: number;
}

/** Events of the media room. */
export type MediaEvents =
  | { ev: 'media.tracks'; call: string; tracks: TrackInfo[] }
  | { ev: 'media.speakers'; call: string; speakers: Speaker[] }
  | { ev: 'media.closed'; call: string; reason: string };

/** A room whose media the server routes. */
export interface SfuRoom extends RoomInfo {
  token: string;
  ice_servers?: RTCIceServer[] | null;
}

/** The room of a call, if the server routes its media and this device may enter. */
export function sfuRoom(call: Call): SfuRoom | undefined {
  const { room } = call.info;
  return room?.media === 'sfu' && room.token ? (room as SfuRoom) : undefined;
}

/** The requests of the media room, for one call. */
export class MediaPort {
  constructor(private readonly call: Call) {}

  async offer(offer: Offer): Promise<string> {
    return (await this.#ask<{ sdp: string }>('media.offer', offer)).sdp;
  }

  async receive(receive: Receive): Promise<void> {
    await this.#ask('media.receive', { receive });
  }

  async close(): Promise<void> {
    await this.#ask('media.close', {});
  }

  async report(report: Report): Promise<void> {
    await this.#ask('media.report', report);
  }

  #ask<Ok>(command: string, fields: object): Promise<Ok> {
    return this.call.request(command as never, fields as never) as Promise<Ok>;
  }
}

/** The kind of track that carries a source. */
export function kindOf(source: Source): 'audio' | 'video' {
  return source === 'mic' || source === 'screen_audio' ? 'audio' : 'video';
}
