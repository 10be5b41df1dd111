import type { ReactNode } from 'react';
import { Link } from 'react-router';
import classes from './figures.module.css';
import { countText } from './format-value.ts';

/** Groups of counts at the head of a page. */
export function FigureStrip({ children }: { children: ReactNode }) {
  return <div className={classes.strip}>{children}</div>;
}

export function Figures({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={classes.group} aria-label={title}>
      <h2 className={classes.title}>{title}</h2>
      <div className={classes.figures}>{children}</div>
    </section>
  );
}

export interface FigureProps {
  /** What stands behind the count. */
  to: string;
  /** A text where it is no count. */
  count: number | string;
  of?: number;
  label: string;
  tone?: 'critical' | 'warning' | 'info' | undefined;
  icon?: ReactNode;
  /** Beside the count. */
  after?: ReactNode;
}

export function Figure({ to, count, of, label, tone, icon, after }: FigureProps) {
  return (
    <Link to={to} className={classes.figure} data-tone={tone} data-zero={count === 0 || undefined}>
      <span className={classes.count}>
        {typeof count === 'number' ? countText(count) : count}
        {of === undefined ? null : <span className={classes.of}>/{countText(of)}</span>}
        {after}
      </span>
      <span className={classes.label}>
        {icon}
        {label}
      </span>
    </Link>
  );
}
