// What a real server seldom does, done by a scripted one: answers that are lost, events that come
// twice, sessions that have run out.

import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { leave, person } from './people.js';

const CALL = '01980000-0000-7000-8000-000000000001';

type Request = { id: number; do: string; [field: string]: unknown };

/** One connection, as the server sees it. */
class Peer {
  readonly #unread: Request[] = [];
  #wake = () => {};

  constructor(private readonly socket: WebSocket) {
    socket.on('message', (data) => {
      this.#unread.push(JSON.parse(String(data)));
      this.#wake();
    });
  }

  async expect(command: string): Promise<Request> {
    while (this.#unread.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const request = this.#unread.shift() as Request;
    expect(request.do).toBe(command);
    return request;
  }

  async hello(resumed: boolean): Promise<Request> {
    const hello = await this.expect('hello');
    this.ok(hello, {
      session: 's-1',
      resumed,
      user: 'alice',
      uid: 1,
      time: 1,
      calls: [],
      caps: [],
    });
    return hello;
  }

  ok(request: Request, ok: object): void {
    this.send({ id: request.id, ok });
  }

  send(frame: object): void {
    this.socket.send(JSON.stringify(frame));
  }

  /** Sends frames in one go: as one write, which the other side reads at once. */
  together(...frames: object[]): void {
    const { _socket: socket } = this.socket as unknown as { _socket: Socket };
    socket.cork();
    for (const frame of frames) this.send(frame);
    socket.uncork();
  }

  close(code: number): void {
    this.socket.close(code, 'by the script');
  }

  break(): void {
    this.socket.terminate();
  }
}

const info = {
  id: CALL,
  mode: 'call',
  kind: 'direct',
  media: 'video',
  phase: 'inviting',
  seq: 1,
  cursor: 'c1',
  caller: 'alice',
  created_at: 1,
  participants: [
    { user: 'alice', state: 'joined', device: 'a' },
    { user: 'bob', state: 'invited' },
  ],
};

const event = (ev: string, seq: number, rest: object) => ({
  ev,
  seq,
  at: 1,
  call: CALL,
  cursor: `c${seq}`,
  ...rest,
});

let server: WebSocketServer;
let address: string;
const arrived: Peer[] = [];
let wake = () => {};

async function accept(): Promise<Peer> {
  while (arrived.length === 0) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  return arrived.shift() as Peer;
}

beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket) => {
    arrived.push(new Peer(socket));
    wake();
  });
  await once(server, 'listening');
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  leave();
  arrived.length = 0;
  server.close();
});

test('a request whose answer was lost is sent again with its id, and events come once', async () => {
  const alice = person(address, 'alice', 'a');
  const connected = alice.connect();
  let peer = await accept();
  await peer.hello(false);
  await connected;
  const starting = alice.call('bob');
  const first = await peer.expect('call.start');
  peer.break();
  peer = await accept();
  const hello = await peer.hello(true);
  expect(hello.resume).toEqual({ session: 's-1', cursors: {} });
  expect(hello.id).toBeGreaterThan(first.id);
  const again = await peer.expect('call.start');
  expect(again).toEqual(first);
  peer.ok(again, { call: CALL, info });
  const call = await starting;

  const told: number[] = [];
  call.on('ringing', ({ seq }) => told.push(seq));
  peer.send(event('call.ringing', 2, { user: 'bob', device: 'b' }));
  await call.next('ringing');
  peer.break();
  peer = await accept();
  expect((await peer.hello(true)).resume).toEqual({ session: 's-1', cursors: { [CALL]: 'c2' } });
  peer.send(event('call.ringing', 2, { user: 'bob', device: 'b' }));
  const entered = call.next('entered');
  peer.send(event('call.entered', 3, { user: 'bob' }));
  await entered;
  expect(told).toEqual([2]);
});

test('in a new session nothing is done twice, and questions are asked again', async () => {
  const alice = person(address, 'alice', 'a');
  const connected = alice.connect();
  let peer = await accept();
  await peer.hello(false);
  await connected;
  const starting = expect(alice.call('bob')).rejects.toMatchObject({ code: 'session_lost' });
  const listing = alice.records();
  await peer.expect('call.start');
  await peer.expect('record.list');
  peer.close(4503);
  peer = await accept();
  await peer.hello(false);
  peer.ok(await peer.expect('record.list'), { records: [] });
  await starting;
  expect(await listing).toEqual([]);
});

test('a stop that is told again is confirmed again, and told to the app once', async () => {
  const alice = person(address, 'alice', 'a');
  const stops: number[] = [];
  alice.on('incoming', ({ call }) => call.on('canceled', ({ seq }) => stops.push(seq)));
  const connected = alice.connect();
  const peer = await accept();
  await peer.hello(false);
  await connected;
  const mine = { ...info, caller: 'bob', participants: [{ user: 'alice', state: 'invited' }] };
  peer.send(event('call.invited', 1, { from: 'bob', info: mine }));
  await peer.expect('call.ringing');
  for (let time = 0; time < 2; time += 1) {
    peer.send(event('call.canceled', 2, { reason: 'canceled', code: 100101 }));
    expect(await peer.expect('ack')).toMatchObject({ call: CALL, seq: 2 });
  }
  expect(stops).toEqual([2]);
});

test('a hello put off is said again, and what nobody knows is passed over', async () => {
  const alice = person(address, 'alice', 'a');
  const connected = alice.connect();
  let peer = await accept();
  const hello = await peer.expect('hello');
  const error = { code: 'unavailable', message: 'later', retry_ms: 1 };
  peer.send({ id: hello.id, error });
  peer = await accept();
  await peer.hello(false);
  await connected;
  peer.send({ ev: 'of.tomorrow', what: 1 });
  peer.send({ hello: 'world' });
  const message = alice.next('message');
  peer.send({ ev: 'message', from: 'bob', body: 1, at: 1 });
  await message;
  expect(alice.state.name).toBe('online');
});

test('what comes in one go with an answer waits for those who awaited it', async () => {
  const alice = person(address, 'alice', 'a');
  const connected = alice.connect();
  const peer = await accept();
  await peer.hello(false);
  await connected;
  const starting = alice.call('bob');
  const request = await peer.expect('call.start');
  peer.together(
    { id: request.id, ok: { call: CALL, info } },
    event('call.ringing', 2, { user: 'bob', device: 'b' }),
    event('call.entered', 3, { user: 'bob' }),
  );
  const call = await starting;
  const seqs: number[] = [];
  call.on('ringing', ({ seq }) => seqs.push(seq));
  await call.next('entered');
  expect(seqs).toEqual([2]);
});
