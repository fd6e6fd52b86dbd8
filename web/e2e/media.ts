import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import type { Phone } from './phones.js';

declare global {
  interface Window {
    /** The peer connections of the page, oldest first. */
    peers: RTCPeerConnection[];
    /** Where a phone page said that its media stood, oldest first. */
    went: string[];
  }
}

/** Keeps hold of the page's peer connections, to look at their statistics, and of their states. */
export async function watchPeers(page: Page): Promise<void> {
  await page.addInitScript(() => {
    window.peers = [];
    window.went = [];
    const look = { attributeFilter: ['data-media'], subtree: true };
    new MutationObserver((changes) => {
      for (const { target } of changes) {
        window.went.push((target as HTMLElement).dataset.media ?? '');
      }
    }).observe(document, look);
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(config?: RTCConfiguration) {
        super(config);
        window.peers.push(this);
      }
    };
  });
}

/** Waits until the picture of somebody is there and changes. */
export async function seesMoving(phone: Phone, user: string, source = 'camera'): Promise<void> {
  const video = phone.tile(user, source).locator('video');
  const pixels = () =>
    video.evaluate((element: HTMLVideoElement) => {
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [32, 18];
      const context = canvas.getContext('2d');
      if (!context || element.videoWidth === 0 || element.ownerDocument.hidden) return '';
      context.drawImage(element, 0, 0, canvas.width, canvas.height);
      return context.getImageData(0, 0, canvas.width, canvas.height).data.join();
    });
  await expect.poll(() => phone.tile(user, source).getAttribute('data-picture')).toBe('on');
  await expect.poll(pixels).not.toBe('');
  const first = await pixels();
  await expect.poll(pixels).not.toBe(first);
}

/** Waits until no picture of somebody is shown. */
export async function seesNoPicture(phone: Phone, user: string): Promise<void> {
  await expect.poll(() => phone.tile(user).getAttribute('data-picture')).toBe('off');
}

/** How much sound has come so far, over all voices (W3C `totalAudioEnergy`). */
async function energy({ page }: { page: Page }): Promise<number> {
  return page.evaluate(async () => {
    let all = 0;
    for (const peer of window.peers) {
      if (peer.connectionState === 'closed') continue;
      for (const report of (await peer.getStats()).values()) {
        if (report.type === 'inbound-rtp' && report.kind === 'audio') {
          all += report.totalAudioEnergy ?? 0;
        }
      }
    }
    return all;
  });
}

/** Waits until sound comes that is more than silence. */
export async function hearsSomething(phone: { page: Page }): Promise<void> {
  const before = await energy(phone);
  await expect.poll(() => energy(phone)).toBeGreaterThan(before + 0.0001);
}

/** Waits until the user is shown as one who speaks; the made-up microphone beeps each second. */
export async function seesSpeaking(phone: Phone, user: string): Promise<void> {
  await expect.poll(() => phone.tile(user).getAttribute('data-speaks')).toBe('true');
}

/** How wide the picture is that arrives, in pixels. */
export async function width(phone: Phone, user: string): Promise<number> {
  const video = phone.tile(user).locator('video');
  return video.evaluate((element: HTMLVideoElement) => element.videoWidth);
}

/** How the media of a connection goes. */
export interface MediaPath {
  protocol: 'udp' | 'tcp';
  /** `relay`, or else straight. */
  kind: string;
  /** The device's own, as the server sees it. */
  port: number;
}

/** How the media of the latest connection goes. */
export async function path(page: Page): Promise<MediaPath | undefined> {
  return page.evaluate(async () => {
    const stats = await window.peers.at(-1)?.getStats();
    const all = [...(stats?.values() ?? [])];
    const chosen = all.find(({ type }) => type === 'transport')?.selectedCandidatePairId;
    const pair = all.find(({ id }) => id === chosen);
    const own = all.find(({ id }) => id === pair?.localCandidateId);
    return own && { protocol: own.protocol, kind: own.candidateType, port: own.port };
  });
}

/** Waits until the media connection has broken, for however short a time. */
export async function mediaBreaks(phone: Phone): Promise<void> {
  await expect.poll(() => phone.page.evaluate(() => window.went)).toContain('broken');
}

/** Waits until the media connection stands so, by the page's own word. */
export async function mediaIs(phone: Phone, state: string): Promise<void> {
  const view = phone.page.locator('section.call');
  await expect.poll(() => view.getAttribute('data-media')).toBe(state);
}
