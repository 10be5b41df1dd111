import type { Citation } from './verdicts.ts';
export const citations: Readonly<Record<string, readonly Citation[]>> = {};
