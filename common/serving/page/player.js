/** Plays held notes by oscillators whose loudness rises and falls softly. */

// A hidden page's timers run once a second, so notes are scheduled further ahead than that.
const AHEAD = 1.5, EVERY_MS = 200, DELAY = 0.08;
const ATTACK = 0.025, RELEASE = 0.12, SILENT = 0.0001;
const LOUDNESS = 0.5;

const frequency_of = (note) => 440 * 2 ** ((note - 69) / 12);

/**
 * Begins to play and returns `{stop, position}`: what ends it, and a function that tells the step that sounds.
 *
 * It must be called as an answer to a click or a key, or else browsers keep the sound back.
 */
export function play(held, { step_seconds, steps, voices, on_end }) {
  const context = new AudioContext();
  const all = new GainNode(context, { gain: LOUDNESS / Math.max(1, voices) });
  all.connect(context.destination);
  context.resume();
  const begin = context.currentTime + DELAY;
  let next = 0;

  const schedule = () => {
    const until = context.currentTime + AHEAD;
    for (; next < held.length && begin + held[next].start * step_seconds < until; next += 1) {
      sound(context, all, held[next], begin, step_seconds);
    }
    if (context.currentTime > begin + steps * step_seconds + RELEASE) stop();
  };
  const stop = () => {
    if (context.state === "closed") return;
    clearInterval(timer);
    context.close();
    on_end();
  };
  const timer = setInterval(schedule, EVERY_MS);
  schedule();
  return { stop, position: () => (context.currentTime - begin) / step_seconds };
}

function sound(context, output, { start, end, note }, begin, step_seconds) {
  const on = begin + start * step_seconds, off = begin + end * step_seconds;
  const loudness = new GainNode(context, { gain: 0 });
  loudness.gain.setValueAtTime(0, on);
  loudness.gain.linearRampToValueAtTime(1, on + ATTACK);
  loudness.gain.setTargetAtTime(0.6, on + ATTACK, 0.3);
  loudness.gain.setTargetAtTime(SILENT, Math.max(off - RELEASE / 2, on + ATTACK), RELEASE / 4);
  loudness.connect(output);
  const tone = new OscillatorNode(context, { type: "triangle", frequency: frequency_of(note) });
  tone.connect(loudness);
  tone.start(on);
  tone.stop(off + RELEASE);
}
