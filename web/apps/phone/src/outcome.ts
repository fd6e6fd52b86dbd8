import type { Outcome, wire } from '@bellwire/client';

/** How a call ended, in words. */
export function outcomeText(outcome: Outcome): string {
  switch (outcome.ev) {
    case 'call.elsewhere':
      return outcome.how === 'moved'
        ? 'The call goes on at your other device.'
        : `${outcome.how === 'accepted' ? 'Answered' : 'Refused'} on your other device.`;
    case 'call.canceled':
      return outcome.reason === 'timeout' ? 'You missed a call.' : 'The caller gave up.';
    default:
      return endText(outcome.ended.reason, outcome.ended.scope);
  }
}

function endText(reason: wire.Reason, scope: wire.Scope): string {
  switch (reason) {
    case 'completed':
      return scope === 'you' ? 'You left the call.' : 'The call has ended.';
    case 'canceled':
      return 'The call was taken back.';
    case 'rejected':
      return 'The call was refused.';
    case 'busy':
      return 'Busy: they are in another call.';
    case 'offline':
      return 'They cannot be reached now.';
    case 'timeout':
      return 'Nobody answered.';
    case 'disconnected':
      return 'The connection was lost for too long.';
    default:
      return `The call has ended (${reason}).`;
  }
}

/** A finished call in the history, as this user saw it. */
export function recordText(record: wire.Record, me: string): { who: string; what: string } {
  const others = record.legs.map(({ user }) => user).filter((user) => user !== me);
  const mine = record.legs.find(({ user }) => user === me);
  const isOut = record.caller === me;
  const wasIn = (mine?.duration_ms ?? 0) > 0;
  let what = isOut ? 'called' : wasIn ? 'answered' : 'missed';
  if (wasIn) what += `, ${duration(mine?.duration_ms ?? 0)}`;
  else if (record.reason !== 'completed') what += `, ${record.reason}`;
  return { who: others.join(', '), what };
}

/** As a clock shows it: 1:05, 1:01:05. */
export function duration(ms: number): string {
  const seconds = Math.floor(Math.max(ms, 0) / 1000);
  const [hours, minutes, rest] = [
    Math.floor(seconds / 3600),
    Math.floor(seconds / 60) % 60,
    seconds % 60,
  ];
  const two = (number: number) => String(number).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** How a connection is, by the server's marks: 1 is best, 0 is not known. */
export function qualityText(mark: number): string {
  return ['', 'excellent', 'good', 'fair', 'poor', 'bad'][mark] ?? '';
}
