import { Anchor, Button, Code, Drawer, Group, Stack } from '@mantine/core';
import type { Block } from '@valtronics/contract';
import { Link } from 'react-router';
import { Copyable } from '../../ui/copyable.tsx';
import { Fact, Facts } from '../../ui/facts.tsx';
import { paths } from '../../ui/paths.ts';
import { exactTime } from '../../ui/time/format-time.ts';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { BlockState } from './block-state.tsx';
import { evidenceFilter, kindWords, ordinal, originText, scopeWords, subjectOf } from './block-words.ts';
import classes from './blocks.module.css';

interface Props {
  block: Block | null;
  onLift: (block: Block) => void;
  onClose: () => void;
}

/** One block: who, why, until when, the how manieth, and what led to it. */
export function BlockDrawer({ block, onLift, onClose }: Props) {
  return (
    <Drawer
      opened={block !== null}
      onClose={onClose}
      position="right"
      size={520}
      title={block ? `${kindWords[block.kind]} of ${subjectOf(block)}` : ''}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {block ? <Content block={block} onLift={onLift} /> : null}
    </Drawer>
  );
}

const meanings = {
  block: 'strangers and new sign-ins are kept out; what was let in before goes on',
  ban: 'nothing is taken from there',
} as const;

function Content({ block, onLift }: { block: Block; onLift: Props['onLift'] }) {
  const isLiftable = block.state === 'in_force' && !block.simulated;
  return (
    <Stack gap="md">
      <Group justify="space-between">
        <BlockState block={block} />
        {isLiftable ? <Button onClick={() => onLift(block)}>Lift the {block.kind}</Button> : null}
      </Group>
      <Facts>
        <Fact name={scopeWords[block.scope]}>
          {block.label ? `${block.label} ` : ''}
          <Copyable value={block.value} label="Copy who is kept out" />
        </Fact>
        <Fact name="Kind">
          {kindWords[block.kind]}: {meanings[block.kind]}
        </Fact>
        <Fact name="Why">{block.reason}</Fact>
        <Fact name="Made">
          {exactTime(block.createdAt, { milliseconds: false })}, {originText(block)}
        </Fact>
        <Fact name="Until">
          {exactTime(block.expiresAt, { milliseconds: false })} (<RelativeTime at={block.expiresAt} />)
        </Fact>
        <Fact name="Within a day">the {ordinal(block.nth)}; each lasts twice as long as the one before</Fact>
        {block.liftedAt ? (
          <Fact name="Lifted">
            {exactTime(block.liftedAt, { milliseconds: false })}
            {block.liftedBy ? ` by ${block.liftedBy.label ?? block.liftedBy.id}` : ''}
          </Fact>
        ) : null}
        {block.graceUntil ? (
          <Fact name="Spared until">{exactTime(block.graceUntil, { milliseconds: false })}</Fact>
        ) : null}
        <Fact name="Id">
          <Copyable value={block.id} label="Copy the block id" shorten />
        </Fact>
      </Facts>
      {Object.keys(block.evidence).length > 0 ? (
        <Code block className={classes.details} tabIndex={0}>
          {JSON.stringify(block.evidence, null, 2)}
        </Code>
      ) : null}
      <Group gap="md">
        <Anchor component={Link} to={paths.securityEventsOf(evidenceFilter(block))} size="sm">
          The events that led to it
        </Anchor>
        <Anchor component={Link} to={paths.incidentsAbout(block.value)} size="sm">
          Incidents about it
        </Anchor>
      </Group>
    </Stack>
  );
}
