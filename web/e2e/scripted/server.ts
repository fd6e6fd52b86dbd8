import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { bundle } from './bundle.js';

export const CALL = '01980000-0000-7000-8000-000000000001';

export type Request = { id: number; do: string; [field: string]: unknown };

/** A server whose one call is running, and whose answers to offers the page itself makes. */
export class ScriptedServer {
  /** All requests, in order. */
  readonly requests: Request[] = [];
  /** Makes the answer to an offer. */
  answer: (sdp: string) => Promise<string> = () => Promise.reject(new Error('no page yet'));
  /** What the room lets the device send. */
  allow = ['audio', 'video'];
  #http: Server | undefined;
  #socket: WebSocket | undefined;
  #seq = 9;

  static async start(): Promise<ScriptedServer> {
    const server = new ScriptedServer();
    const script = await bundle(`${import.meta.dirname}/page.ts`);
    const http = createServer((request, response) => {
      const isScript = request.url === '/page.js';
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
      response.end(isScript ? script : '<!doctype html><script type=module src=page.js></script>');
    });
    new WebSocketServer({ server: http }).on('connection', (socket) => {
      server.#socket = socket;
      socket.on('message', (data) => {
        // A page may be closed before it has answered its own offer.
        server.#take(JSON.parse(String(data))).catch(() => {});
      });
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    server.#http = http;
    return server;
  }

  get address(): string {
    const place = this.#http?.address() as AddressInfo | undefined;
    return `http://127.0.0.1:${place?.port}`;
  }

  /** What was asked so far by this name. */
  asked(command: string): Request[] {
    return this.requests.filter((request) => request.do === command);
  }

  /** An event beside the log. */
  tell(ev: string, fields: object): void {
    this.#send({ ev, call: CALL, ...fields });
  }

  /** An event of the call's log. */
  log(ev: string, fields: object): void {
    this.#seq += 1;
    const place = { seq: this.#seq, cursor: `c${this.#seq}`, at: Date.now() };
    this.#send({ ev, call: CALL, ...place, ...fields });
  }

  stop(): void {
    this.#http?.closeAllConnections();
    this.#http?.close();
  }

  async #take(request: Request): Promise<void> {
    this.requests.push(request);
    const ok =
      request.do === 'hello'
        ? hello(request, this.allow)
        : request.do === 'call.get'
          ? { info: info('alice-1', this.allow), log: [], more: false }
          : request.do === 'media.offer'
            ? { sdp: await this.answer(request.sdp as string) }
            : {};
    this.#send({ id: request.id, ok });
  }

  #send(frame: object): void {
    this.#socket?.send(JSON.stringify(frame));
  }
}

function hello(request: Request, allow: string[]): object {
  const { id } = request.device as { id: string };
  const session = { session: 's-1', resumed: false, user: 'alice', uid: 1, time: Date.now() };
  return { ...session, calls: [info(id, allow)], caps: [] };
}

function info(device: string, allow: string[]): object {
  return {
    id: CALL,
    mode: 'call',
    kind: 'group',
    media: 'video',
    phase: 'active',
    seq: 9,
    cursor: 'c9',
    caller: 'alice',
    created_at: Date.now(),
    started_at: Date.now(),
    participants: [
      { user: 'alice', state: 'joined', device },
      { user: 'bob', state: 'joined', device: 'bob-1' },
    ],
    room: { id: 7, media: 'sfu', token: 'let me in', allow, ice_servers: [] },
  };
}
