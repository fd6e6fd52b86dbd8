// Runs in the browser: the SDK, and a peer connection that plays the server's side.

import { Client } from '@bellwire/client';
import '@bellwire/client/media';

declare global {
  interface Window {
    Client: typeof Client;
    /** Answers an offer as the server would: all candidates in it, whatever is asked for sent. */
    answer(sdp: string): Promise<string>;
    /** What the server's side hears and sees of the device, by mid. */
    arrived(): Promise<{ [mid: string]: number }>;
  }
}

let peer: RTCPeerConnection | undefined;
let fingerprint: string | undefined;

window.Client = Client;

window.answer = async (sdp) => {
  const offered = /a=fingerprint:.*/.exec(sdp)?.[0];
  if (offered !== fingerprint) {
    peer?.close();
    peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    fingerprint = offered;
  }
  const server = peer as RTCPeerConnection;
  await server.setRemoteDescription({ type: 'offer', sdp });
  for (const transceiver of server.getTransceivers()) {
    const section = sdp.split('\r\nm=').find((part) => part.includes(`a=mid:${transceiver.mid}\r`));
    if (!section?.includes('a=recvonly') || transceiver.sender.track) continue;
    transceiver.direction = 'sendonly';
    const kind = section.startsWith('audio') ? tone() : picture();
    await transceiver.sender.replaceTrack(kind);
  }
  await server.setLocalDescription();
  if (server.iceGatheringState !== 'complete') {
    await new Promise<void>((resolve) => {
      server.addEventListener('icegatheringstatechange', () => {
        if (server.iceGatheringState === 'complete') resolve();
      });
    });
  }
  return server.localDescription?.sdp ?? '';
};

window.arrived = async () => {
  const packets: { [mid: string]: number } = {};
  for (const report of (await peer?.getStats())?.values() ?? []) {
    if (report.type === 'inbound-rtp') packets[report.mid] = report.packetsReceived;
  }
  return packets;
};

function picture(): MediaStreamTrack {
  const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 180 });
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  let at = 0;
  setInterval(() => {
    at += 1;
    context.fillStyle = `hsl(${at % 360} 80% 50%)`;
    context.fillRect(0, 0, canvas.width, canvas.height);
  }, 100);
  return canvas.captureStream(10).getVideoTracks()[0] as MediaStreamTrack;
}

function tone(): MediaStreamTrack {
  const context = new AudioContext();
  const end = context.createMediaStreamDestination();
  const oscillator = new OscillatorNode(context, { frequency: 440 });
  oscillator.connect(end);
  oscillator.start();
  return end.stream.getAudioTracks()[0] as MediaStreamTrack;
}
