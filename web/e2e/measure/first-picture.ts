// How long it takes from the answer to a call until both see each other, their cameras open.
//
// Two pages with nothing but the SDK call each other over a real server. Every camera is opened
// while it rings. Times count from the call of `accept` in the callee's page.

import { loadavg } from 'node:os';
import { Server } from 'bellwire-testing';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { BarePages } from '../bare.js';
import { launch } from '../phones.js';

const CALLS = Number(process.env.CALLS ?? 30);
/** Steps that a page goes through, in order. */
const STEPS = ['started', 'offered', 'answered', 'path', 'keys', 'arrived', 'shown'] as const;
/** What passes until each of them. */
const PARTS = {
  started: 'signalling: accept, and the call starts',
  offered: 'the offer is made',
  answered: 'the offer is answered',
  path: 'ICE',
  keys: 'DTLS',
  arrived: 'the first picture arrives whole',
  shown: 'it is decoded and shown',
};

/** Moments, in milliseconds since 1970 or since the answer. */
type Marks = { [Step in (typeof STEPS)[number]]: number };

declare global {
  interface Window {
    /** What has happened in the call that runs. */
    marks: Partial<Marks>;
    /** Until the first picture of the other is shown. */
    shown: Promise<void>;
    /** Notes the moment of a step, unless it was noted before. */
    mark(step: keyof Marks, at?: number): void;
  }
}

test('time to first picture', async () => {
  const server = await Server.start();
  const browser = await launch();
  const pages = await BarePages.start(browser);
  const sides = { caller: [] as Marks[], callee: [] as Marks[] };
  const loads: number[] = [];
  try {
    const alice = await pages.page(server.address, 'alice', { answers: false });
    const bob = await pages.page(server.address, 'bob', { answers: false });
    for (const page of [alice, bob]) await prepare(page);
    // The first call of a browser loads its codecs; nobody waits for that twice.
    for (let call = -1; call < CALLS; call += 1) {
      const { caller, callee } = await once(alice, bob);
      if (call < 0) continue;
      sides.caller.push(caller);
      sides.callee.push(callee);
      loads.push(loadavg()[0] as number);
    }
  } finally {
    await pages.stop();
    await browser.close();
    await server.stop();
  }
  report(sides, loads);
});

/** Lets a page note its steps. */
async function prepare(page: Page): Promise<void> {
  await page.evaluate(() => {
    window.marks = {};
    window.mark = (step, at = performance.now()) => {
      window.marks[step] ??= performance.timeOrigin + at;
    };
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(config?: RTCConfiguration) {
        super(config);
        this.addEventListener('iceconnectionstatechange', () => {
          if (this.iceConnectionState === 'connected') window.mark('path');
        });
        this.addEventListener('connectionstatechange', () => {
          if (this.connectionState === 'connected') window.mark('keys');
        });
      }
      override async setLocalDescription(given?: RTCLocalSessionDescriptionInit): Promise<void> {
        await super.setLocalDescription(given);
        window.mark('offered');
      }
      override setRemoteDescription(given: RTCSessionDescriptionInit): Promise<void> {
        window.mark('answered');
        return super.setRemoteDescription(given);
      }
    };
  });
}

/** One call, from the ring to its end. */
async function once(alice: Page, bob: Page): Promise<{ caller: Marks; callee: Marks }> {
  const ringing = bob.evaluate(async () => {
    const { call } = await client.next('incoming');
    globalThis.call = call;
  });
  await alice.evaluate(async () => {
    globalThis.call = await client.call('bob', { media: 'video' });
  });
  await ringing;
  for (const [page, other] of [
    [alice, 'bob'],
    [bob, 'alice'],
  ] as const) {
    await page.evaluate(async (user) => {
      window.marks = {};
      const video = document.createElement('video');
      video.style.cssText = 'width: 640px; height: 360px';
      document.body.replaceChildren(video);
      call.on('started', () => window.mark('started'));
      window.shown = new Promise((done) => {
        video.requestVideoFrameCallback((_, { receiveTime }) => {
          window.mark('arrived', receiveTime);
          window.mark('shown');
          done();
        });
      });
      await call.media.start();
      call.media.show({ user, source: 'camera' }, video);
    }, other);
  }
  const accepted = await bob.evaluate(async () => {
    const at = performance.timeOrigin + performance.now();
    await call.accept();
    return at;
  });
  const [caller, callee] = await Promise.all(
    [alice, bob].map(async (page) => {
      await page.evaluate(() => window.shown);
      // The page may be told of the keys after what came by them.
      await page.waitForFunction(() => window.marks.keys !== undefined);
      return since(accepted, await page.evaluate(() => window.marks as Marks));
    }),
  );
  await alice.evaluate(() => call.hangup());
  await bob.waitForFunction(() => call.outcome !== undefined);
  return { caller, callee } as { caller: Marks; callee: Marks };
}

function since(start: number, marks: Marks): Marks {
  const entries = STEPS.map((step) => [step, marks[step] - start]);
  return Object.fromEntries(entries) as Marks;
}

function report(sides: { [side: string]: Marks[] }, loads: number[]): void {
  const lines = [`load of the machine: ${Math.min(...loads)} to ${Math.max(...loads)}`];
  for (const [side, calls] of Object.entries(sides)) {
    lines.push('', `${side}, ${calls.length} calls, ms: median, p90, and of the part alone`);
    for (const [at, step] of STEPS.entries()) {
      const until = calls.map((marks) => marks[step]);
      const before = STEPS[at - 1];
      const part = calls.map((marks) => marks[step] - (before ? marks[before] : 0));
      const figures = [median(until), p90(until), median(part), p90(part)];
      lines.push(`${step.padEnd(9)}${figures.map((ms) => ms.toFixed(0).padStart(6)).join('')}`);
      lines[lines.length - 1] += `  ${PARTS[step]}`;
    }
    expect(calls.every(({ shown }) => Number.isFinite(shown))).toBe(true);
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

function median(values: number[]): number {
  return quantile(values, 0.5);
}

function p90(values: number[]): number {
  return quantile(values, 0.9);
}

function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
}
