/** Blocks of 16-bit samples at 16,000 Hz from a microphone of any rate. It runs in the browser's thread for sound. */

const RATE = 16_000;
const BLOCK = RATE / 10;
const CROSSINGS = 12;

/** Takes samples at the rate of the context and gives them at `RATE`, by a windowed sinc below both Nyquist limits. */
class Resampler {
  constructor(rate) {
    this.step = rate / RATE;
    this.cutoff = Math.min(1, RATE / rate);
    this.reach = Math.ceil(CROSSINGS / this.cutoff);
    this.heard = new Float32Array(2 * this.reach + 4096);
    this.count = 0;
    // Where the next sample stands among those heard; before the first one there is silence.
    this.place = this.reach;
    this.count = this.reach;
  }

  feed(samples, on_sample) {
    this.heard.set(samples, this.count);
    this.count += samples.length;
    while (this.place + this.reach < this.count) {
      on_sample(this.step === 1 ? this.heard[this.place] : this.at(this.place));
      this.place += this.step;
    }
    const done = Math.floor(this.place) - this.reach;
    this.heard.copyWithin(0, done, this.count);
    this.count -= done;
    this.place -= done;
  }

  at(place) {
    let sum = 0;
    const first = Math.ceil(place - this.reach);
    for (let index = first; index <= place + this.reach; index++) {
      const x = (index - place) * this.cutoff;
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
      const window = 0.5 + 0.5 * Math.cos((Math.PI * x) / (CROSSINGS + 1));
      sum += this.heard[index] * sinc * window * this.cutoff;
    }
    return sum;
  }
}

class Blocks extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate);
    this.block = new Int16Array(BLOCK);
    this.filled = 0;
  }

  process([channels]) {
    if (channels.length) this.resampler.feed(mono(channels), (sample) => this.take(sample));
    return true;
  }

  take(sample) {
    this.block[this.filled++] = Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
    if (this.filled < BLOCK) return;
    this.port.postMessage(this.block.slice());
    this.filled = 0;
  }
}

function mono(channels) {
  if (channels.length === 1) return channels[0];
  return channels[0].map((_, index) => channels.reduce((sum, one) => sum + one[index], 0) / channels.length);
}

registerProcessor("blocks", Blocks);
