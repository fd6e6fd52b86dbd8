import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type Conditions, Path, seeded } from './path.js';

/** Where the server takes datagrams, and where devices are told that it does. */
const SERVER = '127.0.0.1';
const TOLD = '127.0.0.2';
/** Enough for a burst of key frames, on a machine where this program has to wait its turn. */
const BUFFER_BYTES = 1 << 20;

/** One device's way to the server and back. */
export interface Way {
  /** To the server. */
  readonly up: Path;
  /** From the server. */
  readonly down: Path;
  /** What the server takes for the device's port: a browser calls it its own when it is told so. */
  readonly port: number;
}

/**
 * The way of media to a server that is told to be where this is: a forwarder of datagrams, whose
 * paths can be made narrow, slow and lossy. TCP connections for media find nobody here.
 */
export class Datagrams {
  readonly #ways = new Map<string, Way & { socket: Socket }>();
  readonly #random: () => number;
  #usual: Conditions = {};

  private constructor(
    private readonly near: Socket,
    seed: number,
  ) {
    this.#random = seeded(seed);
    near.on('message', (datagram, { address, port }) => {
      this.#way(address, port).up.take(datagram);
    });
  }

  /** Found before the server is started, which needs {@link flags}. */
  static async start(seed = 1): Promise<Datagrams> {
    // A port that is free on every address, for the server takes the same one on its own.
    const free = await bound(0, '0.0.0.0');
    const { port } = free.address();
    free.close();
    return new Datagrams(await bound(port, TOLD), seed);
  }

  /** What the server has to be started with. */
  get flags(): string[] {
    return [`--media-udp=${SERVER}:${this.#port}`, `--media-announce=["${TOLD}"]`];
  }

  /** The way of the device that sends from a port, or that the server takes to send from it. */
  way(port: number): Way | undefined {
    const ways = [...this.#ways.entries()];
    return ways.find(([from, way]) => from.endsWith(`:${port}`) || way.port === port)?.[1];
  }

  /** Makes the ways of all devices so, in both directions. */
  make(conditions: Conditions): void {
    this.#usual = conditions;
    for (const { up, down } of this.#ways.values()) {
      up.conditions = conditions;
      down.conditions = conditions;
    }
  }

  stop(): void {
    this.near.close();
    for (const { up, down, socket } of this.#ways.values()) {
      up.close();
      down.close();
      socket.close();
    }
    this.#ways.clear();
  }

  get #port(): number {
    return this.near.address().port;
  }

  #way(address: string, port: number): Way {
    const from = `${address}:${port}`;
    const known = this.#ways.get(from);
    if (known) return known;
    const socket = createSocket({ type: 'udp4', recvBufferSize: BUFFER_BYTES });
    socket.bind(0, SERVER);
    const up = new Path((bytes) => socket.send(bytes, this.#port, SERVER), this.#random);
    const down = new Path((bytes) => this.near.send(bytes, port, address), this.#random);
    [up.conditions, down.conditions] = [this.#usual, this.#usual];
    const way = { up, down, socket, port };
    socket.once('listening', () => {
      way.port = socket.address().port;
    });
    this.#ways.set(from, way);
    socket.on('message', (datagram) => down.take(datagram));
    return way;
  }
}

async function bound(port: number, address: string): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: BUFFER_BYTES });
  socket.bind(port, address);
  await once(socket, 'listening');
  return socket;
}
