import type { Incoming } from '@bellwire/client';
import { button, h } from './dom.js';
import { attempt, tell } from './notices.js';
import { outcomeText } from './outcome.js';
import { ring } from './tone.js';

/** Rings for a call until it is answered, here or elsewhere, or is over. */
export function ringing(incoming: Incoming, answered: (media: 'audio' | 'video') => void): void {
  const { call, from, note } = incoming;
  const who = from ?? 'Somebody';
  const isVideo = call.info.media === 'video';
  const others = call.participants
    .map(({ user }) => user)
    .filter((user) => user !== from && user !== call.own?.user);
  const silence = ring();
  const title = document.title;
  document.title = `${who} is calling`;

  const dialog = h('dialog', {
    class: 'ringing',
    role: 'alertdialog',
    'aria-labelledby': 'ringing-title',
  });
  const stop = () => {
    silence();
    document.title = title;
    dialog.close();
    dialog.remove();
    off();
  };
  const off = call.on('over', (outcome) => {
    stop();
    tell(outcomeText(outcome));
  });
  const accept = (media: 'audio' | 'video') => async () => {
    const lowered = isVideo && media === 'audio' ? { media } : {};
    if (await attempt('Not answered', () => call.accept(lowered))) {
      stop();
      answered(media);
    }
  };
  const reject = async () => {
    stop();
    await attempt('Not refused', () => call.reject());
  };
  dialog.append(
    h('h2', { id: 'ringing-title' }, `${who} is calling`),
    h('p', {}, isVideo ? 'Video call' : 'Audio call'),
    ...(others.length > 0 ? [h('p', {}, `with ${others.join(', ')}`)] : []),
    ...(note.content ? [h('p', { class: 'note' }, note.content)] : []),
    h(
      'div',
      { class: 'buttons' },
      button(isVideo ? 'Answer with video' : 'Answer', accept(isVideo ? 'video' : 'audio'), {
        class: 'go',
        autofocus: true,
      }),
      isVideo && button('Answer with sound only', accept('audio')),
      button('Refuse', reject, { class: 'stop' }),
    ),
  );
  // Escape is pressed for many reasons; a call is refused by its button.
  dialog.addEventListener('cancel', (event) => event.preventDefault());
  document.body.append(dialog);
  dialog.showModal();
}
