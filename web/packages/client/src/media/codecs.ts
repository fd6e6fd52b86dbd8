/**
 * The codecs that are offered, best first. Receiving slots must take whatever somebody sends, and
 * every one of them names all of its codecs in each offer: the browser's whole list, with a dozen
 * profiles of H.264, would make an offer of sixty slots too large for a frame.
 */
const VIDEO = ['video/vp8', 'video/h264', 'video/vp9', 'video/av1', 'video/rtx'];
const AUDIO = ['audio/opus'];

/** Bits a second, and by how much the camera's picture is shrunk: a quarter, half, full. */
const CAMERA: RTCRtpEncodingParameters[] = [
  { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 1_700_000 },
];
/** Text must be sharp, and moves little. */
const SCREEN: RTCRtpEncodingParameters[] = [{ maxBitrate: 2_500_000 }];
const SPEECH: RTCRtpEncodingParameters[] = [{ maxBitrate: 40_000 }];
const MUSIC: RTCRtpEncodingParameters[] = [{ maxBitrate: 128_000 }];

/** How each source is encoded. */
export const ENCODINGS = { mic: SPEECH, camera: CAMERA, screen: SCREEN, screen_audio: MUSIC };

/** Names only the codecs above, where the browser lets a page choose. */
export function narrow(transceiver: RTCRtpTransceiver, kind: 'audio' | 'video'): void {
  const capabilities = globalThis.RTCRtpReceiver?.getCapabilities?.(kind);
  if (!capabilities || !transceiver.setCodecPreferences) return;
  transceiver.setCodecPreferences(chosen(capabilities.codecs, kind));
}

/** Of what the browser can, what is offered, in our order. */
export function chosen<C extends { mimeType: string; sdpFmtpLine?: string }>(
  codecs: C[],
  kind: 'audio' | 'video',
): C[] {
  const order = kind === 'video' ? VIDEO : AUDIO;
  const rank = ({ mimeType }: C) => order.indexOf(mimeType.toLowerCase());
  const wanted = codecs.filter((codec) => rank(codec) >= 0 && isPlain(codec));
  return wanted.sort((a, b) => rank(a) - rank(b));
}

/** One profile of each codec: the one that every browser has. */
function isPlain({ mimeType, sdpFmtpLine = '' }: { mimeType: string; sdpFmtpLine?: string }) {
  switch (mimeType.toLowerCase()) {
    case 'video/h264':
      // Constrained baseline in fragments (RFC 6184, packetization mode 1).
      return /profile-level-id=42e0/i.test(sdpFmtpLine) && /packetization-mode=1/.test(sdpFmtpLine);
    case 'video/vp9':
      return !/profile-id=[1-9]/.test(sdpFmtpLine);
    case 'video/av1':
      return !/profile=[1-9]/.test(sdpFmtpLine);
    default:
      return true;
  }
}
