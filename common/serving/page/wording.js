/** A number with its noun: "1 step", "2 steps"; `nouns` where there is more to do than to add an s. */
export const counted = (count, noun, nouns = `${noun}s`) => `${count} ${count === 1 ? noun : nouns}`;
