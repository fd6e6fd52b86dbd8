import { ownAddress, parseAddress } from './address.js';
import { Call, type WithNote } from './call.js';
import { Connection } from './connection.js';
import { tabDevice } from './device.js';
import { Emitter } from './emitter.js';
import { BellwireError } from './error.js';
import type { ClientOptions, ConnectionState } from './options.js';
import type { Command } from './outstanding.js';
import type {
  Availability,
  CallInfo,
  Record as CallRecord,
  Commands,
  DeviceInfo,
  HelloOk,
  Invited,
  ListRecords,
  Message,
  Oks,
  Presence,
  PushClear,
  PushSet,
  ServerEvent,
  SetAvailability,
  Start,
  Target,
} from './wire.js';

/** The most users one command about presence may name (docs/wire.md, limits). */
const PRESENCE_USERS = 256;

/** A call that rings here. */
export interface Incoming {
  call: Call;
  /** Who invites; none where the server does. */
  from: string | undefined;
  /** The inviter's words. */
  note: WithNote;
}

/** What a client tells. */
export interface ClientEvents {
  /** The connection stands differently. */
  state: ConnectionState;
  /**
   * Somebody calls: ring, until the call's `over` or `accepted` here. That there is a listener is
   * what the caller sees as ringing.
   */
  incoming: Incoming;
  /**
   * At login: a live call of the user that does not ring here. `call.isHere` says whether this
   * device is in it (after a reload); otherwise it may be joined, or moved here.
   */
  found: Call;
  /** A message from a user. */
  message: Message;
  /** Watched users came or went. */
  presence: { [user: string]: Presence };
  /** Another device, or the app, changed when and by whom the user wants to be rung. */
  availability: Availability;
  /** The record of a finished call. */
  record: CallRecord;
  /** Missed calls were seen on another device: how many are left. */
  read: number;
}

/** Fields of a start besides the callees. */
export type StartOptions = Omit<Start, 'to'>;

/**
 * A device of a user. It keeps one connection to a server, and with it a session that outlives
 * lost connections: it reconnects, resumes, sends again what was not answered, and tells each
 * event once and in order. It holds no rule of calls: what may be done and what came of it, the
 * server says.
 */
export class Client extends Emitter<ClientEvents> {
  readonly #connection: Connection;
  readonly #calls = new Map<string, Call>();
  readonly #watched = new Set<string>();
  #user = '';
  #webPushKey: string | undefined;

