// Generated from crates/protocol/schema/bellwire.v1.json by `npm run wire`; do not edit.
//
// A server newer than this file may send fields, events and words that are not in it: give every
// `switch` over a word of the wire a default.

/**
 * `call.accept`: answers.
 *
 * Legal from `invited` and `ringing`; the first answer wins. In the reply, `room` is set once the
 * call is active.
 *
 * Errors: `answered_elsewhere`, `rejected_elsewhere`, `not_in_call` (with `reason`: what became of
 * the call), `busy_self`, `already_accepted`.
 */
export type Accept = {
  /** An unsigned number, the app's own code. */
  app_code?: number | null;
  /** The app's own bits. */
  app_flags?: number | null;
  /** The call. */
  call: CallId;
  /** Text, at most 8 KiB. */
  content?: string | null;
  /** May lower video to audio. */
  media?: Media | null;
  /** A signed number. */
  param?: number | null;
};

/** `call.accepted` */
export type Accepted = {
  /** An unsigned number, the app's own code. */
  app_code?: number | null;
  /** The app's own bits. */
  app_flags?: number | null;
  /** Text, at most 8 KiB. */
  content?: string | null;
  /** With which device. */
  device: DeviceId;
  /** What the call carries from now on. */
  media: Media;
  /** A signed number. */
  param?: number | null;
  /** Who. */
  user: UserId;
};

/**
 * `ack`: the app has been told to stop ringing.
 *
 * For `call.canceled` and `call.elsewhere`. Without it they are sent again at the next resume.
 */
export type Ack = {
  /** The call. */
  call: CallId;
  /** The `seq` of the event that is confirmed. */
  seq: number;
};

/** `call.added` */
export type Added = {
  /** An unsigned number, the app's own code. */
  app_code?: number | null;
  /** The app's own bits. */
  app_flags?: number | null;
  /** By whom; none where the server did. */
  by?: UserId | null;
  /** Text, at most 8 KiB. */
  content?: string | null;
  /** A signed number. */
  param?: number | null;
  /** Whom. */
  users: UserId[];
};

/** An app (tenant), named by its key. */
export type AppKey = string;

/**
 * When and by whom a user wants to be rung. Calls that are not wanted ring no device of theirs;
 * what the caller sees instead is the app's setting `unavailable_as`.
 */
export type Availability = {
  /** Who rings in spite of `do_not_disturb` and `quiet_hours`. */
  allow?: UserId[];
  /** Who never rings. */
  block?: UserId[];
  /** Nobody rings but those in `allow`. */
  do_not_disturb: boolean;
  /** Nobody else than those in `allow` rings at any time. */
  only_allowed?: boolean;
  /** Hours in which nobody rings but those in `allow`. */
  quiet_hours?: QuietHours | null;
  /** When `do_not_disturb` ends by itself; it stays on where none. */
  until?: Timestamp | null;
};

/** Any JSON value of the app's own. */
export type Body = unknown;

/** An event of a call's log, as one device is told. */
export type CallEvent = {
  /** When. */
  at: Timestamp;
  /** The call. */
  call: CallId;
  /** What a device returns to resume after this event. */
  cursor: Cursor;
  /** Where those it concerns stand now. */
  participants?: ParticipantInfo[];
  /** Its position in the call's log. It rises strictly for each device, with gaps. */
  seq: number;
} & (
  | ({ ev: 'call.invited' } & Invited)
  | ({ ev: 'call.ringing' } & CalleeRinging)
  | ({ ev: 'call.accepted' } & Accepted)
  | ({ ev: 'call.rejected' } & Rejected)
  | ({ ev: 'call.started' } & Started)
  | ({ ev: 'call.entered' } & Moving)
  | ({ ev: 'call.joined' } & Moving)
  | ({ ev: 'call.left' } & Moving)
  | ({ ev: 'call.dropped' } & Moving)
  | ({ ev: 'call.restored' } & Moving)
  | ({ ev: 'call.moved' } & Moving)
  | ({ ev: 'call.edited' } & Edited)
  | ({ ev: 'call.canceled' } & Canceled)
  | ({ ev: 'call.elsewhere' } & Elsewhere)
  | ({ ev: 'call.media_proposed' } & MediaEvent)
  | ({ ev: 'call.media_changed' } & MediaEvent)
  | ({ ev: 'call.media_refused' } & MediaEvent)
  | ({ ev: 'call.added' } & Added)
  | ({ ev: 'call.ended' } & EndedEvent)
);

/** One call; a `UUIDv7`, so ids sort by creation. */
export type CallId = string;

/** A whole call. */
export type CallInfo = {
  /** The app's own code of the start. */
  app_code: number;
  /** The app's own bits of the start. */
  app_flags: number;
  /** The caller. */
  caller: UserId;
  /** The app's channel. */
  channel?: Label | null;
  /** The content of the start. */
  content: string;
  /** When it was asked for. */
  created_at: Timestamp;
  /** The cursor of that event. */
  cursor?: Cursor | null;
  /** How it ended. */
  ended?: Ended | null;
  /** When it ends at the latest. */
  ends_by?: Timestamp | null;
  /** What may not be sent. */
  forbid: Forbids;
  /** The app's group. */
  group?: Label | null;
  /** Its id. */
  id: CallId;
  /** How many it is between. */
  kind: Kind;
  /** What it carries. */
  media: Media;
  /** What it is for. */
  mode: Mode;
  /** The number of the start. */
  param: number;
  /** Everybody in it, the caller first. */
  participants: ParticipantInfo[];
  /** Where it stands. */
  phase: Phase;
  /** Milliseconds until `ring_until`, for devices whose clock is wrong. */
  ring_left_ms?: number | null;
  /** When ringing ends: the viewer's own, else the last of all. */
  ring_until?: Timestamp | null;
  /** Where the media flows; only for those who may enter. */
  room?: RoomInfo | null;
  /** The position of the last event in its log. */
  seq: number;
  /** When it became active. */
  started_at?: Timestamp | null;
};

