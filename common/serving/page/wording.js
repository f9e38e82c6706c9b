/** A number with its noun: "1 step", "2 steps". */
export const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