  /**
   * A client of the server at `address`, such as `https://calls.example`; in a page by default the
   * server that the page came from. Several addresses of one service are tried in turn.
   */
  constructor(address: string | string[] | undefined, options: ClientOptions) {
    super();
    const named = address === undefined ? [] : [address].flat();
    const addresses = named.length > 0 ? named.map(parseAddress) : [ownAddress()];
    const isPage = typeof document !== 'undefined';
    const device: DeviceInfo = {
      id: options.device?.id ?? tabDevice(),
      platform: options.device?.platform ?? (isPage ? 'web' : 'server'),
    };
    if (options.device?.name) device.name = options.device.name;
    this.#connection = new Connection(addresses, device, options, {
      state: (state) => this.emit('state', state),
      online: (hello) => this.#online(hello),
      found: (info) => this.#found(info),
      opened: (info) => this.#adopt(info),
      event: (event) => this.#take(event),
    });
  }

  /**
   * Logs in; done when it is online for the first time. From then on, and also before while the
   * server cannot be reached, it connects again by itself, as `state` tells. Fails with `closed`
   * when the server refuses.
   */
  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (state: ConnectionState): boolean => {
        if (state.name === 'online') resolve();
        else if (state.name === 'closed') reject(new BellwireError('closed', state.reason));
        else return false;
        return true;
      };
      if (settle(this.state)) return;
      const off = this.on('state', (state) => {
        if (settle(state)) off();
      });
      this.#connection.open();
    });
  }

  /** Where the connection stands. */
  get state(): ConnectionState {
    return this.#connection.state;
  }

  /** Who is logged in; empty before. */
  get user(): string {
    return this.#user;
  }

  /** This device. */
  get device(): DeviceInfo {
    return this.#connection.device;
  }

  /** The live calls of this device, and those found at login. */
  get calls(): Call[] {
    return [...this.#calls.values()];
  }

  /**
   * Calls a user, or several. If the callee is calling this user at that moment, it is that call
   * which is given, answered.
   */
  async call(to: Target | Target[], options: StartOptions = {}): Promise<Call> {
    const start: Start = { to: Array.isArray(to) ? to : [to], ...options };
    const { info } = await this.#connection.ask('call.start', start);
    return this.#adopt(info);
  }

  /**
   * A call whose id is known, as it stands: to join it, move it here, or look at what became of
   * it. For whoever is or was in it.
   */
  async open(id: string): Promise<Call> {
    const { info } = await this.#connection.ask('call.get', { call: id });
    if (info.phase === 'ended') return new Call(info, this.#connection, this.#user);
    return this.#adopt(info);
  }

  /** Sends a message of any JSON, at most 32 KiB; says whether a connected device took it. */
  async sendMessage(to: string, body: unknown): Promise<boolean> {
    return (await this.#connection.ask('message.send', { to, body })).received;
  }

  /** Who of `users` can be called. */
  async presence(users: string[]): Promise<{ [user: string]: Presence }> {
    return this.#ofUsers('presence.get', users);
  }

  /** The same, and be told of their coming and going from now on. */
  async watch(users: string[]): Promise<{ [user: string]: Presence }> {
    const presence = await this.#ofUsers('presence.watch', users);
    for (const user of users) this.#watched.add(user);
    return presence;
  }

  /** Be told of `users` no longer. */
  async unwatch(users: string[]): Promise<void> {
    for (const user of users) this.#watched.delete(user);
    await this.#ofUsers('presence.unwatch', users);
  }

  /** The user's own records, newest first. */
  async records(list: ListRecords = {}): Promise<CallRecord[]> {
    return (await this.#connection.ask('record.list', list)).records;
  }

  /** The calls the user missed, newest first, and how many of all of them are not seen yet. */
  async missed(limit = 50): Promise<{ records: CallRecord[]; unread: number }> {
    return this.#connection.ask('record.list', { missed: true, limit });
  }

  /**
   * Says that missed calls have been seen, on all devices of the user: those up to `record`, or
   * all. How many are left.
   */
  async readRecords(record?: CallRecord): Promise<number> {
    const upto = record ? { upto: record.serial } : {};
    return (await this.#connection.ask('record.read', upto)).unread;
  }

  /** When and by whom the user wants to be rung. */
  async availability(): Promise<Availability> {
    return this.#connection.ask('availability.get', {});
  }

  /** Changes that: what is not named stays as it was. */
  async setAvailability(change: SetAvailability): Promise<Availability> {
    return this.#connection.ask('availability.set', change);
  }

  /**
   * The key to subscribe with for Web Push (`applicationServerKey`); none before the login, or
   * where the app is not set up for it.
   */
  get webPushKey(): string | undefined {
    return this.#webPushKey;
  }

  /** Tells where to wake this device when it sleeps. */
  async setPush(set: PushSet): Promise<void> {
    await this.#connection.ask('push.set', set);
  }

  /** The same for this browser, as `PushManager.subscribe` gave it. */
  async setWebPush(subscription: Pick<PushSubscription, 'toJSON'>): Promise<void> {
    const { endpoint, keys } = subscription.toJSON();
    if (!endpoint || !keys?.p256dh || !keys.auth) {
      throw new BellwireError('invalid', 'the subscription has no endpoint or keys');
    }
    const { p256dh, auth } = keys;
    await this.setPush({ provider: 'web', endpoint, p256dh, auth });
  }

  /** This device is not to be woken any more, or not in the way that is named. */
  async clearPush(which: PushClear = {}): Promise<void> {
    await this.#connection.ask('push.clear', which);
  }

  /** Ends the session: this device leaves its calls, and the connection closes. */
  async logout(): Promise<void> {
    await this.#connection.ask('logout', {});
    this.close();
  }

  /** Closes the connection. The session stays for a while, and calls for their grace time. */
  close(): void {
    this.#connection.close({ reason: 'closed by the app' });
  }

  /** Sends any command and gives the answer; for what this SDK has no method for. */
  ask<C extends Command>(command: C, fields: Commands[C]): Promise<Oks[C]> {
    return this.#connection.ask(command, fields);
  }

  async #ofUsers(
    command: 'presence.get' | 'presence.watch' | 'presence.unwatch',
    users: string[],
  ): Promise<{ [user: string]: Presence }> {
    const all = {};
    for (let at = 0; at < users.length; at += PRESENCE_USERS) {
      const page = users.slice(at, at + PRESENCE_USERS);
      Object.assign(all, (await this.#connection.ask(command, { users: page })).users);
    }
    return all;
  }

  #online({ user, resumed, web_push_key: webPushKey }: HelloOk): void {
    this.#user = user;
    this.#webPushKey = webPushKey ?? undefined;
    for (const call of this.calls) call.reconnected(resumed);
    // A new session, and a restarted server, begin without watches.
    if (this.#watched.size > 0) {
      this.#ofUsers('presence.watch', [...this.#watched])
        .then((users) => this.emit('presence', users))
        .catch(() => {});
    }
  }

  /** The call's object, made when the call is new to this device. */
  #adopt(info: CallInfo): Call {
    const known = this.#calls.get(info.id);
    if (known) {
      known.learn(info);
      return known;
    }
    const call = new Call(info, this.#connection, this.#user);
    this.#calls.set(info.id, call);
    return call;
  }

  #found(info: CallInfo): void {
    const call = this.#adopt(info);
    const isSilent = call.own?.ring === 'silent';
    if (call.rings && !isSilent) {
      this.#ring({ call, from: info.caller, note: noteOf(info) });
    } else {
      this.emit('found', call);
    }
  }

  #ring(incoming: Incoming): void {
    if (!this.hears('incoming')) return;
    this.emit('incoming', incoming);
    this.#connection.tell('call.ringing', { call: incoming.call.id });
  }

  #take(event: ServerEvent): void {
    switch (event.ev) {
      case 'message':
        return this.emit('message', event);
      case 'presence':
        return this.emit('presence', event.users);
      case 'availability':
        return this.emit('availability', event);
      case 'record':
        return this.emit('record', event.record);
      case 'record.read':
        return this.emit('read', event.unread);
      case 'call.invited':
        return this.#invited(event);
      default:
        if ('call' in event) this.#ofCall(event);
    }
  }

  #invited(event: Invited & Extract<ServerEvent, { ev: 'call.invited' }>): void {
    const call = this.#adopt(event.info);
    call.take(event);
    this.#ring({ call, from: event.from ?? undefined, note: noteOf(event) });
  }

  #ofCall(event: Extract<ServerEvent, { call: string }>): void {
    const call = this.#calls.get(event.call);
    if (!call) return;
    call.take(event);
    if (call.outcome) this.#calls.delete(call.id);
  }
}

/** What was said; a call's own fields say 0 and nothing alike. */
function noteOf({ content, param, app_code, app_flags }: WithNote): WithNote {
  const note: WithNote = {};
  if (content) note.content = content;
  if (param) note.param = param;
  if (app_code) note.app_code = app_code;
  if (app_flags) note.app_flags = app_flags;
  return note;
}