/** `call.message` */
export type CallMessage = {
  /** When. */
  at: Timestamp;
  /** The message. */
  body: Body;
  /** The call. */
  call: CallId;
  /** From whom. */
  from: UserId;
};

/** `call.ringing` */
export type CalleeRinging = {
  /** With which device. */
  device: DeviceId;
  /** Who. */
  user: UserId;
};

/**
 * `call.cancel`: takes invitations back before an answer.
 *
 * For the caller alone. Without `to` the whole call ends. Once somebody has answered it is too
 * late: `already_accepted`.
 */
export type Cancel = {
  /** An unsigned number, the app's own code. */
  app_code?: number | null;
  /** The app's own bits. */
  app_flags?: number | null;
  /** The call. */
  call: CallId;
  /** Text, at most 8 KiB. */
  content?: string | null;
  /** A signed number. */
  param?: number | null;
  /** Only these callees. */
  to?: UserRef[] | null;
};

/** `call.canceled` */
export type Canceled = {
  /** An unsigned number, the app's own code. */
  app_code?: number | null;
  /** The app's own bits. */
  app_flags?: number | null;
  /** The number for it. */
  code: number;
  /** Text, at most 8 KiB. */
  content?: string | null;
  /** A signed number. */
  param?: number | null;
  /** Why. */
  reason: Reason;
};

/** What lies behind a reason. */
export type Cause =
  | 'absent'
  | 'silent'
  | 'disconnected'
  | 'max_time'
  | 'server'
  | 'logout'
  | 'timeout'
  | 'dropped'
  | 'log_full'
  | 'media'
  | 'policy'
  | 'token';

/**
 * `call.media`: proposes audio or video.
 *
 * In an active direct call. Video to audio holds at once; audio to video waits 30 s for the other
 * side. Asking for what there is takes an own proposal back.
 */
export type ChangeMedia = {
  /** The call. */
  call: CallId;
  /** What it shall carry. */
  media: Media;
};

/** What a clock on the wall shows: `00:00` to `23:59`. */
export type ClockTime = string;

/** The place of an event in a call's log, as a device keeps and returns it. Opaque to devices. */
export type Cursor = string;

/** A day of the week. */
export type Day =
  | 'mon'
  | 'tue'
  | 'wed'
  | 'thu'
  | 'fri'
  | 'sat'
  | 'sun';

/** One installation of a user. */
export type DeviceId = string;

/** A device as it introduces itself. */
export type DeviceInfo = {
  /** Chosen by the device, the same at every login. */
  id: DeviceId;
  /** For people. */
  name?: Label | null;
  /** What it runs on. */
  platform?: Platform | null;
};

/** `call.edited`: as it is now. */
export type Edited = {
  /** When the call ends at the latest; none where it has no bound, or is not active yet. */
  ends_by?: Timestamp | null;
  /** What may not be sent. */
  forbid: Forbids;
};

/** `call.elsewhere` */
export type Elsewhere = {
  /** Which device; none where no device did. */
  device?: DeviceId | null;
  /** What the other device did. */
  how: How;
};

/**
 * `call.end`: ends the call for all.
 *
 * For whom the call's policy `end` names; `forbidden` for others.
 */
export type End = {
  /** An unsigned number, the app's own code. */
  app_code?: number | null;
  /** The app's own bits. */
  app_flags?: number | null;
  /** The call. */
  call: CallId;
  /** Text, at most 8 KiB. */
  content?: string | null;
  /** A signed number. */
  param?: number | null;
};

/** How a call ended, for you or for all. */
export type Ended = {
  /** An unsigned number, the app's own code. */
  app_code?: number | null;
  /** The app's own bits. */
  app_flags?: number | null;
  /** When. */
  at: Timestamp;
  /** Who ended it; none where a deadline or the server did. */
  by?: UserId | null;
  /** What lies behind the reason. */
  cause?: Cause | null;
  /** The number for it. */
  code: number;
  /** Text, at most 8 KiB. */
  content?: string | null;
  /** How long the conversation was, in milliseconds; 0 for a call that was never active. */
  duration_ms: number;
  /** A signed number. */
  param?: number | null;
  /** Why. */
  reason: Reason;
  /** For whom. */
  scope: Scope;
};

/** `call.ended` */
export type EndedEvent = {
  /** How. */
  ended: Ended;
};

/** What went wrong; stable for ever. */
export type ErrorCode =
  | 'invalid'
  | 'unknown_command'
  | 'unauthorized'
  | 'token_expired'
  | 'forbidden'
  | 'rate_limited'
  | 'overloaded'
  | 'unavailable'
  | 'busy_self'
  | 'not_in_call'
  | 'answered_elsewhere'
  | 'rejected_elsewhere'
  | 'already_accepted'
  | 'denied'
  | 'unknown';

/** One thing a side may not send. */
export type Forbidden = 'caller_audio' | 'caller_video' | 'callee_audio' | 'callee_video';

/** What may not be sent in a call. Written in the order of [`Forbidden`]; read in any. */
export type Forbids = Forbidden[];

/**
 * `call.get`: a call and its log.
 *
 * For whoever is or was in it, also when it is over. Page on with `after` = the last `seq`.
 */
export type Get = {
  /** The log after this position. */
  after?: number | null;
  /** The call. */
  call: CallId;
  /** At most so many entries; 256 where none, which is also the most. */
  limit?: number | null;
};

/** `call.get`. */
export type GetOk = {
  /** The whole call. */
  info: CallInfo;
  /** Its log after the position asked for, at most a page. */
  log: LogEntry[];
  /** Whether the log goes on. */
  more: boolean;
};

/**
 * `call.hangup`: leaves; ends a direct call.
 *
 * A group call goes on while two remain, or one and somebody who is being rung. Before an answer
 * it is a cancel for the caller and a reject for a callee.
 */
export type Hangup = {
  /** An unsigned number, the app's own code. */
  app_code?: number | null;
  /** The app's own bits. */
  app_flags?: number | null;
  /** The call. */
  call: CallId;
  /** Text, at most 8 KiB. */
  content?: string | null;
  /** A signed number. */
  param?: number | null;
};

