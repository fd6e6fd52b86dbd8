import type { Call } from '../call.js';
import { Emitter } from '../emitter.js';
import { BellwireError } from '../error.js';
import type { ServerEvent, Source, Speaker, Track } from '../wire.js';
import { openBoth, openCamera, openMic, openScreen } from './devices.js';
import { Link } from './link.js';
import { type RemoteTrack, Speakers } from './remote.js';
import { kindOf, sfuRoom } from './room.js';
import { Sizes } from './sizes.js';
import { keyOf } from './slots.js';
import { wants } from './wants.js';

/** The waits before a failed connection is made anew; after the last it is given up. */
const RETRY_MS = [0, 1_000, 4_000, 10_000];
/** What the server keeps of a reason. */
const REASON_BYTES = 64;

/** How a microphone or camera is asked for: on, off, or with wishes such as a `deviceId`. */
export type DeviceWish = boolean | MediaTrackConstraints;

/** How the media of a call begins. */
export interface StartOptions {
  /** The microphone; on by default. */
  mic?: DeviceWish;
  /** The camera; by default on in a video call. */
  camera?: DeviceWish;
  /** Plays the others' sound (the default), or leaves their tracks to the app. */
  play?: boolean;
  /** Goes through a relay only; for tests, and for those who hide their address. */
  relay?: boolean;
}

/** Where the media of a call stands. */
export type MediaState = 'idle' | 'connecting' | 'connected' | 'broken' | 'failed' | 'closed';

/** What the media of a call tells. */
export interface CallMediaEvents {
  /** Something is different: state, tracks, what this device sends. Draw it anew. */
  change: CallMedia;
  /** Who is speaking, loudest first. */
  speakers: Speaker[];
  /** A device failed, or the connection: `code` says which. The call goes on. */
  error: BellwireError;
  /** The browser plays nothing until the user clicks: call `resume` then. */
  blocked: undefined;
}

/** Sound and picture of a call, on this device. Begins with {@link CallMedia.start}. */
export class CallMedia extends Emitter<CallMediaEvents> {
  #state: MediaState = 'idle';
  #link: Link | undefined;
  #options: StartOptions = {};
  #tracks: Track[] = [];
  #speakers: Speaker[] = [];
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #reported = new Set<string>();
  #answered = 0;
  readonly #local = new Map<Source, MediaStreamTrack>();
  readonly #muted = new Set<Source>();
  readonly #sizes: Sizes;
  readonly #sound: Speakers;
  readonly #undo: (() => void)[] = [];

  /** @internal Apps find it as `call.media`. */
  constructor(private readonly call: Call) {
    super();
    this.#sizes = new Sizes(() => this.#want());
    this.#sound = new Speakers(() => this.emit('blocked', undefined));
  }

  get state(): MediaState {
    return this.#state;
  }

