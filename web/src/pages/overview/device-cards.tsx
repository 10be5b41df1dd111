import { Skeleton } from '@mantine/core';
import { useElementSize, useMergedRef } from '@mantine/hooks';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { Link } from 'react-router';
import { formatValue } from '../../ui/format-value.ts';
import { paths } from '../../ui/paths.ts';
import { DeviceStatusLabel, SeverityBadge } from '../../ui/severity.tsx';
import { DeviceCurve, LastSeen, useMainReading } from '../devices/device-cells.tsx';
import classes from './device-cards.module.css';
import type { FleetRow } from './use-fleet-rows.ts';

interface Props {
  rows: readonly FleetRow[];
  loading: boolean;
  hours: number;
  empty: ReactNode;
  onVisible: (rows: readonly FleetRow[]) => void;
  onEndReached?: (() => void) | undefined;
}

const cardWidth = 232;
const rowHeight = 132;

/** The same rows as cards; only those on the screen exist. */
export function DeviceCards({ rows, loading, hours, empty, onVisible, onEndReached }: Props) {
  const { ref, width } = useElementSize<HTMLUListElement>();
  const list = useRef<HTMLUListElement>(null);
  const listRef = useMergedRef(ref, list);
  const [scrollMargin, setScrollMargin] = useState(0);
  useLayoutEffect(() => {
    const top = list.current ? list.current.getBoundingClientRect().top + window.scrollY : 0;
    if (Math.abs(top - scrollMargin) > 1) setScrollMargin(top);
  });
  const perLine = Math.max(1, Math.floor((width + 12) / (cardWidth + 12)));
  const lines = Math.ceil(rows.length / perLine);
  const virtual = useWindowVirtualizer({ count: lines, estimateSize: () => rowHeight, overscan: 4, scrollMargin });
  const items = virtual.getVirtualItems();
  const first = (items[0]?.index ?? 0) * perLine;
  const last = ((items.at(-1)?.index ?? -1) + 1) * perLine;
  useEffect(() => {
    onVisible(rows.slice(first, last));
    if (rows.length > 0 && last >= rows.length - perLine * 4) onEndReached?.();
  }, [rows, first, last, perLine, onVisible, onEndReached]);
  if (loading) return <Skeleton height={rowHeight * 3} />;
  if (rows.length === 0) return empty;
  return (
    <ul ref={listRef} className={classes.cards} style={{ height: virtual.getTotalSize() }}>
      {rows.slice(first, last).map((row, offset) => {
        const index = first + offset;
        const left = `calc((100% + 12px) / ${perLine} * ${index % perLine})`;
        const top = Math.floor(index / perLine) * rowHeight;
        return (
          <li
            key={row.id}
            className={classes.card}
            style={{ left, top, width: `calc((100% + 12px) / ${perLine} - 12px)` }}
          >
            <DeviceCard row={row} hours={hours} />
          </li>
        );
      })}
    </ul>
  );
}

function DeviceCard({ row, hours }: { row: FleetRow; hours: number }) {
  const { main } = useMainReading(row.id, hours);
  return (
    <Link to={paths.device(row.id)} className={classes.link}>
      <span className={classes.line}>
        <b className="truncate">{row.name}</b>
        {row.worst ? (
          <SeverityBadge severity={row.worst} muted={row.acknowledged} />
        ) : (
          <DeviceStatusLabel status={row.status} />
        )}
      </span>
      <span className={classes.line}>
        <span className={classes.value}>{formatValue(main?.value, main?.unit)}</span>
        <span className="dim truncate">{main?.metric}</span>
      </span>
      <DeviceCurve id={row.id} hours={hours} />
      <span className={`${classes.line} dim`}>
        <span className="truncate">{row.location ?? 'No location'}</span>
        <LastSeen device={row} />
      </span>
    </Link>
  );
}
