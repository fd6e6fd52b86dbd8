import type { Connection } from './connection.js';
import { Emitter } from './emitter.js';
import { withToken } from './entering.js';
import type { BellwireError } from './error.js';
import { fold, merge } from './fold.js';
import { isTerminal } from './memory.js';
import type { Command } from './outstanding.js';
import type {
  Accept,
  CallEvent,
  CallInfo,
  CallMessage,
  Cancel,
  Commands,
  GetOk,
  Invite,
  Media,
  Note,
  Oks,
  ParticipantInfo,
  QualityEvent,
  Reject,
  RoomInfo,
  ServerEvent,
  StateEvent,
  Target,
  UserRef,
} from './wire.js';

/** What a participant's device says that it sends. */
export interface Sending {
  audio?: boolean;
  video?: boolean;
  screen?: boolean;
}

/** How this device's stay in a call ended. */
export type Outcome = Extract<CallEvent, { ev: 'call.ended' | 'call.canceled' | 'call.elsewhere' }>;

type Named<E, Name extends string> = E extends { ev: Name } ? E : never;

/** The events of a call: those of its log by their names without `call.`, and the passing ones. */
export type CallEvents = {
  [E in CallEvent as E['ev'] extends `call.${infer Name}` ? Name : never]: E;
} & {
  /** Something about the call is different: draw it anew. */
  change: Call;
  /**
   * This device may enter the room, with the token in it: once for each stay. A token that the
   * server does not give has been got from `roomToken`.
   */
  room: RoomInfo;
  /** No token for the room was to be had; the call is hung up, and its log says why. */
  barred: BellwireError;
  /** The stay of this device is over, in whichever way; nothing follows. */
  over: Outcome;
  /** What a participant's device sends. */
  state: StateEvent;
  /** How good the participants' connections are. */
  quality: QualityEvent;
  /** A message inside the call. */
  message: CallMessage;
  /** The connection was made again; without `resumed` in a session that knows nothing of before. */
  session: { resumed: boolean };
  /** Any event of the server about this call, before the others, as it came. */
  wire: ServerEvent;
};

/** The four fields of the app's own that go along with a command. */
export type WithNote = Note;

/**
 * A call of this device, from the first ring to its end. `info` is how it stands, by what the
 * server has told; the methods ask, and what comes of it the events tell.
 */
export class Call extends Emitter<CallEvents> {
  /** Its id. */
  readonly id: string;
  /** How this device's stay ended; none while it lasts. */
  outcome: Outcome | undefined;
  /** The open proposal to raise the media, by whom. */
  proposal: { user: string; media: Media } | undefined;
  /** How good each participant's connection is, as last told. */
  quality: QualityEvent['users'] = {};
  #info: CallInfo;
  #sending: { [user: string]: Sending } = {};
  /** Whether the room of this stay has been told, or is about to be. */
  #enters = false;

