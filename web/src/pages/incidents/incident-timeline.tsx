import { Anchor, Switch } from '@mantine/core';
import { type IncidentEntry, securityEventText } from '@valtronics/contract';
import { useMemo, useState } from 'react';
import { Link } from 'react-router';
import { countText } from '../../ui/format-value.ts';
import { Panel } from '../../ui/page.tsx';
import { paths } from '../../ui/paths.ts';
import { IncidentSeverityBadge } from '../../ui/severity.tsx';
import { dayAndMinute, exactTime } from '../../ui/time/format-time.ts';
import { entryWords, subjectText } from './incident-words.ts';
import classes from './incidents.module.css';
import { NoteForm } from './note-form.tsx';
import { type TimelineItem, timelineItems } from './timeline-rows.ts';

interface Props {
  id: string;
  timeline: readonly IncidentEntry[];
  isCut: boolean;
}

/** Everything about an incident, newest first: events, detections, decisions, and what people did. */
export function IncidentTimeline({ id, timeline, isCut }: Props) {
  const [withEvents, setWithEvents] = useState(true);
  const items = useMemo(() => timelineItems(timeline, withEvents), [timeline, withEvents]);
  return (
    <Panel
      title="Timeline"
      aside={
        <Switch
          size="xs"
          label="Events"
          checked={withEvents}
          onChange={(event) => setWithEvents(event.currentTarget.checked)}
        />
      }
    >
      <NoteForm id={id} />
      <ol className={classes.timeline} aria-label="Timeline, newest first">
        {items.map((item) => (
          <Item key={item.place} item={item} />
        ))}
      </ol>
      {isCut ? <p className="dim">Only the newest events are shown; all of them stand under security events.</p> : null}
    </Panel>
  );
}

const acts = new Set<IncidentEntry['kind']>(['opened', 'acknowledged', 'contained', 'resolved', 'reopened']);

function Item({ item: { entry, lastAt, count } }: { item: TimelineItem }) {
  const { kind, by, note, at } = entry;
  return (
    <li data-kind={kind} data-weight={acts.has(kind) ? 'strong' : undefined}>
      <div className={classes.line}>
        <What entry={entry} count={count} />
        {by && kind !== 'event' ? <span>by {by}</span> : null}
        <time className={classes.at} dateTime={at} title={exactTime(at)}>
          {dayAndMinute(at)}
          {lastAt.slice(0, 16) === at.slice(0, 16) ? '' : ` – ${dayAndMinute(lastAt).slice(11)}`}
        </time>
      </div>
      {note && kind !== 'event' && kind !== 'detection' ? <div className={classes.note}>{note}</div> : null}
    </li>
  );
}

function What({ entry, count }: { entry: IncidentEntry; count: number }) {
  const { kind, name, subject, severity, technique, id, by, note } = entry;
  const about = subject ? subjectText(subject) : null;
  if (kind === 'detection')
    return (
      <>
        <b>{name}</b>
        {severity ? <IncidentSeverityBadge severity={severity} /> : null}
        {id ? (
          <Anchor component={Link} to={paths.securityEventsOf({ detectionId: id })} size="sm">
            {count === 1 ? '1 event' : `${countText(count)} events`}
          </Anchor>
        ) : null}
        <span className="dim">
          {about}
          {technique ? `, ${technique}` : ''}
        </span>
      </>
    );
  if (kind === 'event')
    return (
      <span>
        {by ?? about ?? 'Somebody'} {securityEventText(name ?? '')}
        {count > 1 ? `, ${countText(count)} times` : ''}
        <span className="dim">
          {by && about ? `, ${about}` : ''}
          {note ? ` (${note})` : ''}
        </span>
      </span>
    );
  if (kind === 'decision')
    return (
      <>
        <b>{name}</b>
        {subject ? (
          <Anchor component={Link} to={paths.blocksOf(subject.value)} size="sm">
            {about}
          </Anchor>
        ) : null}
      </>
    );
  return <b>{entryWords[kind]}</b>;
}
