import { Drawer, Stack } from '@mantine/core';
import type { CataloguedField } from '@valtronics/contract';
import { Copyable } from '../../ui/copyable.tsx';
import { Fact, Facts } from '../../ui/facts.tsx';
import { ClassBadge } from './class-badge.tsx';
import { searchWords, storedText, viewersText } from './field-words.ts';

/** One field with all that is decided about it. */
export function FieldDrawer({ field, onClose }: { field: CataloguedField | null; onClose: () => void }) {
  return (
    <Drawer
      opened={field !== null}
      onClose={onClose}
      position="right"
      size={520}
      title={field?.id ?? ''}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {field ? <Content field={field} /> : null}
    </Drawer>
  );
}

function Content({ field }: { field: CataloguedField }) {
  const { table, column, path, clear, masked, mask, revealBy, retention, legalBasis, search, stored } = field;
  return (
    <Stack gap="md">
      <ClassBadge of={field.class} />
      <Facts>
        <Fact name="Where">
          column <span className="mono">{column}</span> of <span className="mono">{table}</span>
          {path === null ? '' : `, at ${path}`}
        </Fact>
        <Fact name="In clear for">{viewersText(clear)}</Fact>
        <Fact name="Masked for">
          {masked.length === 0
            ? 'nobody; others do not see it at all'
            : `${viewersText(masked)}, as ${maskWords[mask]}`}
        </Fact>
        <Fact name="Revealed to">
          {revealBy.length === 0 ? 'nobody' : `${revealBy.join(' or ')}, with a fresh proof and a reason`}
        </Fact>
        <Fact name="Kept">{retention}</Fact>
        <Fact name="Legal basis">{legalBasis}</Fact>
        <Fact name="Stored">
          {storedText(field)}
          {stored.why === null ? '' : `: ${stored.why}`}
        </Fact>
        <Fact name="Searched">{searchWords[search]}</Fact>
        <Fact name="Name">
          <Copyable value={field.id} label="Copy the name of the field" />
        </Fact>
      </Facts>
    </Stack>
  );
}

const maskWords = {
  email: 'an email address without its middle',
  phone: 'the last four digits',
  card: 'the last four digits',
  text: 'a mask of one length',
} as const;