/** `hello`: the first request of a connection, with either `token` or `login`. */
export type Hello = {
  /** What the device can do beyond this edition of the wire. */
  caps?: string[] | null;
  /** Which device speaks. */
  device: DeviceInfo;
  /** A login by name, where the app allows it. */
  login?: Login | null;
  /** The session to go on with. */
  resume?: Resume | null;
  /** A JWT whose `kid` is the app key and whose `sub` is the user. */
  token?: Secret | null;
};

/** `hello`. */
export type HelloOk = {
  /** Every live call and pending invitation of the user. */
  calls: CallInfo[];
  /** What server and device both can do beyond this edition of the wire. */
  caps: string[];
  /** The sizes the server takes. */
  limits: Limits;
  /** Whether it is the session asked for; missed events follow in both cases. */
  resumed: boolean;
  /** The session, for the next resume. */
  session: SessionId;
  /** The server's clock. */
  time: Timestamp;
  /** Their number. */
  uid: Uid;
  /** Who logged in. */
  user: UserId;
  /** What a page subscribes with for Web Push (`applicationServerKey`), where the app has it. */
  web_push_key?: string | null;
};

/** What another device did. */
export type How = 'accepted' | 'rejected' | 'moved';

/** A TURN or STUN server, as browsers take it (W3C `RTCIceServer`). */
export type IceServer = {
  /** What proves it. */
  credential?: Secret | null;
  /** Where it is, as `turn:turn.example.com:3478?transport=tcp`. */
  urls: string[];
  /** Who uses it, and until when. */
  username?: string | null;
};

/**
 * `call.invite`: asks more people into a live call.
 *
 * For whom the call's policy `invite` names. It makes a group of a direct call.
 */
export type Invite = {
  /** An unsigned number, the app's own code. */
  app_code?: number | null;
  /** The app's own bits. */
  app_flags?: number | null;
  /** The call. */
  call: CallId;
  /** Text, at most 8 KiB. */
  content?: string | null;
  /** A signed number. */
  param?: number | null;
  /** How their sleeping devices are woken. */
  push?: Push | null;
  /** How long they are rung, in seconds; the call's ring time where none. */
  ring_time?: number | null;
  /** Whom. */
  to: Target[];
};

/** `call.invite`. */
export type InviteOk = {
  /** Those who are in the call already. */
  skipped: UserId[];
};

/** `call.invited` */
export type Invited = {
  /** An unsigned number, the app's own code. */
  app_code?: number | null;
  /** The app's own bits. */
  app_flags?: number | null;
  /** Text, at most 8 KiB. */
  content?: string | null;
  /** Who invites; none where the server does. */
  from?: UserId | null;
  /** The whole call. */
  info: CallInfo;
  /** A signed number. */
  param?: number | null;
};

/**
 * `call.join`: an invited or once joined user enters a live group call.
 *
 * For whom the call's policy `join` names.
 *
 * Errors: `forbidden`, `busy_self`, `overloaded` (the group is full).
 */
export type Join = {
  /** The call. */
  call: CallId;
};

/** How many a call is between. */
export type Kind = 'direct' | 'group';

/** A short text: of an app about a call, its group or channel; of others in the call's log. */
export type Label = string;

/** How a participant left a call that goes on. */
export type Leaving = 'left' | 'removed' | 'lost';

/** A participant's part in a finished call. */
export type Leg = {
  /** What lies behind the outcome. */
  cause?: Cause | null;
  /** The device that joined, or that answered. */
  device?: DeviceId | null;
  /** How long they were in the conversation, in milliseconds. */
  duration_ms: number;
  /** When invited; for the caller, when the call was asked for. */
  invited_at: Timestamp;
  /** When they last joined. */
  joined_at?: Timestamp | null;
  /** When their part was over. */
  left_at?: Timestamp | null;
  /** How it ended for them. */
  outcome: State;
  /** When a device first acknowledged. */
  ringing_at?: Timestamp | null;
  /** Who. */
  user: UserId;
};

/** The sizes the server takes, in bytes. */
export type Limits = {
  /** Of a message's body. */
  body: number;
  /** Of a note's content. */
  content: number;
  /** Of a frame. */
  frame: number;
};

/**
 * `record.list`: the user's own records, newest first.
 *
 * A call's record can be read when its `call.ended` arrives.
 */
export type ListRecords = {
  /** Those older than the record with this serial. */
  before?: RecordCursor | null;
  /** At most so many; 50 where none, 200 at the most. */
  limit?: number | null;
  /** Only calls the user was rung for and did not answer. */
  missed?: boolean | null;
};

/**
 * One entry: `{"seq":3,"at":…,"type":"accepted","user":"bob",…}`. Which request caused it is
 * left out, since a session's name is a secret of its device.
 *
 * `type` is `created`, `released`, `reached`, `ringing`, `silenced`, `accepted`, `started`,
 * `rejected`, `canceled`, `added`, `joined`, `entered`, `left`, `dropped`, `restored`, `moved`,
 * `media_proposed`, `media_changed`, `media_refused`, `media_reported`, `acknowledged`, `asked`,
 * `pushed` or `ended`; the fields of each type stand beside it. In `acknowledged`, `confirms` is
 * the position of the event that was confirmed.
 */
export type LogEntry = {
  /** When. */
  at: Timestamp;
  /** Its position in the log, from 1 without gaps. */
  seq: number;
  [key: string]: unknown;
};

/** A login by name. */
export type Login = {
  /** The app. */
  app: AppKey;
  /** What the business server asks for. */
  password?: Secret | null;
  /** The user. */
  user: UserId;
};

/**
 * What a call carries.
 *
 * `Audio < Video`.
 */
export type Media = 'audio' | 'video';

/** `call.media_answer`: answers a proposal. */
export type MediaAnswer = {
  /** Whether it is accepted. */
  accept: boolean;
  /** The call. */
  call: CallId;
};

