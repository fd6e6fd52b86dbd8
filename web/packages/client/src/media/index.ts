/**
 * Sound and picture for the calls of `@bellwire/client`. To import it gives every call its
 * `media`, which does nothing until it is started.
 *
 * @module
 */

import { Call } from '../call.js';
import { CallMedia } from './call-media.js';

export type { Source, Speaker } from '../wire.js';
export {
  CallMedia,
  type CallMediaEvents,
  type DeviceWish,
  type MediaState,
  type StartOptions as MediaOptions,
} from './call-media.js';
export { devices, type MediaDevice, onDevices, type Permission, permission } from './devices.js';
export type { RemoteTrack } from './remote.js';

declare module '../call.js' {
  interface Call {
    /** The call's sound and picture on this device. */
    readonly media: CallMedia;
  }
}

const made = new WeakMap<Call, CallMedia>();

Object.defineProperty(Call.prototype, 'media', {
  configurable: true,
  get(this: Call): CallMedia {
    const media = made.get(this) ?? new CallMedia(this);
    made.set(this, media);
    return media;
  },
});
