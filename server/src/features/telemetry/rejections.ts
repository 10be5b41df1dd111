import type { Rejection } from '@valtronics/contract';
import { MAX_SERIES_PER_DEVICE } from './series.repository.ts';
import type { KnownSeries } from './series-cache.ts';

/** Another organisation's device and one that does not exist are refused in the same words. */
export const unknownDevice = (index: number): Rejection => ({
  index,
  code: 'unknown_device',
  detail: 'deviceId: no such device',
});

export const withoutDevice = (index: number): Rejection => ({
  index,
  code: 'invalid_point',
  detail: 'deviceId: required unless a device sends its own points',
});

export const tooManySeries = (index: number): Rejection => ({
  index,
  code: 'too_many_series',
  detail: `metric: this device already has ${MAX_SERIES_PER_DEVICE} of them`,
});

export const typeMismatch = (index: number, { metric, valueType }: KnownSeries): Rejection => ({
  index,
  code: 'type_mismatch',
  detail: `value: ${metric} holds values of type ${valueType}, as its first one`,
});