/**
 * `media.close`: ends this device's media connection, not its part in the call.
 *
 * The others see it as one whose media is lost.
 */
export type MediaClose = {
  /** The call. */
  call: CallId;
};

/**
 * `media.closed`: the server ended this device's media connection. While it is in the call it may
 * offer again.
 */
export type MediaClosedEvent = {
  /** The call. */
  call: CallId;
  /** Why. */
  reason: MediaEnd;
};

/** Why the server ended a media connection. */
export type MediaEnd = 'moved' | 'replaced' | 'failed' | 'left';

/** `call.media_proposed`, `call.media_changed`, `call.media_refused` */
export type MediaEvent = {
  /** Why a proposal fell, unless the other refused; in `call.media_refused` only. */
  cause?: Cause | null;
  /** To what. */
  media: Media;
  /** By whom, or whose proposal. */
  user: UserId;
};

/**
 * `media.offer`: connects this device's media, or changes the connection.
 *
 * The offer has one m-line for each track the device sends, named in `send`, and one for each it
 * can receive at the same time; what a receiving m-line carries is said by `receive`, here or
 * later, and may change without another offer. All candidates of the server are in its answer, and
 * it needs none from the device (ICE-lite, RFC 8445). An offer with another DTLS fingerprint or
 * from a new session makes a new connection, which takes the place of the old one; new ICE
 * credentials restart ICE.
 *
 * For the device in the call, once it is active. Errors: `unauthorized` (the room's token),
 * `invalid` (`sdp`, `send` or `receive`), `unavailable` (the server does not route this call's
 * media).
 */
export type MediaOffer = {
  /** The call. */
  call: CallId;
  /** What is to be received, by m-line. */
  receive?: { [key: string]: Want };
  /** The offer (RFC 8866). */
  sdp: string;
  /** What is sent, by m-line. */
  send?: { [key: string]: Source };
  /** The token of its room. */
  token: Secret;
};

/** `media.offer`. */
export type MediaOfferOk = {
  /** The answer. */
  sdp: string;
};

/**
 * `media.receive`: changes what receiving m-lines carry.
 *
 * Those not named stay as they are. What is not there yet flows when it comes.
 */
export type MediaReceive = {
  /** The call. */
  call: CallId;
  /** By m-line; `null` empties one. */
  receive: { [key: string]: Want | null };
};

/** `media.report`: what only the device can know of its media. Each is logged once in a stay. */
export type MediaReport = {
  /** The call. */
  call: CallId;
  /** From the answer to its offer until ICE was connected, in milliseconds. */
  connected_ms?: number | null;
  /** Why it failed, in at most 64 bytes. */
  failed?: Label | null;
  /** From the answer to its offer until the first remote picture was shown, in milliseconds. */
  first_frame_ms?: number | null;
};

/** `message` */
export type Message = {
  /** When. */
  at: Timestamp;
  /** The message. */
  body: Body;
  /** From whom. */
  from: UserId;
};

/** What a call is for. */
export type Mode = 'call' | 'invite';

/**
 * `call.move`: this device takes over.
 *
 * It names the device it takes over from; if another has the call by then, the error is
 * `answered_elsewhere` and `device` says which.
 */
export type Move = {
  /** The call. */
  call: CallId;
  /** The user's device that is in the call now. */
  from: DeviceId;
};

/** `call.entered`, `call.joined`, `call.left`, `call.dropped`, `call.restored`, `call.moved` */
export type Moving = {
  /** An unsigned number, the app's own code. */
  app_code?: number | null;
  /** The app's own bits. */
  app_flags?: number | null;
  /** What lies behind it. */
  cause?: Cause | null;
  /** Text, at most 8 KiB. */
  content?: string | null;
  /** Their device; in `call.moved` the one that took over. */
  device?: DeviceId | null;
  /** A signed number. */
  param?: number | null;
  /** How they left; in `call.left` only. */
  reason?: Leaving | null;
  /** Who. */
  user: UserId;
};

/**
 * The app's own words beside a command, never interpreted; repeated in the event it causes and in
 * `ended`.
 */
export type Note = {
  /** An unsigned number, the app's own code. */
  app_code?: number | null;
  /** The app's own bits. */
  app_flags?: number | null;
  /** Text, at most 8 KiB. */
  content?: string | null;
  /** A signed number. */
  param?: number | null;
};

/** A user in a call. */
export type ParticipantInfo = {
  /** The device that joined, or that answered. */
  device?: DeviceId | null;
  /** How they are told; none for a caller who started the call. */
  ring?: RingMode | null;
  /** When their ring time is over, while they may answer. */
  ring_until?: Timestamp | null;
  /** Where they stand. */
  state: State;
  /** Their number; none for a user never seen. */
  uid?: Uid | null;
  /** Who. */
  user: UserId;
};

/**
 * Where a call stands.
 *
 * ```text
 *   inviting ──first callee accepts──▶ active ──▶ ended
 *       └──────────nobody is left to answer─────────▲
 * ```
 */
export type Phase = 'inviting' | 'active' | 'ended';

/** What a device runs on. */
export type Platform =
  | 'web'
  | 'ios'
  | 'android'
  | 'desktop'
  | 'server';

/** The parts of a policy a call sets for itself. */
export type PolicyAsk = {
  /** Who may end it for all. */
  end?: Who | null;
  /** Who may invite others. */
  invite?: Who | null;
  /** Who may join while it runs. */
  join?: Who | null;
};

/** Whether a user can be called. */
export type Presence = 'online' | 'unreachable' | 'offline' | 'in_call';

/** `presence` */
export type PresenceEvent = {
  /** By user. */
  users: { [key: string]: Presence };
};

/**
 * `presence.get`, `presence.watch`, `presence.unwatch`: about whom.
 *
 * Where the app's `presence` allows it; `forbidden` otherwise. `presence.watch` answers with what
 * is and tells of changes as the event `presence`, for at most 256 users at once. Watch again
 * after each hello: a new session begins without, and so does a restarted server.
 */
