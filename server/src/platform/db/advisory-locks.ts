/**
 * Numbers of PostgreSQL's advisory locks, of which a database has one space: two things with one number would wait for each other. 7126005 is
 * taken by a migration (who makes accounts waits for whoever else does). What is one of many, as a lock of an organisation, is hashed from a name.
 */
export const advisoryLocks = {
  /** Whoever appends security events holds it until the commit, so positions are in the order of commits. */
  securityEvents: 7_126_001,
  /** One server at a time detects. */
  detection: 7_126_002,
  /** Held in the platform's own database for as long as a drill takes. */
  drill: 7_126_003,
  /** One server at a time has a schedule of backups. */
  backupSchedule: 7_126_004,
  /** Whoever seals again holds it, for as long as that takes. */
  keyRotation: 7_126_006,
} as const;
