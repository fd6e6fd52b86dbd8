import { BellwireError, type BellwireErrorCode } from '../error.js';

/** A camera, microphone or speaker. */
export interface MediaDevice {
  id: string;
  kind: 'mic' | 'camera' | 'speaker';
  /** For people; empty until the user has let the page use one of its kind. */
  label: string;
}

/** What the user has said to a question about a device, as far as the browser tells. */
export type Permission = 'granted' | 'denied' | 'prompt' | 'unknown';

const KINDS = { audioinput: 'mic', videoinput: 'camera', audiooutput: 'speaker' } as const;

/** The devices there are. */
export async function devices(): Promise<MediaDevice[]> {
  const found = await media().enumerateDevices();
  // Browsers show an unnamed device of each kind before the user has agreed to any.
  return found
    .filter(({ deviceId }) => deviceId !== '')
    .map(({ deviceId, kind, label }) => ({ id: deviceId, kind: KINDS[kind], label }));
}

/** Calls `listener` when a device came or went; the function returned ends that. */
export function onDevices(listener: () => void): () => void {
  const all = media();
  all.addEventListener('devicechange', listener);
  return () => all.removeEventListener('devicechange', listener);
}

/** Whether the user has agreed, without asking. */
export async function permission(kind: 'mic' | 'camera'): Promise<Permission> {
  try {
    const name = (kind === 'mic' ? 'microphone' : 'camera') as PermissionName;
    return (await navigator.permissions.query({ name })).state;
  } catch {
    // Not every browser lets a page ask for these.
    return 'unknown';
  }
}

/** The microphone. */
export async function openMic(wish: MediaTrackConstraints = {}): Promise<MediaStreamTrack> {
  const stream = await ask(() => media().getUserMedia({ audio: micOf(wish) }));
  return only(stream.getAudioTracks());
}

/** The camera. */
export async function openCamera(wish: MediaTrackConstraints = {}): Promise<MediaStreamTrack> {
  const stream = await ask(() => media().getUserMedia({ video: cameraOf(wish) }));
  return moving(only(stream.getVideoTracks()));
}

/** Both at once, so that the user is asked one question. */
export async function openBoth(
  mic: MediaTrackConstraints,
  camera: MediaTrackConstraints,
): Promise<{ mic: MediaStreamTrack; camera: MediaStreamTrack }> {
  const wish = { audio: micOf(mic), video: cameraOf(camera) };
  const stream = await ask(() => media().getUserMedia(wish));
  return { mic: only(stream.getAudioTracks()), camera: moving(only(stream.getVideoTracks())) };
}

/** The browser takes echo and noise out. */
function micOf(wish: MediaTrackConstraints): MediaTrackConstraints {
  return { echoCancellation: true, noiseSuppression: true, autoGainControl: true, ...wish };
}

/** 720p where it can. */
function cameraOf(wish: MediaTrackConstraints): MediaTrackConstraints {
  return { width: { ideal: 1280 }, height: { ideal: 720 }, ...wish };
}

/** When there is too little bandwidth, a face should lose sharpness and not stand still. */
function moving(track: MediaStreamTrack): MediaStreamTrack {
  track.contentHint = 'motion';
  return track;
}

/** The screen, or a part of it that the user chooses, with its sound where the browser has it. */
export async function openScreen(): Promise<{ video: MediaStreamTrack; audio?: MediaStreamTrack }> {
  if (!media().getDisplayMedia) {
    throw new BellwireError('unsupported', 'this browser cannot share a screen');
  }
  const stream = await ask(() =>
    media().getDisplayMedia({ video: { frameRate: { max: 30 } }, audio: true }),
  );
  const video = only(stream.getVideoTracks());
  video.contentHint = 'detail';
  const [audio] = stream.getAudioTracks();
  return audio ? { video, audio } : { video };
}

function media(): MediaDevices {
  const all = globalThis.navigator?.mediaDevices;
  if (all) return all;
  if (globalThis.isSecureContext === false) {
    const text = 'camera and microphone need a page loaded over https, or from localhost';
    throw new BellwireError('insecure_context', text);
  }
  throw new BellwireError('unsupported', 'there are no cameras and microphones here');
}

async function ask(question: () => Promise<MediaStream>): Promise<MediaStream> {
  try {
    return await question();
  } catch (error) {
    throw deviceError(error as DOMException);
  }
}

function only(tracks: MediaStreamTrack[]): MediaStreamTrack {
  const [track] = tracks;
  if (!track) throw new BellwireError('no_device', 'the browser gave a stream without a track');
  return track;
}

/** The browser's exception (W3C Media Capture, section 10) as one that says what to do. */
export function deviceError(cause: DOMException): BellwireError {
  const [code, text] = reading(cause);
  return new BellwireError(code, text, undefined, { cause });
}

function reading({ name, message }: DOMException): [BellwireErrorCode, string] {
  switch (name) {
    case 'NotAllowedError':
      // Chrome's words for a question that was closed without an answer.
      if (/dismissed/i.test(message)) return ['dismissed', 'the question was closed; ask again'];
      return ['permission_denied', 'the page may not use it: allow it in the address bar'];
    case 'SecurityError':
      return ['permission_denied', 'this page is not allowed to; its server or frame forbids it'];
    case 'NotFoundError':
    case 'OverconstrainedError':
      return ['no_device', 'there is none, or not the one asked for'];
    case 'NotReadableError':
    case 'AbortError':
      return ['device_in_use', 'it does not start; another program may be using it'];
    default:
      return ['unsupported', `${name}: ${message}`];
  }
}