export type PresenceOf = {
  /** The users. */
  users: UserRef[];
};

/** `presence.get`, `presence.watch`, and `presence.unwatch`, which names nobody. */
export type PresenceOk = {
  /** By user. */
  users: { [key: string]: Presence };
};

/** The notice that wakes a sleeping device. */
export type Push = {
  /** The number at the app's icon. */
  badge?: number | null;
  /** Its text. */
  content?: string | null;
  /** Whether to send one; yes where none. */
  enabled?: boolean | null;
  /** The app's own data: any JSON, at most 2 KiB; the device finds it as `payload`. */
  payload?: Body | null;
  /** The name of a sound. */
  sound?: string | null;
  /** Its title; the caller's name where none. */
  title?: string | null;
};

/**
 * `push.clear`: this device is not to be woken any more.
 *
 * Without `provider` in no way; with it not in that way.
 */
export type PushClear = {
  /** `apns`: only this kind. */
  kind?: PushKind | null;
  /** Only through this one. */
  provider?: PushProvider | null;
};

/** Which of an Apple device's two tokens. */
export type PushKind = 'voip' | 'alert';

/** Through whom a device is woken. */
export type PushProvider = 'apns' | 'fcm' | 'web' | 'webhook';

/**
 * `push.set`: where to wake this device.
 *
 * A device may have one for each provider, and with `apns` one for each kind; a later one takes
 * the place of the earlier. They outlive the session and end with `push.clear`, `logout`, or when
 * the service says that they are dead. A token that another device registered before is this
 * device's from now on.
 *
 * Errors: `invalid`, also where the app is not set up for the provider (`field` is `provider`).
 */
export type PushSet = {
  /** `web`: the subscription's key `auth`, base64url. */
  auth?: Secret | null;
  /** `web`: the subscription's `endpoint`. */
  endpoint?: Secret | null;
  /** `apns`: which of its tokens. */
  kind?: PushKind | null;
  /** `web`: the subscription's key `p256dh`, base64url. */
  p256dh?: Secret | null;
  /** Through whom. */
  provider: PushProvider;
  /**
   * `apns`: the device token in hexadecimal; `fcm`: the registration token; `webhook`: any text
   * that the app's server knows the device by.
   */
  token?: Secret | null;
};

/** How good a participant's connection is. */
export type Quality = {
  /** From the server to them, likewise. */
  down: number;
  /** Variation of delay, in milliseconds. */
  jitter_ms: number;
  /** The part of packets lost, 0 to 1. */
  loss: number;
  /** There and back, in milliseconds. */
  rtt_ms: number;
  /** From them to the server: 0 unknown, 1 excellent, 2 good, 3 fair, 4 poor, 5 bad. */
  up: number;
};

/** `call.quality` */
export type QualityEvent = {
  /** The call. */
  call: CallId;
  /** By user. */
  users: { [key: string]: Quality };
};

/** Hours that come again each week. */
export type QuietHours = {
  /** The hours; none takes them off. */
  spans: QuietSpan[];
  /** Where the user's clock is, as an IANA name such as `Europe/Berlin`. */
  time_zone: string;
};

/** A part of certain days. */
export type QuietSpan = {
  /** The days on which it begins; every day where none. */
  days?: Day[];
  /** When it begins. */
  from: ClockTime;
  /** When it is over: on the next day where that is not later than `from`. */
  to: ClockTime;
};

/** `record.read`. */
export type ReadOk = {
  /** How many missed calls the user has not seen yet. */
  unread: number;
  /** The newest record that counts as seen. */
  upto: RecordCursor;
};

/**
 * `record.read`: missed calls have been seen.
 *
 * They count as read on all devices of the user; the event `record.read` tells the others.
 */
export type ReadRecords = {
  /** The newest that was seen, which includes those before it; all there are where none. */
  upto?: RecordCursor | null;
};

/** Why a call ended. */
export type Reason =
  | 'completed'
  | 'canceled'
  | 'offline'
  | 'busy'
  | 'rejected'
  | 'timeout'
  | 'disconnected'
  | 'denied'
  | 'killed'
  | 'lost';

/** `message.send`. */
export type Received = {
  /** Whether a connected device took it. */
  received: boolean;
};

/** A user or a list of users, each as in UserRef. */
export type Recipients = UserRef | UserRef[];

/** A finished call. */
export type Record = {
  /** An unsigned number, the app's own code. */
  app_code?: number | null;
  /** The app's own bits. */
  app_flags?: number | null;
  /** The call. */
  call: CallId;
  /** The caller. */
  caller: UserId;
  /** What lies behind the reason. */
  cause?: Cause | null;
  /** The app's channel. */
  channel?: Label | null;
  /** The number for it. */
  code: number;
  /** Text, at most 8 KiB. */
  content?: string | null;
  /** When it was asked for. */
  created_at: Timestamp;
  /** How long it was active, in milliseconds. */
  duration_ms: number;
  /** The words of the end. */
  end_note?: Note;
  /** When it ended. */
  ended_at: Timestamp;
  /** Who ended it. */
  ended_by?: UserId | null;
  /** The app's group. */
  group?: Label | null;
  /** How many it was between. */
  kind: Kind;
  /** Everybody in it, the caller first. */
  legs: Leg[];
  /** What it carried at its end. */
  media: Media;
  /** What it was for. */
  mode: Mode;
  /** A signed number. */
  param?: number | null;
  /** Why it ended. */
  reason: Reason;
  /** Its place among all records, rising. */
  serial: number;
  /** When it became active. */
  started_at?: Timestamp | null;
};

/** The place of a record among all records; opaque. */
export type RecordCursor = string | number;

/** `record` */
export type RecordEvent = {
  /** What a device returns to get the records after this one. */
  cursor: RecordCursor;
  /** The record. */
  record: Record;
};

/** `record.list`. */
export type RecordsOk = {
  /** Newest first; page on with `before` = the serial of the last. */
  records: Record[];
  /** How many missed calls the user has not seen yet, in all. */
  unread: number;
};