  constructor(
    info: CallInfo,
    private readonly connection: Connection,
    /** Who is logged in. */
    private readonly me: string,
  ) {
    super();
    this.id = info.id;
    this.#info = info;
    // Whoever is given this is to listen first.
    setTimeout(() => this.#enter());
  }

  /** The whole call as it stands. Replaced at each change, so it can be compared. */
  get info(): CallInfo {
    return this.#info;
  }

  get phase(): CallInfo['phase'] {
    return this.#info.phase;
  }

  /** Everybody in it, the caller first. */
  get participants(): ParticipantInfo[] {
    return this.#info.participants;
  }

  /** This user's part in it. */
  get own(): ParticipantInfo | undefined {
    return this.#info.participants.find(({ user }) => user === this.me);
  }

  /** Whether this user may answer it now. */
  get rings(): boolean {
    const state = this.own?.state;
    return !this.outcome && (state === 'invited' || state === 'ringing');
  }

  /** Whether this device is the one that is in the call, or that called. */
  get isHere(): boolean {
    const own = this.own;
    const isIn = own?.state === 'joined' || own?.state === 'dropped';
    return !this.outcome && isIn && own.device === this.connection.device.id;
  }

  /** What the participants send, by user, as far as they said. */
  get sending(): { readonly [user: string]: Readonly<Sending> } {
    return this.#sending;
  }

  /** Answers. `media: 'audio'` lowers a video call for both. */
  async accept(options: Omit<Accept, 'call'> = {}): Promise<void> {
    const { info } = await this.connection.ask('call.accept', { call: this.id, ...options });
    this.learn(info);
  }

  /** Refuses, on all devices of the user; with `only_me` on this one alone. */
  async reject(options: Omit<Reject, 'call'> = {}): Promise<void> {
    await this.connection.ask('call.reject', { call: this.id, ...options });
  }

  /** Takes the invitations back before an answer; with `to` only these. */
  async cancel(options: Omit<Cancel, 'call'> = {}): Promise<void> {
    await this.connection.ask('call.cancel', { call: this.id, ...options });
  }

  /** Leaves; ends a direct call. Before an answer it takes the call back, or refuses it. */
  async hangup(note: WithNote = {}): Promise<void> {
    await this.connection.ask('call.hangup', { call: this.id, ...note });
  }

  /** Ends the call for all, where the call's policy lets this user. */
  async end(note: WithNote = {}): Promise<void> {
    await this.connection.ask('call.end', { call: this.id, ...note });
  }

  /** Asks more people in. Gives those who are in it already. */
  async invite(
    to: Target | Target[],
    options: Omit<Invite, 'call' | 'to'> = {},
  ): Promise<string[]> {
    const users = Array.isArray(to) ? to : [to];
    const invite = { call: this.id, to: users, ...options };
    return (await this.connection.ask('call.invite', invite)).skipped;
  }

  /** Enters a live group call. */
  async join(): Promise<void> {
    const { info } = await this.connection.ask('call.join', { call: this.id });
    this.learn(info);
  }

  /** Takes the call over from the user's other device, by default from the one that is in it. */
  async move(from = this.own?.device ?? ''): Promise<void> {
    await this.connection.ask('call.move', { call: this.id, from });
    // The answer is empty; the room for this device is in the call as it stands now.
    await this.get();
  }

  /** Proposes audio or video. Lowering is done at once; raising waits for the other. */
  async setMedia(media: Media): Promise<void> {
    await this.connection.ask('call.media', { call: this.id, media });
  }

  /** Answers a proposal to raise the media. */
  async answerMedia(accept: boolean): Promise<void> {
    await this.connection.ask('call.media_answer', { call: this.id, accept });
  }

  /** Tells the others what this device sends; what is left out stays as it was. */
  async setSending(sending: Sending): Promise<void> {
    await this.connection.ask('call.state', { call: this.id, ...sending });
    this.#says(this.me, sending);
  }

  /** Sends a message of any JSON, at most 32 KiB, to everybody in the call or to some. Not kept. */
  async sendMessage(body: unknown, to?: UserRef | UserRef[]): Promise<void> {
    const recipients = to === undefined ? {} : { to };
    await this.connection.ask('call.send', { call: this.id, body, ...recipients });
  }

  /** The call as it stands, with a page of its log after `seq`. */
  async get(after = 0): Promise<GetOk> {
    const ok = await this.connection.ask('call.get', { call: this.id, after });
    this.learn(ok.info);
    return ok;
  }

  /** @internal Asks something about this call. */
  request<C extends Command>(command: C, fields: Omit<Commands[C], 'call'>): Promise<Oks[C]> {
    return this.connection.ask(command, { call: this.id, ...fields } as Commands[C]);
  }

  /** @internal The connection was made again. */
  reconnected(resumed: boolean): void {
    this.emit('session', { resumed });
  }

  /** @internal Takes in the whole call as a reply or a hello showed it. */
  learn(info: CallInfo): void {
    // Answers may be older than events that came before them.
    if (this.outcome || info.seq < this.#info.seq) return;
    this.#info = info;
    this.emit('change', this);
    this.#enter();
  }

  /** @internal Media flows again: that this user is back, the server tells the others only. */
  restored(): void {
    const own = this.own;
    if (own?.state !== 'dropped') return;
    const participants = merge(this.participants, [{ ...own, state: 'joined' }]);
    this.#info = { ...this.#info, participants };
    this.emit('change', this);
  }

  /** @internal Takes in an event. */
  take(event: ServerEvent): void {
    this.emit('wire', event);
    if ('seq' in event) this.#takeLogged(event);
    else if (event.ev === 'call.state') {
      this.#says(event.user, event);
      this.emit('state', event);
      this.emit('change', this);
    } else if (event.ev === 'call.quality') {
      this.quality = event.users;
      this.emit('quality', event);
    } else if (event.ev === 'call.message') this.emit('message', event);
  }

  #takeLogged(event: CallEvent): void {
    this.#info = fold(this.#info, event);
    if (event.ev === 'call.media_proposed') this.proposal = event;
    else if (event.ev === 'call.media_changed' || event.ev === 'call.media_refused') {
      this.proposal = undefined;
    }
    if (isTerminal(event)) this.outcome = event as Outcome;
    const name = event.ev.slice('call.'.length) as keyof CallEvents;
    this.emit(name, event as Named<CallEvent, typeof event.ev> as never);
    this.emit('change', this);
    if (this.outcome) this.emit('over', this.outcome);
    else this.#enter();
  }

  #enter(): void {
    const room = this.isHere ? this.#info.room : undefined;
    const isNew = room && !this.#enters;
    this.#enters = !!room;
    if (!isNew) return;
    withToken(room, this.id, this.connection.roomTokens).then(
      (ready) => {
        if (this.isHere) this.emit('room', ready);
      },
      (error: BellwireError) => this.#bar(error),
    );
  }

  async #bar(error: BellwireError): Promise<void> {
    if (!this.isHere) return;
    this.emit('barred', error);
    const failed = label(error.message);
    // Where it cannot be said any more, the call is over.
    await this.request('media.report', { failed }).catch(() => {});
    await this.hangup().catch(() => {});
  }

  #says(user: string, { audio, video, screen }: Partial<StateEvent>): void {
    const said: Sending = { ...this.#sending[user] };
    if (audio != null) said.audio = audio;
    if (video != null) said.video = video;
    if (screen != null) said.screen = screen;
    this.#sending = { ...this.#sending, [user]: said };
  }
}

/** As much of a text as fits into a label of the log: 64 bytes, none of them a control character. */
function label(text: string): string {
  const bytes = new Uint8Array(64);
  const plain = text.replace(/\p{Cc}+/gu, ' ');
  const { read } = new TextEncoder().encodeInto(plain, bytes);
  return plain.slice(0, read);
}
