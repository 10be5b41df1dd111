import type { BackupDrill, PointInTime } from '@valtronics/contract';

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function bytesText(bytes: number): string {
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

export function everyText(hours: number): string {
  if (hours === 0) return 'only when told';
  if (hours % 24 !== 0) return hours === 1 ? 'every hour' : `every ${hours} hours`;
  return hours === 24 ? 'every day' : `every ${hours / 24} days`;
}

export const checkWords: Record<BackupDrill['checks'][number]['check'], string> = {
  load: 'Can be loaded',
  rows: 'Rows are all there',
  audit_log: 'Audit log is as signed',
  sealed_values: 'Sealed values open',
  erasures: 'Who was erased stays erased',
};

/** What to do about it is among the words, where something can be done. */
export const whyOff: Record<NonNullable<PointInTime['off']>, string> = {
  other_database:
    'Not available: DATABASE_URL names a database of your own, whose log is its own tools’ to keep. Backups can be restored; moments between them cannot.',
  no_place: 'Not available yet: there is no place for backups, or nobody who could open them.',
  turned_off:
    'Off: VALTRONICS_BACKUP_POINT_IN_TIME_DAYS is 0. Set to 7, any moment of the last seven days can be gone back to, and not only those of backups.',
};
