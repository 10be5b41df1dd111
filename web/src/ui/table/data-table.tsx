import { Checkbox, Skeleton, VisuallyHidden } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import {
  type CSSProperties,
  type KeyboardEvent,
  type ReactNode,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import classes from './data-table.module.css';
import { type Column, MemoRow, type RowActions } from './table-row.tsx';

export type { Column } from './table-row.tsx';

export interface Selection {
  readonly ids: ReadonlySet<string>;
  readonly onChange: (ids: ReadonlySet<string>) => void;
  /** What a row is called to a screen reader. */
  readonly nameOf: (id: string) => string;
}

interface Props<Row extends { id: string }> {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  /** How many there are in all, when known. */
  total?: number | undefined;
  rowHeight?: number;
  loading?: boolean;
  empty: ReactNode;
  selection?: Selection | undefined;
  sort?: { value: string; onChange: (value: string) => void } | undefined;
  onEndReached?: (() => void) | undefined;
  /** The rows on the screen, to load what they need beside themselves. */
  onVisible?: ((rows: readonly Row[]) => void) | undefined;
  onRowClick?: ((row: Row) => void) | undefined;
}

const skeletonRows = 12;

/** A table of any length: the page scrolls, and only the rows on the screen exist. */
export function DataTable<Row extends { id: string }>(props: Props<Row>) {
  const { label, columns, rows, total, rowHeight = 40, loading, empty, selection, sort, onRowClick } = props;
  const { ref: sizeRef, width } = useElementSize();
  const bodyRef = useRef<HTMLTableSectionElement>(null);
  const [scrollMargin, setScrollMargin] = useState(0);
  useLayoutEffect(() => {
    const top = bodyRef.current ? bodyRef.current.getBoundingClientRect().top + window.scrollY : 0;
    if (Math.abs(top - scrollMargin) > 1) setScrollMargin(top);
  });
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => rowHeight,
    overscan: 8,
    scrollMargin,
    getItemKey: (index) => rows[index]?.id ?? index,
  });
  const items = virtual.getVirtualItems();
  useVisibleRows(props, items[0]?.index ?? 0, items.at(-1)?.index ?? -1);

  const shown = useMemo(() => columns.filter(({ from = 0 }) => width === 0 || width >= from), [columns, width]);
  const actions = useRowActions(props);
  const template = [selection ? '32px' : '', ...shown.map((column) => column.width)].join(' ');
  const track = { gridTemplateColumns: template };

  return (
    <div ref={sizeRef} className={classes.frame}>
      <table
        className={classes.table}
        aria-label={label}
        aria-rowcount={(total ?? rows.length) + 1}
        aria-busy={loading}
        onKeyDown={moveBetweenRows}
      >
        <thead className={classes.head}>
          <tr className={classes.row} style={track} aria-rowindex={1}>
            {selection ? <SelectAll rows={rows} selection={selection} /> : null}
            {shown.map((column) => (
              <HeaderCell key={column.key} column={column} sort={sort} />
            ))}
          </tr>
        </thead>
        {loading ? (
          <SkeletonRows keys={shown.map(({ key }) => key)} style={{ ...track, height: rowHeight }} lead={!!selection} />
        ) : (
          <tbody ref={bodyRef} className={classes.body} style={{ height: virtual.getTotalSize() }}>
            {items.map(({ key, index, start }) => {
              const row = rows[index];
              if (!row) return null;
              return (
                <MemoRow
                  key={key}
                  row={row}
                  index={index}
                  columns={shown}
                  template={template}
                  height={rowHeight}
                  top={start - scrollMargin}
                  selected={selection ? selection.ids.has(row.id) : undefined}
                  actions={actions}
                  isClickable={onRowClick !== undefined}
                />
              );
            })}
          </tbody>
        )}
      </table>
      {!loading && rows.length === 0 ? empty : null}
    </div>
  );
}

function SkeletonRows({ keys, style, lead }: { keys: readonly string[]; style: CSSProperties; lead: boolean }) {
  return (
    <tbody>
      {Array.from({ length: skeletonRows }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: placeholders have no identity
        <tr key={index} className={classes.row} style={style}>
          {lead ? <td className={classes.cell} /> : null}
          {keys.map((key) => (
            <td key={key} className={classes.cell}>
              <Skeleton height={10} width={`${40 + ((index * 17 + key.length * 9) % 40)}%`} />
            </td>
          ))}
        </tr>
      ))}
    </tbody>
  );
}

/** What rows call, the same objects for ever: scrolling then draws only the rows that come into sight. */
function useRowActions<Row extends { id: string }>(props: Props<Row>): RowActions<Row> {
  const latest = useRef(props);
  useLayoutEffect(() => {
    latest.current = props;
  });
  return useMemo(
    () => ({
      open: (row) => latest.current.onRowClick?.(row),
      nameOf: (id) => latest.current.selection?.nameOf(id) ?? id,
      toggle: (id) => {
        const { selection } = latest.current;
        if (!selection) return;
        const next = new Set(selection.ids);
        if (!next.delete(id)) next.add(id);
        selection.onChange(next);
      },
    }),
    [],
  );
}

function useVisibleRows<Row extends { id: string }>(props: Props<Row>, first: number, last: number) {
  const { rows, onVisible, onEndReached } = props;
  useEffect(() => {
    if (last < 0) return;
    onVisible?.(rows.slice(first, last + 1));
    if (last >= rows.length - 20) onEndReached?.();
  }, [rows, first, last, onVisible, onEndReached]);
}

function HeaderCell<Row>({ column, sort }: { column: Column<Row>; sort: Props<Row & { id: string }>['sort'] }) {
  const { header, headerHidden, sort: key, align } = column;
  const direction = sort?.value === key ? 'ascending' : sort?.value === `-${key}` ? 'descending' : undefined;
  if (!key || !sort) {
    return (
      <th scope="col" className={classes.cell} data-align={align}>
        {headerHidden ? <VisuallyHidden>{header}</VisuallyHidden> : header}
      </th>
    );
  }
  const Arrow = direction === 'descending' ? IconArrowDown : IconArrowUp;
  return (
    <th scope="col" className={classes.cell} data-align={align} aria-sort={direction ?? 'none'}>
      <button
        type="button"
        className={classes.sort}
        onClick={() => sort.onChange(direction === 'ascending' ? `-${key}` : key)}
      >
        {header}
        {direction ? <Arrow size={12} aria-hidden /> : null}
      </button>
    </th>
  );
}

function SelectAll({ rows, selection }: { rows: readonly { id: string }[]; selection: Selection }) {
  const all = rows.length > 0 && rows.every(({ id }) => selection.ids.has(id));
  return (
    <th scope="col" className={classes.cell}>
      <Checkbox
        size="xs"
        aria-label="Select everything shown"
        checked={all}
        indeterminate={!all && selection.ids.size > 0}
        onChange={() => selection.onChange(all ? new Set() : new Set(rows.map(({ id }) => id)))}
      />
    </th>
  );
}

/** Arrow keys go from the link of one row to that of the next. */
function moveBetweenRows(event: KeyboardEvent<HTMLTableElement>) {
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
  const row = event.target instanceof HTMLElement ? event.target.closest<HTMLElement>('[data-row]') : null;
  if (step === 0 || !row) return;
  const next = event.currentTarget.querySelector<HTMLElement>(`[data-row="${Number(row.dataset.row) + step}"]`);
  const target = next?.querySelector<HTMLElement>('a, [data-row-link]');
  if (!next || !target) return;
  event.preventDefault();
  target.focus({ preventScroll: true });
  next.scrollIntoView({ block: 'nearest' });
}