/** How an invitation ended without an answer to join. */
export type Refused =
  | 'rejected'
  | 'busy'
  | 'offline'
  | 'timeout'
  | 'denied';

/**
 * `call.reject`: refuses.
 *
 * For all devices of the user, which get `call.elsewhere`; this one gets `call.ended`. With
 * `only_me` this device alone is silent and the others ring on.
 */
export type Reject = {
  /** An unsigned number, the app's own code. */
  app_code?: number | null;
  /** The app's own bits. */
  app_flags?: number | null;
  /** The call. */
  call: CallId;
  /** Text, at most 8 KiB. */
  content?: string | null;
  /** Only this device stops ringing. */
  only_me?: boolean | null;
  /** A signed number. */
  param?: number | null;
  /** How; `rejected` where none. */
  reason?: RejectReason | null;
};

/** How a callee refuses. */
export type RejectReason = 'rejected' | 'busy';

/** `call.rejected` */
export type Rejected = {
  /** An unsigned number, the app's own code. */
  app_code?: number | null;
  /** The app's own bits. */
  app_flags?: number | null;
  /** What lies behind it. */
  cause?: Cause | null;
  /** The number for it. */
  code: number;
  /** Text, at most 8 KiB. */
  content?: string | null;
  /** A signed number. */
  param?: number | null;
  /** How it ended. */
  reason: Refused;
  /** Whose invitation. */
  user: UserId;
};

/** `token.renew`: a new token for the same user. */
export type RenewToken = {
  /** The token. */
  token: Secret;
};

/** A reply: the id of its request with either `ok` or `error`. */
export type Reply = {
  /** Why it was refused. */
  error?: WireError | null;
  /** The request's id. */
  id: number;
  /** What was asked for; an object, of the command's own type below. */
  ok?: Body | null;
};

/** One request of a device; it gets exactly one reply. */
export type Request = {
  /** Chosen by the device, 1 to [`limits::REQUEST_ID_MAX`], rising within the session. */
  id: number;
} & (
  | ({ do: 'hello' } & Hello)
  | ({ do: 'call.start' } & Start)
  | ({ do: 'call.ringing' } & Ringing)
  | ({ do: 'call.accept' } & Accept)
  | ({ do: 'call.reject' } & Reject)
  | ({ do: 'call.cancel' } & Cancel)
  | ({ do: 'call.hangup' } & Hangup)
  | ({ do: 'call.end' } & End)
  | ({ do: 'call.invite' } & Invite)
  | ({ do: 'call.join' } & Join)
  | ({ do: 'call.move' } & Move)
  | ({ do: 'call.media' } & ChangeMedia)
  | ({ do: 'call.media_answer' } & MediaAnswer)
  | ({ do: 'ack' } & Ack)
  | ({ do: 'call.state' } & SetState)
  | ({ do: 'call.send' } & Send)
  | ({ do: 'call.get' } & Get)
  | ({ do: 'message.send' } & SendMessage)
  | ({ do: 'presence.get' } & PresenceOf)
  | ({ do: 'presence.watch' } & PresenceOf)
  | ({ do: 'presence.unwatch' } & PresenceOf)
  | { do: 'availability.get' }
  | ({ do: 'availability.set' } & SetAvailability)
  | ({ do: 'record.list' } & ListRecords)
  | ({ do: 'record.read' } & ReadRecords)
  | ({ do: 'push.set' } & PushSet)
  | ({ do: 'push.clear' } & PushClear)
  | ({ do: 'media.offer' } & MediaOffer)
  | ({ do: 'media.receive' } & MediaReceive)
  | ({ do: 'media.close' } & MediaClose)
  | ({ do: 'media.report' } & MediaReport)
  | ({ do: 'token.renew' } & RenewToken)
  | { do: 'ping' }
  | { do: 'logout' }
);

/** Where a session goes on. */
export type Resume = {
  /** Per call, the cursor of the last event seen. */
  cursors?: { [key: string]: Cursor } | null;
  /** The cursor of the last record seen. */
  records_after?: RecordCursor | null;
  /** The session of the last hello. */
  session: SessionId;
};

/** How a callee is told. */
export type RingMode = 'ring' | 'notify' | 'silent';

/**
 * `call.ringing`: the invitation has reached the app.
 *
 * The device sends it as soon as it rings. The caller hears of a user's first one; a callee whose
 * devices never send it counts as `offline`, cause `silent`.
 */
export type Ringing = {
  /** The call. */
  call: CallId;
};

/** A room number, 1 to 2^31 - 1, unique among live calls. */
export type RoomId = number;

/** Where the media of a call flows. */
export type RoomInfo = {
  /**
   * What the device may send: `audio` is microphone and sound of the screen, `video` camera and
   * screen.
   */
  allow?: Media[];
  /** Relays for a device that cannot reach the server, good for some hours. */
  ice_servers?: IceServer[];
  /** The room. */
  id: RoomId;
  /** Who routes it. */
  media: RoomMedia;
  /** What lets the device in. */
  token?: Secret | null;
  /** Where it is, where the media is not this server's. */
  url?: string | null;
};

/** Who routes the media of a room. */
export type RoomMedia = 'sfu' | 'livekit' | 'external';

/** For whom a call is over. */
export type Scope = 'you' | 'all';

/**
 * A token or password.
 *
 * It cannot be printed by accident: `Debug` shows nothing of it.
 */
export type Secret = string;

/**
 * `call.send`: a message inside a call.
 *
 * For the device in the call; to the others in it, or to those named. Not kept.
 */
export type Send = {
  /** The message: any JSON, at most 32 KiB. */
  body: Body;
  /** The call. */
  call: CallId;
  /** Only these participants. */
  to?: Recipients | null;
};

/**
 * `message.send`: a message to a user.
 *
 * To all their connected devices. Not kept: `received` says whether a device took it.
 */
export type SendMessage = {
  /** The message: any JSON, at most 32 KiB. */
  body: Body;
  /** Whom. */
  to: UserRef;
};

