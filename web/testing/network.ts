import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** The way to a server, which can be cut: a forwarder of TCP connections. */
export class Network {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #up = true;
  #silent = false;

  private constructor(port: number) {
    this.#server = createServer((near) => {
      if (!this.#up) {
        near.destroy();
        return;
      }
      const far = connect(port, '127.0.0.1');
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#open.add(from);
        from.on('data', (bytes) => {
          if (!this.#silent) to.write(bytes);
        });
        from.on('error', () => from.destroy());
        from.on('close', () => {
          this.#open.delete(from);
          to.destroy();
        });
      }
    });
  }

  /** A way to the server at `port` of this machine. */
  static async to(port: number): Promise<Network> {
    const network = new Network(port);
    network.#server.listen(0, '127.0.0.1');
    await once(network.#server, 'listening');
    return network;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Breaks every connection; new ones are refused until {@link mend}. */
  cut(): void {
    this.#up = false;
    for (const socket of this.#open) socket.destroy();
  }

  /** Connections stay and carry nothing, as when a cable is pulled. */
  silence(): void {
    this.#silent = true;
  }

  mend(): void {
    this.#up = true;
    this.#silent = false;
  }

  stop(): void {
    this.cut();
    this.#server.close();
  }
}
