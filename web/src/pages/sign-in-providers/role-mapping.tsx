import { ActionIcon, Button, Input, NativeSelect, Stack, TextInput } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconPlus, IconX } from '@tabler/icons-react';
import { faultIn, type GroupLine, type ProviderForm } from './provider-form.ts';
import classes from './providers.module.css';
import type { RoleChoice } from './use-role-choices.ts';

const most = 100;

interface Props {
  form: ProviderForm;
  choicesFor: (chosen: string) => readonly RoleChoice[];
}

/** Groups and the roles they lead to; the first line that fits counts, so the order is part of what is said. */
export function RoleMapping({ form, choicesFor }: Props) {
  const lines = form.values.roleMapping;
  const set = (next: readonly GroupLine[]) => form.set('roleMapping', [...next]);
  const change = (key: number, fields: Partial<GroupLine>) =>
    set(lines.map((line) => (line.key === key ? { ...line, ...fields } : line)));
  const move = (from: number, to: number) => {
    const moved = lines[from];
    if (moved) set(lines.toSpliced(from, 1).toSpliced(to, 0, moved));
  };
  const add = () => {
    const key = Math.max(0, ...lines.map((line) => line.key)) + 1;
    const role = choicesFor('').find(({ value, disabled }) => value === 'user' && !disabled)?.value;
    set([...lines, { key, group: '', role: role ?? choicesFor('').find(({ disabled }) => !disabled)?.value ?? '' }]);
  };
  return (
    <Input.Wrapper
      labelElement="div"
      label="Role of a group"
      description="From top to bottom; the first line with a group the person is in counts"
    >
      <Stack gap={6} mt={6}>
        {lines.length > 0 ? (
          <ol aria-label="Role of a group" className={classes.lines}>
            {lines.map((line, index) => (
              <li key={line.key} className={classes.line}>
                <TextInput
                  aria-label={`Group ${index + 1}`}
                  placeholder="group, exactly as the provider says it"
                  maxLength={200}
                  value={line.group}
                  error={form.errors[`roleMapping.${index}.group`]}
                  onChange={(event) => change(line.key, { group: event.currentTarget.value })}
                />
                <NativeSelect
                  aria-label={`Role of group ${index + 1}`}
                  value={line.role}
                  data={[...choicesFor(line.role)]}
                  error={form.errors[`roleMapping.${index}.role`]}
                  onChange={(event) => change(line.key, { role: event.currentTarget.value })}
                />
                <span className={classes.lineActions}>
                  <ActionIcon
                    aria-label={`Move group ${index + 1} up`}
                    disabled={index === 0}
                    onClick={() => move(index, index - 1)}
                  >
                    <IconArrowUp size={14} />
                  </ActionIcon>
                  <ActionIcon
                    aria-label={`Move group ${index + 1} down`}
                    disabled={index === lines.length - 1}
                    onClick={() => move(index, index + 1)}
                  >
                    <IconArrowDown size={14} />
                  </ActionIcon>
                  <ActionIcon
                    aria-label={`Remove group ${index + 1}`}
                    onClick={() => set(lines.filter(({ key }) => key !== line.key))}
                  >
                    <IconX size={14} />
                  </ActionIcon>
                </span>
              </li>
            ))}
          </ol>
        ) : null}
        <div>
          <Button
            variant="default"
            size="compact-sm"
            leftSection={<IconPlus size={14} />}
            disabled={lines.length >= most}
            onClick={add}
          >
            Add a group
          </Button>
        </div>
        {lines.length === 0 && faultIn(form.errors, 'roleMapping') ? (
          <Input.Error>{faultIn(form.errors, 'roleMapping')}</Input.Error>
        ) : null}
      </Stack>
    </Input.Wrapper>
  );
}
