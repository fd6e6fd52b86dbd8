// The call of docs/web.md, as it is written there, to somebody at the phone page.

import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import type { Server } from 'bellwire-testing';
import { expect, test } from 'vitest';
import { seesMoving } from './media.js';
import { type Phones, served } from './phones.js';
import { bundle } from './scripted/bundle.js';

const DOCS = resolve(import.meta.dirname, '../../docs/web.md');
/** Where the docs say that the server is. */
const SAID = 'http://127.0.0.1:2355';

let server: Server;
let phones: Phones;
served((ours, theirs) => {
  server = ours;
  phones = theirs;
});

/** The blocks of TypeScript in the docs, in order. */
function blocks(): string[] {
  const text = readFileSync(DOCS, 'utf8');
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code ?? '');
}

/** A page of its own that runs a script. */
async function run(code: string, act: (address: string) => Promise<void>): Promise<void> {
  // Beside this file, so that the imports are found.
  const folder = mkdtempSync(join(import.meta.dirname, 'scripted/docs-'));
  writeFileSync(join(folder, 'page.ts'), code);
  const script = await bundle(join(folder, 'page.ts'));
  const http = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(
      isScript ? script : '<!doctype html><body><script type=module src=page.js></script>',
    );
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  try {
    await act(`http://127.0.0.1:${(http.address() as AddressInfo).port}`);
  } finally {
    http.closeAllConnections();
    http.close();
    rmSync(folder, { recursive: true });
  }
}

test('ten lines are a call', async () => {
  const [call = ''] = blocks();
  expect(call.trim().split('\n').filter(Boolean).length).toBeLessThanOrEqual(10);
  expect(call).toContain(SAID);
  const bob = await phones.phone('bob');
  await run(call.replaceAll(SAID, server.address), async (address) => {
    const page = await bob.page.context().browser()?.newPage();
    await page?.goto(address);
    await bob.answer();
    await bob.sees('alice', 'joined');
    await page?.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 0.5);
    await seesMoving(bob, 'alice');
    await bob.hangUp();
    await bob.isIdle();
    await page?.locator('video').waitFor({ state: 'detached' });
    await page?.close();
  });
});
