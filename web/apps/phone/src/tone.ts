/** Tones without a file: what rings here, and what the caller hears while it rings there. */

const RING = { hz: [440, 554], onMs: 400, offMs: 200, times: 2, pauseMs: 2_000 };
const BACK = { hz: [425, 425], onMs: 1_000, offMs: 0, times: 1, pauseMs: 4_000 };

/** A phone's ring; the function returned stops it. */
export function ring(): () => void {
  return play(RING);
}

/** The caller's ringing tone; the function returned stops it. */
export function ringBack(): () => void {
  return play(BACK);
}

function play({ hz, onMs, offMs, times, pauseMs }: typeof RING): () => void {
  // Without a click on the page before, the browser keeps it silent; the page shows the call anyway.
  const context = new AudioContext();
  const volume = new GainNode(context, { gain: 0 });
  volume.connect(context.destination);
  for (const frequency of hz) {
    const tone = new OscillatorNode(context, { frequency });
    tone.connect(volume);
    tone.start();
  }
  const round = () => {
    for (let time = 0; time < times; time += 1) {
      const at = context.currentTime + (time * (onMs + offMs)) / 1000;
      volume.gain.setTargetAtTime(0.08, at, 0.01);
      volume.gain.setTargetAtTime(0, at + onMs / 1000, 0.01);
    }
  };
  round();
  const timer = setInterval(round, times * (onMs + offMs) + pauseMs);
  return () => {
    clearInterval(timer);
    void context.close();
  };
}
