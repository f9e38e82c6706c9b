/** Words in what a model of speech commands says while it listens: one detection for each word that is spoken. */

const OPTIONS = { smoothing: 0.2, threshold: 0.9, refractory: 0.6 };
const NO_WORDS = new Set(["_silence_", "_unknown_"]);
// Times are sums of tenths.
const TINY = 1e-6;

/**
 * Makes a function `(time, probabilities) => {time, label, probability} or null` that hears the frames of a recording
 * one after another; `time` is the end of the frame in seconds.
 *
 * The probabilities are averaged over the last frames. A word whose average reaches the threshold is followed for as
 * long as the smoothing takes, or until its average falls; the highest decides. Nothing else is heard in the refractory
 * time after it, and the same word again only once its average has been below the threshold.
 */
export function detector(labels, options = OPTIONS) {
  const { smoothing, threshold, refractory } = { ...OPTIONS, ...options };
  const armed = labels.map(() => true);
  let recent = [], crossed = -Infinity, followed = null;

  const finish = () => {
    const detection = followed;
    armed[labels.indexOf(detection.label)] = false;
    followed = null;
    return detection;
  };

  const follow = (time, label, probability) => {
    const is_falling = probability < followed.probability;
    if (probability > followed.probability) followed = { time: crossed, label, probability };
    return is_falling || time >= crossed + smoothing - TINY ? finish() : null;
  };

  return (time, probabilities) => {
    recent = [...recent, { time, probabilities }].filter((one) => one.time > time - smoothing + TINY || one.time === time);
    const average = labels.map((label, at) =>
      NO_WORDS.has(label) ? 0 : recent.reduce((sum, one) => sum + one.probabilities[at], 0) / recent.length);
    average.forEach((value, at) => { armed[at] ||= value < threshold; });
    const free = average.map((value, at) => (armed[at] ? value : 0));
    const best = free.indexOf(Math.max(...free));
    if (followed) return follow(time, labels[best], average[best]);
    if (time >= crossed + refractory - TINY && armed[best] && average[best] >= threshold) {
      crossed = time;
      followed = { time, label: labels[best], probability: average[best] };
    }
    return null;
  };
}
