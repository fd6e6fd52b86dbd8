import { BellwireError } from './error.js';

/** The port of servers whose address names none and that have no TLS. */
const PORT = 2355;
const PATH = '/v1/ws';

/**
 * The WebSocket address for what a person writes: `https://host`, `wss://host`, `http://host:port`,
 * `host:port` or `host`. Without TLS the port is 2355 where none is named.
 */
export function parseAddress(text: string): string {
  const match = /^(?:(\w+):\/\/)?((?:\[[^\]\s]+\]|[^/\s@:[\]]+)(?::\d+)?)(\/\S*)?$/.exec(
    text.trim(),
  );
  const [, scheme = 'ws', host, path = '/'] = match ?? [];
  const secure = scheme === 'wss' || scheme === 'https';
  if (!host || !(secure || scheme === 'ws' || scheme === 'http')) {
    throw new BellwireError(
      'address',
      `${JSON.stringify(text)} is no server address; give it as https://host or http://host:port`,
    );
  }
  const port = secure || /:\d+$/.test(host) ? '' : `:${PORT}`;
  return `${secure ? 'wss' : 'ws'}://${host}${port}${path === '/' ? PATH : path}`;
}

/** The server that the page itself came from. */
export function ownAddress(): string {
  const { location } = globalThis;
  if (!location?.host) {
    throw new BellwireError('address', 'there is no page here: name the server, https://host');
  }
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${PATH}`;
}
