/** What an attack is after, by a public name: add, never rename. */
export const attackClasses = [
  'sql_injection',
  'nosql_injection',
  'cross_site_scripting',
  'path_traversal',
  'command_injection',
  'template_injection',
  'jndi_injection',
  'prototype_pollution',
  'request_forgery',
  'xml_injection',
  'scanner',
  'evasion',
] as const;
export type AttackClass = (typeof attackClasses)[number];

/** One thing to look for: any of its patterns (`pattern.ts`), which count once. */
export interface Signature {
  /** Public: it is the reason of a security event. */
  readonly id: string;
  readonly class: AttackClass;
  /** CWE or MITRE ATT&CK. */
  readonly reference: `CWE-${number}` | `T${number}` | `T${number}.${string}`;
  /** What it adds to its class; at `BLOCK_AT` a value is refused, at `DETECT_AT` it is reported. */
  readonly score: number;
  readonly patterns: readonly string[];
  /** Looked for in these places only; everywhere unless told. */
  readonly in?: 'key' | 'path' | 'user-agent';
}

export const BLOCK_AT = 5;
export const DETECT_AT = 3;
