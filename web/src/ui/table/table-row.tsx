import { Checkbox } from '@mantine/core';
import { memo, type ReactNode } from 'react';
import classes from './data-table.module.css';

export interface Column<Row> {
  readonly key: string;
  readonly header: string;
  /** Said to a screen reader only. */
  readonly headerHidden?: true;
  /** A CSS grid track. */
  readonly width: string;
  /** Left out when the table is narrower than this many pixels. */
  readonly from?: number;
  readonly align?: 'right';
  readonly cell: (row: Row) => ReactNode;
  /** The value of the API's `sort` for ascending order. */
  readonly sort?: string;
}

export interface RowActions<Row> {
  readonly open: (row: Row) => void;
  readonly toggle: (id: string) => void;
  readonly nameOf: (id: string) => string;
}

interface Props<Row extends { id: string }> {
  row: Row;
  index: number;
  columns: readonly Column<Row>[];
  template: string;
  height: number;
  top: number;
  /** Undefined in a table without selection. */
  selected: boolean | undefined;
  actions: RowActions<Row>;
  isClickable: boolean;
}

function TableRow<Row extends { id: string }>(props: Props<Row>) {
  const { row, index, columns, template, height, top, selected, actions, isClickable } = props;
  return (
    <tr
      aria-rowindex={index + 2}
      className={classes.row}
      data-row={index}
      data-selected={selected || undefined}
      data-clickable={isClickable || undefined}
      style={{ gridTemplateColumns: template, height, transform: `translateY(${top}px)` }}
      onClick={(event) => {
        if (event.target instanceof Element && !event.target.closest('a, button, input, label')) actions.open(row);
      }}
    >
      {selected === undefined ? null : (
        <td className={classes.cell}>
          <Checkbox
            size="xs"
            aria-label={`Select ${actions.nameOf(row.id)}`}
            checked={selected}
            onChange={() => actions.toggle(row.id)}
          />
        </td>
      )}
      {columns.map((column) => (
        <td key={column.key} className={classes.cell} data-align={column.align}>
          {column.cell(row)}
        </td>
      ))}
    </tr>
  );
}

/** Drawn again only when the row, its place or its columns change. */
export const MemoRow = memo(TableRow) as typeof TableRow;