/** An event of a device's connection. */
export type ServerEvent =
  | ({ ev: 'call.state' } & StateEvent)
  | ({ ev: 'call.quality' } & QualityEvent)
  | ({ ev: 'call.message' } & CallMessage)
  | ({ ev: 'media.tracks' } & TracksEvent)
  | ({ ev: 'media.speakers' } & SpeakersEvent)
  | ({ ev: 'media.closed' } & MediaClosedEvent)
  | ({ ev: 'message' } & Message)
  | ({ ev: 'presence' } & PresenceEvent)
  | ({ ev: 'availability' } & Availability)
  | ({ ev: 'record' } & RecordEvent)
  | ({ ev: 'record.read' } & ReadOk)
  | { ev: 'session.replaced' }
  | ({ ev: 'session.token_expiring' } & TokenExpiring)
  | { ev: 'server.draining' }
  | CallEvent;

/** A device's login; `s-` and random characters. */
export type SessionId = string;

/**
 * `availability.set`: changes when and by whom the user wants to be rung.
 *
 * What is absent stays as it was. The answer is the whole of it, and the event `availability`
 * tells the user's other devices.
 */
export type SetAvailability = {
  /** Whom to allow. */
  allow?: UserRef[] | null;
  /** Whom to block. */
  block?: UserRef[] | null;
  /** Whom to allow no longer. */
  disallow?: UserRef[] | null;
  /** Whether nobody but those in `allow` rings. */
  do_not_disturb?: boolean | null;
  /** Whether nobody else than those in `allow` rings at any time. */
  only_allowed?: boolean | null;
  /** The quiet hours, in the place of those before. */
  quiet_hours?: QuietHours | null;
  /** Whom to block no longer. */
  unblock?: UserRef[] | null;
  /** When that ends by itself; for `do_not_disturb: true`, which without it stays on. */
  until?: Timestamp | null;
};

/**
 * `call.state`: what this device publishes. What is absent stays as it was.
 *
 * For the device in the call. The first one of a stay also says that it has entered.
 */
export type SetState = {
  /** Sound. */
  audio?: boolean | null;
  /** The call. */
  call: CallId;
  /** The screen. */
  screen?: boolean | null;
  /** The camera. */
  video?: boolean | null;
};

/** What a track shows or plays. */
export type Source = 'mic' | 'camera' | 'screen' | 'screen_audio';

/** Somebody who speaks. */
export type Speaker = {
  /** How loud, in dBov: 0 is loudest, -127 silence (RFC 6464). */
  level: number;
  /** Who. */
  user: UserId;
};

/** `media.speakers`: who speaks, the loudest first. At most five times a second; the latest wins. */
export type SpeakersEvent = {
  /** The call. */
  call: CallId;
  /** Nobody where empty. */
  speakers: Speaker[];
};

/**
 * `call.start`: asks for a call.
 *
 * The reply holds the call as it was made; that a callee is busy or offline comes as events after
 * it. Who starts a call to someone who is just calling them answers that call instead: the reply
 * names the earlier call, and the start counts as the acceptance.
 *
 * Errors: `busy_self` (`call` names the other call), `invalid`, `rate_limited`, `overloaded`,
 * `denied`.
 */
export type Start = {
  /** An unsigned number, the app's own code. */
  app_code?: number | null;
  /** The app's own bits. */
  app_flags?: number | null;
  /** The app's channel. */
  channel?: Label | null;
  /** Text, at most 8 KiB. */
  content?: string | null;
  /** What may not be sent. */
  forbid?: Forbids | null;
  /** The app's group. */
  group?: Label | null;
  /** Direct or group; by the number of callees where none. */
  kind?: Kind | null;
  /** How long the call may be active, in seconds; the app's setting where none. */
  max_time?: number | null;
  /** What it carries; `video` where none. */
  media?: Media | null;
  /** What it is for; `call` where none. */
  mode?: Mode | null;
  /** A signed number. */
  param?: number | null;
  /** Who may do what in it; where nothing is said, the app's setting. */
  policy?: PolicyAsk | null;
  /** How the callees' sleeping devices are woken. */
  push?: Push | null;
  /** How long an absent callee is waited for, in seconds; the app's setting where none. */
  reach_time?: number | null;
  /** How long callees are rung, in seconds; the app's setting where none. */
  ring_time?: number | null;
  /** The callees; exactly one in a direct call and in `invite` mode. */
  to: Target[];
};

/** `call.start`, `call.accept` and `call.join`. */
export type StartOk = {
  /** The call; after a start that met the callee's own call to the caller, that earlier one. */
  call: CallId;
  /** The whole of it. */
  info: CallInfo;
};

/** `call.started`; the participants are in the event's own `participants`. */
export type Started = {
  /** Where the media flows. */
  room?: RoomInfo | null;
  /** When the conversation began. */
  started_at: Timestamp;
};

/**
 * Where a participant stands.
 *
 * ```text
 *   invited ──▶ ringing ──▶ joined ⇄ dropped
 *      │           │           │        │
 *      ▼           ▼           ▼        ▼
 *   rejected busy offline timed_out   left lost
 *   canceled denied
 * ```
 */
export type State =
  | 'invited'
  | 'ringing'
  | 'joined'
  | 'dropped'
  | 'left'
  | 'rejected'
  | 'busy'
  | 'offline'
  | 'timed_out'
  | 'canceled'
  | 'denied'
  | 'lost';

/** `call.state`: the latest wins; what is absent stays as it was. */
export type StateEvent = {
  /** Sound. */
  audio?: boolean | null;
  /** The call. */
  call: CallId;
  /** The screen. */
  screen?: boolean | null;
  /** Whose. */
  user: UserId;
  /** The camera. */
  video?: boolean | null;
};

/** A callee: a user as in UserRef, or an object that also says how and how long to ring them: `{"user":"bob","ring":"notify","ring_time":30}`. `ring` is a word of RingMode, `ring_time` 5 to 600 seconds. */
export type Target = UserRef | {
    ring?: RingMode | null;
    /** Seconds. */
    ring_time?: number | null;
    uid?: number;
    user?: UserRef;
  };

