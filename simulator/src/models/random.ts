/**
 * Counter-based randomness: any draw can be had directly from (seed, stream, index), without drawing the ones before it. That is
 * what lets a model answer for a moment 30 days ago and for now from one and the same curve. Not for secrets.
 */
export function bits(seed: number, stream: number, index: number): number {
  let h = Math.imul(seed ^ Math.imul(stream + 1, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(index | 0, 0xc2b2ae35);
  h ^= Math.imul(Math.floor(index / 0x1_0000_0000) | 0, 0x27d4eb2f);
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  return (h ^ (h >>> 13)) >>> 0;
}

/** Evenly spread over [0, 1). */
export const uniform = (seed: number, stream: number, index: number): number =>
  bits(seed, stream, index) / 0x1_0000_0000;

/** Near enough to a normal distribution (mean 0, deviation 1, never beyond ±3.5): the sum of the draw's four bytes. */
export function gaussian(seed: number, stream: number, index: number): number {
  const h = bits(seed, stream, index);
  return ((h & 255) + ((h >>> 8) & 255) + ((h >>> 16) & 255) + (h >>> 24) - 510) / 147.8;
}

/** A seed from a name, so that a device keeps its curve when others are added or removed. */
export function seedOf(text: string): number {
  let h = 0x811c9dc5;
  for (const character of text) h = Math.imul(h ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return bits(h, 0, 0);
}