  /** What the others send, as it is received here. */
  get remote(): RemoteTrack[] {
    return this.#tracks.flatMap(({ user, source, on }) => {
      const track = this.#link?.track({ user, source });
      return track ? [{ user, source, on, track, kind: kindOf(source) }] : [];
    });
  }

  /** Who is speaking, loudest first. */
  get speakers(): Speaker[] {
    return this.#speakers;
  }

  /** The track of this device's own, to be shown; none while it is off. */
  local(source: Source): MediaStreamTrack | undefined {
    return this.#local.get(source);
  }

  /** Whether this device sends it, and it is not muted. */
  sends(source: Source): boolean {
    return this.#local.has(source) && !this.#muted.has(source);
  }

  /** Whether this device may send it, by the call's and the server's word. */
  may(source: Source): boolean {
    const allow = sfuRoom(this.call)?.allow;
    return allow?.includes(kindOf(source)) ?? false;
  }

  /**
   * Opens the devices and connects. It may be called while the call still rings: then it opens the
   * devices, and connects when the call begins. A device that does not open is told as `error`;
   * the others, and what is received, go on without it.
   */
  async start(options: StartOptions = {}): Promise<void> {
    if (this.#state !== 'idle') return;
    this.#enter('connecting');
    this.#options = options;
    this.#listen();
    this.#connect();
    const { mic = true, camera = this.call.info.media === 'video' } = options;
    await this.#openAll(mic, camera);
    await this.#say();
  }

  /** Switches the microphone: off is a mute, which keeps the device for a quick return. */
  async setMic(wish: DeviceWish): Promise<void> {
    const track = this.#local.get('mic');
    if (typeof wish === 'boolean' && track) {
      track.enabled = wish;
      if (wish) this.#muted.delete('mic');
      else this.#muted.add('mic');
    } else if (wish) {
      await this.#open('mic', wish);
    }
    await this.#say();
  }

  /** Switches the camera, or takes another: `{ deviceId: { exact: id } }`. Off lets go of it. */
  async setCamera(wish: DeviceWish): Promise<void> {
    if (wish) await this.#open('camera', wish);
    else await this.#drop('camera');
    await this.#say();
  }

  /** Shares the screen, which the user chooses, or ends that. */
  async setScreen(on: boolean): Promise<void> {
    if (on && !this.#local.has('screen')) {
      await this.#mustBeAllowed('screen');
      const { video, audio } = await openScreen();
      await Promise.all([
        this.#publish('screen', video),
        audio && this.#publish('screen_audio', audio),
      ]);
    } else if (!on) {
      await this.#drop('screen');
      await this.#drop('screen_audio');
    }
    await this.#say();
  }

  /** Chooses the loudspeaker, where the browser lets a page. */
  async setSpeaker(deviceId: string): Promise<void> {
    await this.#sound.choose(deviceId);
  }

  /** Plays what the browser held back; from within a click. */
  async resume(): Promise<void> {
    await this.#sound.resume();
  }

  /**
   * Shows a picture in an element, and tells the server how large it is shown there, which chooses
   * how much is sent. The function returned ends that.
   */
  show(of: { user: string; source: Source }, element: HTMLVideoElement): () => void {
    const draw = () => {
      const track = this.#link?.track(of);
      const [shown] = (element.srcObject as MediaStream | null)?.getTracks() ?? [];
      if (track !== shown) element.srcObject = track ? new MediaStream([track]) : null;
    };
    element.autoplay = true;
    element.playsInline = true;
    // Sound comes by a track of its own.
    element.muted = true;
    draw();
    const off = this.on('change', draw);
    const unwatch = this.#sizes.watch(keyOf(of), element);
    element.requestVideoFrameCallback?.(() => this.#sawFirst());
    return () => {
      off();
      unwatch();
      element.srcObject = null;
    };
  }

  /** How loud somebody is at this moment, 0 to 1. */
  level(user: string): number {
    return this.#link?.level({ user, source: 'mic' }) ?? 0;
  }

  /** The browser's statistics of the connection; none while there is none. */
  async stats(): Promise<RTCStatsReport | undefined> {
    return this.#link?.peer.getStats();
  }

  /** Ends the media of this device; the call goes on. It cannot be started again. */
  close(): void {
    if (this.#state === 'closed') return;
    const wasOpen = this.#link !== undefined;
    this.#end();
    // The call may be over, and the connection away: then the server knows.
    if (wasOpen && !this.call.outcome) this.call.request('media.close', {}).catch(() => {});
  }

  #listen(): void {
    const { call } = this;
    this.#undo.push(
      call.on('over', () => this.#end()),
      call.on('wire', (event) => this.#hear(event)),
      call.on('session', ({ resumed }) => {
        // A new session knows nothing of the old one's connection.
        if (!resumed) this.#connect();
        void this.#say();
      }),
      call.on('media_changed', ({ media }) => void this.#follow(media)),
      call.on('started', () => void this.#say()),
      call.on('change', () => {
        if (this.#state === 'connected') call.restored();
        if (this.#link) this.#want();
        else if (this.#state === 'connecting' && this.#timer === undefined) this.#connect();
      }),
    );
    const restart = () => this.#link?.restart();
    const network = (globalThis.navigator as { connection?: EventTarget }).connection;
    globalThis.addEventListener?.('online', restart);
    network?.addEventListener?.('change', restart);
    this.#undo.push(() => {
      globalThis.removeEventListener?.('online', restart);
      network?.removeEventListener?.('change', restart);
    });
  }

  /** Makes the connection, in place of one there was; waits while the call has no room. */
  #connect(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!sfuRoom(this.call) || this.#state === 'closed') return;
    this.#link?.close();
    const link = new Link(this.call, this.#options.relay ?? false, {
      connected: (ms) => this.#connected(ms),
      broken: () => this.#enter('broken'),
      changed: () => this.#changed(),
      failed: (error) => this.#failed(error),
    });
    this.#link = link;
    if (this.#state !== 'connecting') this.#enter('connecting');
    for (const [source, track] of this.#local) {
      if (this.may(source)) void link.send(source, track);
      else void this.#drop(source);
    }
    this.#want();
  }

  #want(): void {
    const { info, own } = this.call;
    const others = info.participants.filter(({ user }) => user !== own?.user);
    const isVideo = info.media === 'video';
    this.#link?.receive(wants(others, this.#tracks, isVideo, (key) => this.#sizes.of(key)));
  }

  #hear(event: ServerEvent): void {
    switch (event.ev) {
      case 'media.tracks':
        this.#tracks = event.tracks;
        this.#want();
        return this.#changed();
      case 'media.speakers':
        this.#speakers = event.speakers;
        return this.emit('speakers', event.speakers);
      case 'media.closed':
        // This device's own newer connection has replaced the old one.
        if (event.reason === 'replaced') return;
        if (event.reason === 'moved' || event.reason === 'left') return this.#end();
        return this.#retry();
      default:
        return;
    }
  }

  #connected(ms: number): void {
    this.#failures = 0;
    this.#answered = performance.now() - ms;
    this.#report('connected_ms', ms);
    this.#enter('connected');
    this.call.restored();
  }

  #sawFirst(): void {
    if (this.#answered) this.#report('first_frame_ms', performance.now() - this.#answered);
  }

  /** The server wants each once in a stay. */
  #report(what: 'connected_ms' | 'first_frame_ms', ms: number): void {
    if (this.#reported.has(what)) return;
    this.#reported.add(what);
    this.call.request('media.report', { [what]: Math.round(ms) }).catch(() => {});
  }

  #failed(error: BellwireError): void {
    this.#link = undefined;
    const isHere = error.code !== 'not_in_call' && error.code !== 'closed';
    if (isHere) {
      const failed = new TextDecoder().decode(
        new TextEncoder().encode(error.message).slice(0, REASON_BYTES),
      );
      this.call.request('media.report', { failed: failed.replace(/\uFFFD$/, '') }).catch(() => {});
      this.emit('error', error);
      this.#retry();
    }
  }

  #retry(): void {
    this.#link?.close();
    this.#link = undefined;
    const wait = RETRY_MS[this.#failures];
    this.#failures += 1;
    if (wait === undefined) return this.#enter('failed');
    this.#enter('connecting');
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      // The room may have another token by now.
      await this.call.get().catch(() => {});
      this.#connect();
    }, wait);
  }

  /** The call's media was changed: a lowered call shows no pictures, a raised one may. */
  async #follow(media: string): Promise<void> {
    if (media === 'audio') {
      await this.#drop('camera');
      await this.setScreen(false);
    }
    // What this device may send is in the room as it stands now.
    await this.call.get().catch(() => {});
    this.#changed();
  }

  async #openAll(mic: DeviceWish, camera: DeviceWish): Promise<void> {
    if (mic && camera && this.#mayAll) {
      try {
        const both = await openBoth(constraintsOf(mic), constraintsOf(camera));
        await Promise.all([this.#publish('mic', both.mic), this.#publish('camera', both.camera)]);
        return;
      } catch (error) {
        // One of the two may open all the same; but who closed the question is not asked twice.
        if ((error as BellwireError).code === 'dismissed') {
          return this.emit('error', error as BellwireError);
        }
      }
    }
    const opening: Promise<void>[] = [];
    if (mic) opening.push(this.#open('mic', mic));
    if (camera) opening.push(this.#open('camera', camera));
    for (const result of await Promise.allSettled(opening)) {
      if (result.status === 'rejected') this.emit('error', result.reason as BellwireError);
    }
  }

  async #open(source: 'mic' | 'camera', wish: DeviceWish): Promise<void> {
    await this.#mustBeAllowed(source);
    const open = source === 'mic' ? openMic : openCamera;
    await this.#publish(source, await open(constraintsOf(wish)));
  }

  get #mayAll(): boolean {
    return !sfuRoom(this.call) || (this.may('mic') && this.may('camera'));
  }

  /**
   * Before the call begins nobody knows what will be allowed; the server forwards no more. What was
   * not allowed may be by now: the room is looked at once more before this device gives up.
   */
  async #mustBeAllowed(source: Source): Promise<void> {
    if (!sfuRoom(this.call) || this.may(source)) return;
    await this.call.get();
    if (!this.may(source)) {
      throw new BellwireError('forbidden', `this call does not let you send ${source}`);
    }
  }

  async #publish(source: Source, track: MediaStreamTrack): Promise<void> {
    if (this.#state === 'closed') return track.stop();
    const before = this.#local.get(source);
    this.#local.set(source, track);
    this.#muted.delete(source);
    // Fires when the device is unplugged or the user ends it in the browser, not when we stop it.
    track.onended = () => {
      if (this.#local.get(source) !== track) return;
      void this.#drop(source).then(() => this.#say());
      if (source === 'mic' || source === 'camera') {
        this.emit('error', new BellwireError('no_device', `the ${source} has gone`));
      }
    };
    if (this.may(source)) await this.#link?.send(source, track);
    before?.stop();
    this.#changed();
  }

  async #drop(source: Source): Promise<void> {
    const track = this.#local.get(source);
    this.#local.delete(source);
    track?.stop();
    await this.#link?.send(source, null);
    this.#changed();
  }

  /** Tells the others what this device sends. */
  async #say(): Promise<void> {
    if (!this.call.isHere || this.#state === 'closed') return;
    const [audio, video, screen] = (['mic', 'camera', 'screen'] as const).map((source) =>
      this.sends(source),
    ) as [boolean, boolean, boolean];
    // While the call is not active yet there is nobody to tell; `change` comes when it is.
    if (this.call.phase === 'active') {
      await this.call.setSending({ audio, video, screen }).catch((error: BellwireError) => {
        // A call that has ended meanwhile tells so itself.
        if (error.code !== 'not_in_call' && error.code !== 'closed') this.emit('error', error);
      });
    }
    this.#changed();
  }

  #changed(): void {
    if (this.#options.play ?? true) {
      const sounds = this.remote.filter(({ kind }) => kind === 'audio');
      this.#sound.play(sounds.map(({ track }) => track));
    }
    this.emit('change', this);
  }

  #enter(state: MediaState): void {
    this.#state = state;
    this.emit('change', this);
  }

  #end(): void {
    clearTimeout(this.#timer);
    for (const undo of this.#undo.splice(0)) undo();
    for (const track of this.#local.values()) track.stop();
    this.#local.clear();
    this.#link?.close();
    this.#link = undefined;
    this.#tracks = [];
    this.#sizes.close();
    this.#sound.play([]);
    this.#enter('closed');
  }
}

function constraintsOf(wish: DeviceWish): MediaTrackConstraints {
  return typeof wish === 'object' ? wish : {};
}
