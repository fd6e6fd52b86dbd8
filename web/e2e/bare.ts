import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Call, Client } from '@bellwire/client';
import type { Browser, Page } from 'playwright-core';
import { watchPeers } from './media.js';
import { bundle } from './scripted/bundle.js';

declare global {
  /** The client of the page, and the call it is in. */
  var client: Client;
  var call: Call;
}

/** Pages with nothing but the SDK in them, to do what no phone page does. */
export class BarePages {
  readonly #open: Page[] = [];

  private constructor(
    private readonly browser: Browser,
    private readonly http: Server,
  ) {}

  static async start(browser: Browser): Promise<BarePages> {
    const script = await bundle(`${import.meta.dirname}/scripted/page.ts`);
    const http = createServer((request, response) => {
      const isScript = request.url === '/page.js';
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
      response.end(isScript ? script : '<!doctype html><script type=module src=page.js></script>');
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    return new BarePages(browser, http);
  }

  /** A page of a user who is logged in at `server` and, unless told not to, answers what rings. */
  async page(server: string, user: string, { answers = true } = {}): Promise<Page> {
    const context = await this.browser.newContext();
    const page = await context.newPage();
    this.#open.push(page);
    await watchPeers(page);
    const { port } = this.http.address() as AddressInfo;
    await page.goto(`http://127.0.0.1:${port}`);
    await page.waitForFunction(() => window.Client !== undefined);
    await page.evaluate(
      async ([address, name, answers]) => {
        const login = { app: 'dev', user: name };
        globalThis.client = new window.Client(address, { login });
        // A call that is there has its answer, and so all that the answer says of it.
        client.on('incoming', async (incoming) => {
          if (answers) await incoming.call.accept();
          globalThis.call = incoming.call;
        });
        await client.connect();
      },
      [server, user, answers] as const,
    );
    return page;
  }

  /** Closes the pages. */
  async leave(): Promise<void> {
    for (const page of this.#open.splice(0)) await page.context().close();
  }

  async stop(): Promise<void> {
    await this.leave();
    this.http.closeAllConnections();
    this.http.close();
  }
}

/** Bytes of sound and picture that have come; the padding that probes the bandwidth is neither. */
export async function received(page: Page): Promise<{ audio: number; video: number }> {
  return page.evaluate(async () => {
    const bytes = { audio: 0, video: 0 };
    for (const peer of window.peers) {
      if (peer.connectionState === 'closed') continue;
      for (const report of (await peer.getStats()).values()) {
        if (report.type !== 'inbound-rtp') continue;
        bytes[report.kind as 'audio' | 'video'] += report.bytesReceived;
      }
    }
    return bytes;
  });
}