/** Milliseconds since the Unix epoch, by the server's clock. */
export type Timestamp = number;

/** `session.token_expiring` */
export type TokenExpiring = {
  /** When the token runs out. */
  expires_at: Timestamp;
};

/** A track somebody sends. */
export type Track = {
  /** Whether it is forwarded: not while it is muted or forbidden, whatever is sent. */
  on: boolean;
  /** Which of theirs. */
  source: Source;
  /** Whose. */
  user: UserId;
};

/** `media.tracks`: what the others send. The whole list; the latest wins. */
export type TracksEvent = {
  /** The call. */
  call: CallId;
  /** One for each track. */
  tracks: Track[];
};

/** A user's stable number, 1 to 2^31 - 1, given at the first login. */
export type Uid = number;

/** A user of an app, named by the app. */
export type UserId = string;

/** A user, by id or by number: `"bob"` or `{"uid":18}`. */
export type UserRef = UserId | {
    uid: number;
  };

/** What a receiving m-line is to carry. */
export type Want = {
  /** How high it is shown. */
  height?: number | null;
  /** Which of theirs. */
  source: Source;
  /** Whose. */
  user: UserId;
  /**
   * How wide it is shown, in pixels of the device; with `height` it bounds the layer that is
   * sent. 0: it is not shown, and nothing is sent.
   */
  width?: number | null;
};

/** Who may do a thing in a running group call; each includes the ones before it. */
export type Who = 'caller' | 'joined' | 'invited';

/** An error as sent to a device. */
export type WireError = {
  /** The call it is about. */
  call?: CallId | null;
  /** What went wrong. */
  code: ErrorCode;
  /** The device that was first. */
  device?: DeviceId | null;
  /** When the call ended for the sender. */
  ended_at?: Timestamp | null;
  /** The field that is wrong, such as `to[1].ring_time`. */
  field?: string | null;
  /** What went wrong and what to do, for people. */
  message: string;
  /** The number the older systems know it by, or the business server's own. */
  number?: number | null;
  /** Why the call ended for the sender. */
  reason?: Reason | null;
  /** When to try again, in milliseconds from now. */
  retry_ms?: number | null;
};

/** An answer that says no more than yes. */
export type Empty = { [field: string]: never };

/** The fields of each command, besides `id` and `do`. */
export interface Commands {
  /** Log in. */
  'hello': Hello;
  /** Start a call. */
  'call.start': Start;
  /** The invitation has reached the app. */
  'call.ringing': Ringing;
  /** Answer. */
  'call.accept': Accept;
  /** Refuse. */
  'call.reject': Reject;
  /** Take the invitation back before an answer. */
  'call.cancel': Cancel;
  /** Leave; ends a direct call. */
  'call.hangup': Hangup;
  /** End the call for all. */
  'call.end': End;
  /** Invite more people into a live call. */
  'call.invite': Invite;
  /** Enter a live group call. */
  'call.join': Join;
  /** Take over from another device of the user. */
  'call.move': Move;
  /** Propose another media. */
  'call.media': ChangeMedia;
  /** Answer a proposal. */
  'call.media_answer': MediaAnswer;
  /** Confirm that the device stopped ringing. */
  'ack': Ack;
  /** Tell what this device publishes. */
  'call.state': SetState;
  /** Send a message inside a call. */
  'call.send': Send;
  /** Look at a call and its log. */
  'call.get': Get;
  /** Send a message to a user. */
  'message.send': SendMessage;
  /** Ask who is there. */
  'presence.get': PresenceOf;
  /** Be told from now on who is there. */
  'presence.watch': PresenceOf;
  /** Be told no longer. */
  'presence.unwatch': PresenceOf;
  /** Ask when and by whom the user wants to be rung. */
  'availability.get': { [field: string]: never };
  /** Change it. */
  'availability.set': SetAvailability;
  /** List the user's own records, newest first. */
  'record.list': ListRecords;
  /** Say that missed calls have been seen. */
  'record.read': ReadRecords;
  /** Tell where to wake this device. */
  'push.set': PushSet;
  /** Wake this device no longer. */
  'push.clear': PushClear;
  /** Connect this device's media. */
  'media.offer': MediaOffer;
  /** Choose what is received. */
  'media.receive': MediaReceive;
  /** End this device's media connection. */
  'media.close': MediaClose;
  /** Tell how the media came up. */
  'media.report': MediaReport;
  /** Replace a token that is about to run out. */
  'token.renew': RenewToken;
  /** Ask for an answer; for clients that cannot see WebSocket pings. */
  'ping': { [field: string]: never };
  /** End the session; the device leaves its calls. */
  'logout': { [field: string]: never };
}

/** What `ok` of each command's reply holds. */
export interface Oks {
  'hello': HelloOk;
  'call.start': StartOk;
  'call.ringing': Empty;
  'call.accept': StartOk;
  'call.reject': Empty;
  'call.cancel': Empty;
  'call.hangup': Empty;
  'call.end': Empty;
  'call.invite': InviteOk;
  'call.join': StartOk;
  'call.move': Empty;
  'call.media': Empty;
  'call.media_answer': Empty;
  'ack': Empty;
  'call.state': Empty;
  'call.send': Empty;
  'call.get': GetOk;
  'message.send': Received;
  'presence.get': PresenceOk;
  'presence.watch': PresenceOk;
  'presence.unwatch': PresenceOk;
  'availability.get': Availability;
  'availability.set': Availability;
  'record.list': RecordsOk;
  'record.read': ReadOk;
  'push.set': Empty;
  'push.clear': Empty;
  'media.offer': MediaOfferOk;
  'media.receive': Empty;
  'media.close': Empty;
  'media.report': Empty;
  'token.renew': Empty;
  'ping': Empty;
  'logout': Empty;
}

/** Any frame. */
export type Frame = Request | Reply | ServerEvent;
