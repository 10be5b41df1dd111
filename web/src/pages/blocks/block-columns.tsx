import { Anchor, Button, UnstyledButton } from '@mantine/core';
import type { Block } from '@valtronics/contract';
import { Link } from 'react-router';
import { paths } from '../../ui/paths.ts';
import type { Column } from '../../ui/table/data-table.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { BlockState } from './block-state.tsx';
import { evidenceFilter, ordinal, originText, scopeWords, subjectOf } from './block-words.ts';
import classes from './blocks.module.css';

interface Actions {
  onOpen: (block: Block) => void;
  onLift: (block: Block) => void;
}

export const blockColumns = ({ onOpen, onLift }: Actions): readonly Column<Block>[] => [
  {
    key: 'subject',
    header: 'Who',
    width: 'minmax(120px, 1.2fr)',
    cell: (block) => (
      <UnstyledButton className={classes.subject} data-row-link onClick={() => onOpen(block)}>
        <span className="truncate" title={block.value}>
          {subjectOf(block)}
        </span>
        <span className="truncate">
          {scopeWords[block.scope]}
          {block.state === 'in_force' ? (
            <span className={classes.narrow}>
              , until <RelativeTime at={block.expiresAt} />
            </span>
          ) : null}
        </span>
      </UnstyledButton>
    ),
  },
  { key: 'state', header: 'State', width: '92px', cell: (block) => <BlockState block={block} /> },
  {
    key: 'why',
    header: 'Why',
    width: 'minmax(140px, 1.8fr)',
    from: 560,
    cell: (block) => (
      <span className={classes.two} title={block.reason}>
        <span className="truncate">{block.reason}</span>
        <span className="truncate">{originText(block)}</span>
      </span>
    ),
  },
  {
    key: 'nth',
    header: 'Time',
    width: '52px',
    from: 900,
    align: 'right',
    cell: ({ nth }) => <span title="Within a day; each lasts twice as long">{ordinal(nth)}</span>,
  },
  {
    key: 'evidence',
    header: 'Evidence',
    width: '72px',
    from: 760,
    cell: (block) => (
      <Anchor component={Link} to={paths.securityEventsOf(evidenceFilter(block))} size="sm">
        Events
      </Anchor>
    ),
  },
  {
    key: 'made',
    header: 'Since',
    width: '88px',
    from: 840,
    align: 'right',
    cell: ({ createdAt }) => <RelativeTime at={createdAt} />,
  },
  {
    key: 'until',
    header: 'Until',
    width: '88px',
    align: 'right',
    from: 440,
    cell: ({ liftedAt, expiresAt }) => <RelativeTime at={liftedAt ?? expiresAt} />,
  },
  {
    key: 'lift',
    header: 'Lift',
    headerHidden: true,
    width: '48px',
    cell: (block) =>
      block.state === 'in_force' && !block.simulated ? (
        <Button
          variant="default"
          size="compact-xs"
          aria-label={`Lift the ${block.kind} of ${subjectOf(block)}`}
          onClick={() => onLift(block)}
        >
          Lift
        </Button>
      ) : null,
  },
];
