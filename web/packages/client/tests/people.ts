import WebSocket from 'ws';
import {
  type Call,
  Client,
  type ClientOptions,
  type Incoming,
  type WebSocketConstructor,
} from '../src/index.js';

const open = new Set<Client>();

/** A client of the development app, not yet connected; closed by {@link leave}. */
export function person(
  address: string,
  user: string,
  device: string,
  options: Partial<ClientOptions> = {},
): Client {
  const client = new Client(address, {
    login: { app: 'dev', user },
    device: { id: device },
    backoff: { leastMs: 20, mostMs: 200 },
    WebSocket: WebSocket as unknown as WebSocketConstructor,
    ...options,
  });
  open.add(client);
  return client;
}

/** The same, connected. */
export async function online(address: string, user: string, device: string): Promise<Client> {
  const client = person(address, user, device);
  await client.connect();
  return client;
}

/** Closes everybody's connection. */
export function leave(): void {
  for (const client of open) client.close();
  open.clear();
}

/** Alice calls bob, who answers. */
export async function inCall(alice: Client, bob: Client): Promise<[Call, Call]> {
  const rings = bob.next('incoming');
  const calling = await alice.call(bob.user, { media: 'video' });
  const started = calling.next('started');
  const { call }: Incoming = await rings;
  await call.accept();
  await started;
  return [calling, call];
}
