import type { SecurityStatistics } from '@valtronics/contract';
import type { Reader } from '../../security/audit/tokens.ts';
import {
  countAddresses,
  countBlockedAddresses,
  countDetections,
  countEvents,
  type EventCounts,
  peakHour,
} from './statistics.repository.ts';

export type Range = SecurityStatistics['range'];

const HOUR_MS = 3_600_000;
const spans: Record<Range, number> = { '24h': 24 * HOUR_MS, '7d': 7 * 24 * HOUR_MS, '30d': 30 * 24 * HOUR_MS };
/** Less of a change is noise. */
const STABLE_WITHIN = 0.1;

/** The overview's figures. Each is a count over the table that `GET /security-events` lists, so each can be opened on what it counts. */
export async function statisticsOf(reader: Reader, range: Range, now: Date): Promise<SecurityStatistics> {
  const length = spans[range];
  const span = { from: new Date(now.getTime() - length), to: now };
  const before = { from: new Date(span.from.getTime() - length), to: span.from };
  const counts = await countEvents(reader, span);
  const earlier = await countEvents(reader, before);
  const addresses = await countAddresses(reader, span);
  const detections = await countDetections(reader, span);
  const detectedBefore = sumOf(await countDetections(reader, before));
  const peak = await peakHour(reader, span);
  return {
    range,
    from: span.from.toISOString(),
    to: span.to.toISOString(),
    failedAttempts: {
      total: sumOf(counts.filter(isFailedAttempt)),
      uniqueAddresses: addresses.failed,
      trend: trendOf(sumOf(counts.filter(isFailedAttempt)), sumOf(earlier.filter(isFailedAttempt))),
      peakHour: peak?.toISOString() ?? null,
    },
    suspicious: {
      total: sumOf(detections),
      byType: Object.fromEntries(detections.map(({ scenario, total }) => [scenario, total])),
      addresses: addresses.suspicious,
      trend: trendOf(sumOf(detections), detectedBefore),
    },
    blocked: {
      blocks: sumOf(counts.filter(isBlock)),
      addresses: await countBlockedAddresses(reader, span),
      refused: sumOf(counts.filter(isTurnedAway)),
      trend: trendOf(sumOf(counts.filter(isBlock)), sumOf(earlier.filter(isBlock))),
    },
    events: {
      total: sumOf(counts),
      byCategory: grouped(counts, 'category'),
      byLevel: grouped(counts, 'level'),
      byAction: grouped(counts, 'action'),
    },
  };
}

const isFailedAttempt = ({ category, outcome }: EventCounts): boolean =>
  category === 'authentication' && outcome === 'failure';
const isBlock = ({ action }: EventCounts): boolean => action === 'block.created';
const isTurnedAway = ({ action }: EventCounts): boolean => action === 'block.enforced' || action === 'request.blocked';

const sumOf = (counts: readonly { total: number }[]): number => counts.reduce((sum, { total }) => sum + total, 0);

function grouped(counts: readonly EventCounts[], by: 'category' | 'level' | 'action'): Record<string, number> {
  const groups: Record<string, number> = {};
  for (const each of counts) groups[each[by]] = (groups[each[by]] ?? 0) + each.total;
  return groups;
}

function trendOf(now: number, before: number): 'increasing' | 'stable' | 'decreasing' {
  if (Math.abs(now - before) <= before * STABLE_WITHIN) return 'stable';
  return now > before ? 'increasing' : 'decreasing';
}
