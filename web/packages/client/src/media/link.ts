import type { Call } from '../call.js';
import { BellwireError } from '../error.js';
import type { Source, Want } from '../wire.js';
import { ENCODINGS, narrow } from './codecs.js';
import { iceServers, kindOf, sfuRoom } from './room.js';
import { type Slot, SlotTable } from './slots.js';

/** How long a broken path may mend itself before ICE is restarted. */
const MEND_MS = 2_000;
/** How long the search for a path may take, before the connection counts as failed. */
const SEARCH_MS = 10_000;

/** What a link tells; after `failed` nothing more. */
export interface LinkEvents {
  /** ICE is connected; `ms` after the first answer. */
  connected(ms: number): void;
  /** The path is broken, and a new one is looked for. */
  broken(): void;
  /** Slots have new tracks. */
  changed(): void;
  failed(error: BellwireError): void;
}

interface ReceivingSlot extends Slot {
  transceiver: RTCRtpTransceiver;
}

/**
 * One peer connection to the server. The device always offers; one offer is under way at a time,
 * and what comes up meanwhile goes into the next.
 */
export class Link {
  readonly #peer: RTCPeerConnection;
  readonly #table: SlotTable<ReceivingSlot>;
  readonly #senders = new Map<Source, RTCRtpTransceiver>();
  #answeredAt: number | undefined;
  #wasConnected = false;
  #searching = false;
  #fingerprint: string | undefined;
  #wanted = false;
  #offering = false;
  #telling = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(
    private readonly call: Call,
    relay: boolean,
    private readonly events: LinkEvents,
  ) {
    const config: RTCConfiguration = {
      iceServers: iceServers(sfuRoom(call)),
      bundlePolicy: 'max-bundle',
    };
    if (relay) config.iceTransportPolicy = 'relay';
    this.#peer = new RTCPeerConnection(config);
    this.#table = new SlotTable((kind) => this.#addSlot(kind));
    this.#peer.oniceconnectionstatechange = () => this.#moved();
  }

  /** The browser's own object, for its statistics. */
  get peer(): RTCPeerConnection {
    return this.#peer;
  }

  /** Sends `track` as `source`, in place of what was sent as it; nothing with null. */
  async send(source: Source, track: MediaStreamTrack | null): Promise<void> {
    const known = this.#senders.get(source);
    if (known) return known.sender.replaceTrack(track);
    if (!track) return;
    const transceiver = this.#peer.addTransceiver(track, {
      direction: 'sendonly',
      sendEncodings: ENCODINGS[source],
    });
    narrow(transceiver, kindOf(source));
    this.#senders.set(source, transceiver);
    this.offer();
  }

  /** Receives these, the most wanted first. */
  receive(wanted: Want[]): void {
    if (this.#table.assign(wanted)) this.offer();
    else this.#tell();
  }

  /** The track that carries what somebody sends, once it is negotiated. */
  track(of: Pick<Want, 'user' | 'source'>): MediaStreamTrack | undefined {
    const slot = this.#table.of(of);
    return slot?.mid === undefined ? undefined : slot.transceiver.receiver.track;
  }

  /** How it sounds at the moment, 0 to 1 (RFC 6464, as the receiver of each track sees it). */
  level(of: Pick<Want, 'user' | 'source'>): number {
    const receiver = this.#table.of(of)?.transceiver.receiver;
    return receiver?.getSynchronizationSources?.()[0]?.audioLevel ?? 0;
  }

  /** Looks for a new path: the network has changed. */
  restart(): void {
    if (this.#closed || this.#answeredAt === undefined || this.#searching) return;
    this.#search();
    this.#peer.restartIce();
    this.offer();
  }

  /** Negotiates what has changed. */
  offer(): void {
    this.#wanted = true;
    if (!this.#offering) void this.#offer();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#peer.oniceconnectionstatechange = null;
    this.#peer.close();
  }

  /** A path has to be found from now on within some time. */
  #search(): void {
    clearTimeout(this.#timer);
    this.#searching = true;
    this.#timer = setTimeout(() => {
      this.#failWith(new BellwireError('media_failed', 'no path to the server was found'));
    }, SEARCH_MS);
  }

  #addSlot(kind: Slot['kind']): ReceivingSlot {
    const transceiver = this.#peer.addTransceiver(kind, { direction: 'recvonly' });
    narrow(transceiver, kind);
    return { kind, mid: undefined, holds: undefined, transceiver };
  }

  async #offer(): Promise<void> {
    this.#offering = true;
    // What is sent and received from this moment on goes into one offer.
    await Promise.resolve();
    try {
      while (this.#wanted && !this.#closed) {
        this.#wanted = false;
        await this.#offerOnce();
      }
    } catch (error) {
      if (!this.#closed) this.#failWith(error);
    } finally {
      this.#offering = false;
      this.#tell();
    }
  }

  async #offerOnce(): Promise<void> {
    // Each time: the room's token may be another by now.
    const token = sfuRoom(this.call)?.token;
    if (!token) return;
    await this.#peer.setLocalDescription();
    const send: { [mid: string]: Source } = {};
    for (const [source, { mid }] of this.#senders) if (mid !== null) send[mid] = source;
    for (const slot of this.#table.slots) slot.mid = slot.transceiver.mid ?? undefined;
    // The server's candidates are all in its answer, and it learns ours from our checks: so
    // nothing is waited for, and nothing is trickled.
    const offer = this.#peer.localDescription?.sdp ?? '';
    const receive = this.#table.all();
    const { sdp } = await this.call.request('media.offer', { token, sdp: offer, send, receive });
    if (this.#closed) return;
    this.#mustBeTheSame(sdp);
    if (this.#answeredAt === undefined) {
      this.#answeredAt = performance.now();
      this.#search();
    }
    await this.#peer.setRemoteDescription({ type: 'answer', sdp });
    this.events.changed();
  }

  /** A server that was started anew does not know the keys of this connection. */
  #mustBeTheSame(answer: string): void {
    const fingerprint = /^a=fingerprint:.*$/m.exec(answer)?.[0];
    if (this.#fingerprint !== undefined && fingerprint !== this.#fingerprint) {
      throw new BellwireError('media_failed', 'the server has a new certificate');
    }
    this.#fingerprint = fingerprint;
  }

  /** Tells the server what the slots hold now. Changes of one moment go together. */
  #tell(): void {
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(async () => {
      this.#telling = false;
      // An offer that is under way tells it all.
      if (this.#closed || this.#offering) return;
      const receive = this.#table.changes();
      if (Object.keys(receive).length === 0) return;
      this.events.changed();
      // Who is not in the room any more hears so by `media.closed` and the call's own events.
      await this.call.request('media.receive', { receive }).catch(() => {});
    });
  }

  #moved(): void {
    switch (this.#peer.iceConnectionState) {
      case 'connected':
      case 'completed':
        clearTimeout(this.#timer);
        this.#searching = false;
        if (!this.#wasConnected) {
          this.#wasConnected = true;
          this.events.connected(performance.now() - (this.#answeredAt ?? performance.now()));
        }
        return;
      case 'disconnected':
        this.#wasConnected = false;
        this.events.broken();
        if (this.#searching) return;
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.restart(), MEND_MS);
        return;
      case 'failed':
        this.#wasConnected = false;
        this.events.broken();
        return this.restart();
      default:
        return;
    }
  }

  #failWith(error: unknown): void {
    const known = error instanceof BellwireError;
    const text = `the media connection could not be made: ${(error as Error).message}`;
    const told = known
      ? error
      : new BellwireError('media_failed', text, undefined, { cause: error });
    this.close();
    this.events.failed(told);
  }
}
