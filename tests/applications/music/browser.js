// As much of a browser as the player's page needs, with a clock that stands still unless it is told to go on. Reads the
// page's data and script and a scenario from standard input, and writes what the scenario returns.
"use strict";
const vm = require("vm");

const { data, script, scenario, hasAudio } = JSON.parse(require("fs").readFileSync(0, "utf8"));

/** A parameter of a node: remembers what it was told, as Chromium would keep it. */
class Param {
  constructor(value = 0) { this.value = value; this.events = []; }
  add(kind, value, time) { this.events.push({ kind, value, time }); }
  setValueAtTime(value, time) { this.add("set", value, time); }
  linearRampToValueAtTime(value, time) { this.add("ramp", value, time); }
  setTargetAtTime(value, time) { this.add("target", value, time); }
  cancelScheduledValues(time) { this.events = this.events.filter((event) => event.time < time); }
}

class Node {
  constructor(audio) { this.audio = audio; this.gain = new Param(1); this.pan = new Param(); this.frequency = new Param(); }
  connect(to) { this.to = to; return to; }
  disconnect() { this.to = null; }
}

class Oscillator extends Node {
  setPeriodicWave(wave) { this.wave = wave; }
  start(time) {
    if (time < this.audio.currentTime) throw new Error("begins in the past");
    this.begin = time;
    this.audio.tones.push(this);
  }
  stop(time = 0) { this.end = Math.max(time, this.audio.currentTime); }
}

class AudioContext {
  constructor() { this.currentTime = 10; this.tones = []; this.destination = new Node(this); browser.audio = this; }
  resume() { this.isRunning = true; }
  createOscillator() { return new Oscillator(this); }
  createGain() { return new Node(this); }
  createStereoPanner() { return new Node(this); }
  createPeriodicWave(real, imag) { return Array.from(imag); }
}

const pen = new Proxy({ boxes: [] }, {
  get: (target, name) => name in target ? target[name]
    : name === "fillRect" ? (...box) => target.boxes.push([target.fillStyle, ...box]) : () => undefined,
});

class Element {
  constructor(type = "") {
    Object.assign(this, { type, style: {}, attributes: {}, listeners: {}, children: [], textContent: "" });
    Object.assign(this, { clientWidth: 1000, clientHeight: 400, offsetX: 0 });
  }
  addEventListener(kind, listener) { this.listeners[kind] = listener; }
  setAttribute(name, value) { this.attributes[name] = value; }
  append(...children) { this.children.push(...children); }
  getContext() { return pen; }
}

const elements = { piece: new Element(), play: new Element("button"), stop: new Element("button") };
Object.assign(elements, { position: new Element("range"), tempo: new Element("range") });
elements.piece.textContent = data;
const root = new Element();
const document = {
  documentElement: root,
  getElementById: (id) => elements[id] ||= new Element(),
  createElement: () => new Element(),
  addEventListener: (...given) => root.addEventListener(...given),
};

const browser = {
  audio: null, every: null, interval: null, most: 0, made: 0, elements, pen,
  isTicking: () => browser.interval !== null,
  text: (id) => elements[id].textContent,
  fire: (id, kind, event = {}) => elements[id].listeners[kind]({ target: elements[id], ...event }),
  click: (id, offsetX) => browser.fire(id, "click", { offsetX }),
  set: (id, value) => { elements[id].value = value; browser.fire(id, "input"); },
  key: (key, target = root) => {
    let isTaken = false;
    root.listeners.keydown({ key, target, preventDefault: () => { isTaken = true; } });
    return isTaken;
  },
  hear: (voice, isHeard) => {
    const box = elements.voices.children[voice].children[0];
    box.checked = isHeard;
    box.listeners.change();
  },
  // Timers come when `late` allows: those of a hidden page once a second.
  goOn: (seconds, late = 0) => {
    const { audio } = browser, until = audio.currentTime + seconds;
    for (let due = audio.currentTime; audio.currentTime < until - 1e-9;) {
      audio.currentTime = Math.min(audio.currentTime + 0.05, until);
      for (const tone of audio.tones.filter((tone) => tone.end <= audio.currentTime && !tone.isOver)) {
        tone.isOver = true;
        tone.onended();
      }
      if (browser.interval && audio.currentTime >= due + Math.max(browser.every, late)) {
        due = audio.currentTime;
        browser.interval();
      }
      browser.most = Math.max(browser.most, audio.tones.filter((tone) => !tone.isOver).length);
    }
  },
  // Of each tone that is heard at all: when it begins and when it is let go, both from the clock's beginning; its pitch;
  // and how loud its voice is in the end.
  tones: () => browser.audio.tones.filter((tone) => tone.end > tone.begin).map((tone) => {
    const release = tone.to.gain.events.filter((event) => event.kind === "target").at(-1);
    const voice = tone.to.to?.gain ?? new Param(NaN);
    return {
      begin: tone.begin - 10, end: release.time - 10, frequency: tone.frequency.value,
      voice: voice.events.at(-1)?.value ?? voice.value, pan: tone.to.to?.to.pan.value,
    };
  }),
};

const window = {
  devicePixelRatio: 2,
  addEventListener: () => undefined,
  matchMedia: () => ({ matches: false, addEventListener: () => undefined }),
  ...(hasAudio ? { AudioContext } : {}),
};
const globals = {
  window, document, Float32Array,
  getComputedStyle: () => ({ getPropertyValue: (name) => ` ${name} ` }),
  requestAnimationFrame: () => undefined,
  setInterval: (callback, milliseconds) => {
    browser.interval = callback;
    browser.every = milliseconds / 1000;
    return 1;
  },
  clearInterval: () => { browser.interval = null; },
};
vm.runInNewContext(script, globals);
process.stdout.write(JSON.stringify(new Function("browser", scenario)(browser) ?? null));
