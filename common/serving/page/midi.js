/** Standard MIDI files of held notes. Over REST the answer of a signature would not do: a MIDI file is no text. */

const TICKS = 480;
const VELOCITY = 80, STRINGS = 48;
const NOTE_OFF = 0x80, NOTE_ON = 0x90, PROGRAM = 0xc0;
const DRUMS = 9;

/**
 * The bytes of a file of format 0, with a channel for each voice.
 *
 * @param {object[]} held notes, `{start, end, note, voice}` in steps, see `held_notes`.
 * @param {object} options `steps` that the piece lasts, `steps_per_quarter`, `tempo` in quarters a minute, `voices`.
 */
export function midi_of(held, { steps, steps_per_quarter, tempo, voices }) {
  const tick = (step) => Math.round((step * TICKS) / steps_per_quarter);
  const events = [...held.flatMap((one) => ends_of(one, tick)), { at: tick(steps), order: 2, bytes: [0xff, 0x2f, 0] }];
  // At the same moment notes end before others begin.
  events.sort((one, other) => one.at - other.at || one.order - other.order);
  const since = (at, index) => at - (events[index - 1]?.at ?? 0);
  const track = [
    ...[0, 0xff, 0x51, 3, ...big_endian(Math.round(6e7 / tempo), 3)],
    ...Array.from({ length: voices }, (_, voice) => [0, PROGRAM + channel_of(voice), STRINGS]).flat(),
    ...events.flatMap(({ at, bytes }, index) => [...septets(since(at, index)), ...bytes]),
  ];
  return new Uint8Array([
    ...letters("MThd"), ...big_endian(6, 4), ...big_endian(0, 2), ...big_endian(1, 2), ...big_endian(TICKS, 2),
    ...letters("MTrk"), ...big_endian(track.length, 4), ...track,
  ]);
}

const ends_of = ({ start, end, note, voice }, tick) => [
  { at: tick(start), order: 1, bytes: [NOTE_ON + channel_of(voice), note, VELOCITY] },
  { at: tick(end), order: 0, bytes: [NOTE_OFF + channel_of(voice), note, VELOCITY] },
];

const channel_of = (voice) => (voice < DRUMS ? voice : voice + 1) % 16;

const letters = (text) => [...text].map((letter) => letter.charCodeAt(0));

const big_endian = (value, count) => Array.from({ length: count }, (_, place) => (value >> (8 * (count - 1 - place))) & 0xff);

/** A number as MIDI writes times: seven bits a byte, the highest bit set in all but the last. */
function septets(value) {
  const last = value & 0x7f, before = value >> 7;
  return before ? [...septets(before).map((byte) => byte | 0x80), last] : [last];
}
