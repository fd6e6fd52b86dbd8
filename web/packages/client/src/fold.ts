import type { CallEvent, CallInfo, ParticipantInfo } from './wire.js';

/**
 * The call after an event. Every event says where those it concerns stand now, so nothing is
 * worked out here that the server has not said.
 */
export function fold(info: CallInfo, event: CallEvent): CallInfo {
  const next: CallInfo = {
    ...info,
    seq: event.seq,
    cursor: event.cursor,
    participants: merge(info.participants, event.participants ?? []),
  };
  switch (event.ev) {
    case 'call.invited':
      return { ...event.info, seq: event.seq, cursor: event.cursor };
    case 'call.started':
      next.phase = 'active';
      next.started_at = event.started_at;
      if (event.room) next.room = event.room;
      break;
    case 'call.accepted':
    case 'call.media_changed':
      next.media = event.media;
      break;
    case 'call.added':
      next.kind = 'group';
      break;
    case 'call.ended':
      next.ended = event.ended;
      next.room = null;
      if (event.ended.scope === 'all') next.phase = 'ended';
      break;
    case 'call.canceled':
    case 'call.elsewhere':
      next.room = null;
      break;
    // The others are about participants alone, or of an edition that we do not know.
    default:
      break;
  }
  return next;
}

/** Those known, as the newer list has them, then those it adds. */
export function merge(known: ParticipantInfo[], newer: ParticipantInfo[]): ParticipantInfo[] {
  const byUser = new Map(known.map((participant) => [participant.user, participant]));
  for (const participant of newer) byUser.set(participant.user, participant);
  return [...byUser.values()];
}
