const plain = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 4, useGrouping: false });
const large = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** Four figures are what a sensor knows and a glance can hold. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1e9 || (size > 0 && size < 1e-3)) return value.toExponential(2);
  return (size >= 1000 ? large : plain).format(value).replace('-', '−');
}

export const countText = (count: number) => large.format(count);

export function formatValue(value: number | boolean | string | null | undefined, unit?: string | null): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value === 'string') return value;
  return unit ? `${formatNumber(value)} ${unit}` : formatNumber(value);
}

/** `air_quality` → `Air quality`; the names people gave stay recognisable. */
export function humanName(text: string): string {
  const words = text.replace(/[_-]+/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
